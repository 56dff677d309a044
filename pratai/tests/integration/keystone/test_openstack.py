# SPDX-License-Identifier: Apache-2.0
"""The ``openstack function`` commands against Keystone and Pratai."""

import importlib.util
import os
import subprocess
import sys

from pratai.tests.functional import standalone
from pratai.tests.integration import base as integration
from pratai.tests.integration.keystone import server
from pratai.tests.integration.keystone import test_client

OPENSTACK = os.path.join(os.path.dirname(sys.executable), 'openstack')


class TestOpenStack(test_client.TestCase):

    def setUp(self):
        if not importlib.util.find_spec('openstackclient'):
            integration.cannot(self,
                               'python-openstackclient is not installed')
        super().setUp()

    def run_command(self, *argv, user='member', project=None, **more):
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith('OS_')}
        environment.update({
            'OS_USERNAME': user, 'OS_PASSWORD': self.keystone.password,
            'OS_AUTH_URL': self.keystone.url,
            'OS_PROJECT_NAME': project or server.PERSONAS[user],
            'OS_PROJECT_DOMAIN_NAME': 'Default',
            'OS_USER_DOMAIN_NAME': 'Default',
            'HOME': self.directory, 'XDG_CONFIG_HOME': self.directory})
        return subprocess.run(
            [OPENSTACK, 'function', *argv], env=dict(environment, **more),
            cwd=self.directory, capture_output=True, text=True,
            timeout=standalone.PATIENCE)

    def test_everything(self):
        made = self.json('create', 'echo', '--zip', self.zip, '--wait')
        project = self.keystone.projects[server.PROJECT].id
        self.assertEqual((project, 'inactive'),
                         (made['project_id'], made['status']))
        executed = self.json('execute', 'echo', '--payload', '0', '--wait')
        self.assertEqual(('succeeded', 0),
                         (executed['status'], executed['response']))

        self.fails('function.not_found', 'show', made['id'], user='stranger')
        self.fails('request.forbidden', 'delete', 'echo', user='reader')
        self.fails('request.forbidden', 'list', '--all-projects')
        self.fails('request.forbidden', 'service', 'list')
        # An admin may, and calls a project by its name.
        admin = {'user': 'admin', 'project': server.ELSEWHERE}
        self.keystone.grant(self.keystone.admin().users.find(name='admin'),
                            'admin', server.ELSEWHERE)
        self.assertEqual([], self.json('list', **admin))
        listed = self.json('list', '--project', server.PROJECT, '--long',
                           **admin)
        self.assertEqual([(made['id'], project)], [
            (one['ID'], one['Project ID']) for one in listed])
        listed = self.json('request', 'list', '--all-projects', '--function',
                           'echo', **admin)
        self.assertEqual([executed['request_id']],
                         [one['ID'] for one in listed])
        self.fails('No Project found', 'list', '--project', 'nowhere',
                   **admin)
        self.assertIn('pratai-executor', [
            one['Binary'] for one in self.json('service', 'list', **admin)])

        self.fails('in region Two', 'list', OS_REGION_NAME='Two')
        self.ok('list', OS_REGION_NAME='Two',
                OS_PRATAI_URL=self.pratai.api)
        self.fails('requires authentication', 'list', OS_PASSWORD='wrong')
        self.ok('delete', 'echo')
