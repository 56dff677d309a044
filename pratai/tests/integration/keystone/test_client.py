# SPDX-License-Identifier: Apache-2.0
"""The ``pratai`` command and its library against Keystone and Pratai."""

import json
import os
import subprocess
import sys

import fixtures

from pratai.tests.functional import standalone
from pratai.tests.integration import base
from pratai.tests.integration import daemon
from pratai.tests.integration.keystone import server
from prataiclient import client
from prataiclient import exceptions

ECHO = '''import time


def main(payload=None):
    time.sleep(payload or 0)
    return payload
'''
CLOUDS = '''clouds:
  here:
    auth:
      auth_url: {url}
      username: member
      password: {password}
      project_name: prepared
      user_domain_name: Default
      project_domain_name: Default
    region_name: RegionOne
'''


class TestCase(base.TestCase):

    NEEDS = (server.Cloud,)
    KEYSTONE = server.Cloud

    def setUp(self):
        super().setUp()
        self.keystone = self.useFixture(self.KEYSTONE())
        options = {('api', 'auth_strategy'): 'keystone',
                   ('webhook', 'trusted_networks'): ''}
        options.update(
            (('keystone_authtoken', name), value)
            for name, value in self.keystone.options().items())
        self.pratai = self.useFixture(standalone.Standalone(options))
        self.keystone.add_endpoint(self.pratai.api)
        self.directory = self.useFixture(fixtures.TempDir()).path
        self.zip = self.file('echo.zip', standalone.package(ECHO))

    def file(self, name, content):
        path = os.path.join(self.directory, name)
        with open(path, 'wb') as file:
            file.write(content)
        return path

    def run_command(self, *argv, user='member', project=None, **more):
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith('OS_')}
        if user:
            # As the tutorial has it.
            environment.update({
                'OS_USERNAME': user, 'OS_PASSWORD': self.keystone.password,
                'OS_AUTH_URL': self.keystone.url,
                'OS_TENANT_NAME': project or server.PERSONAS[user],
                'OS_IDENTITY_API_VERSION': '3',
                'OS_PROJECT_DOMAIN_NAME': 'Default',
                'OS_USER_DOMAIN_NAME': 'Default'})
        return subprocess.run(
            [sys.executable, '-W', 'ignore', '-m', 'prataiclient', *argv],
            env=dict(environment, **more), cwd=self.directory,
            capture_output=True, text=True, timeout=standalone.PATIENCE)

    def ok(self, *argv, **kwargs):
        """:returns: what a command prints that goes well."""
        done = self.run_command(*argv, **kwargs)
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout

    def json(self, *argv, **kwargs):
        return json.loads(self.ok(*argv, '-f', 'json', **kwargs))

    def fails(self, text, *argv, **kwargs):
        done = self.run_command(*argv, **kwargs)
        self.assertEqual(1, done.returncode, done.stdout)
        self.assertIn(text, done.stderr)
        self.assertEqual(1, len(done.stderr.splitlines()), done.stderr)


class TestCommand(TestCase):

    def test_everything(self):
        function_id = self.ok('function-create', 'echo', '--zip',
                              self.zip).strip()
        self.projects(function_id)
        self.update(function_id)
        self.requests(function_id)
        self.operators()
        self.clouds()

    def projects(self, function_id):
        self.assertEqual([], self.json('function-list', user='stranger'))
        self.fails('function.not_found', 'function-show', function_id,
                   user='stranger')
        self.fails('request.forbidden', 'function-list', '--all-projects')
        everywhere = self.json('function-list', '--all-projects',
                               user='admin', project='admin')
        self.assertEqual(
            [(function_id, self.keystone.projects[server.PROJECT].id)],
            [(one['function_id'], one['tenant_id']) for one in everywhere])
        self.assertEqual([], self.json(
            'function-list', '--all-projects', '--project', 'other',
            user='admin', project='admin'))

    def update(self, function_id):
        self.assertTrue(self.json('function-update', function_id,
                                  '--public', 'true')['public'])
        shown = self.json('function-update', 'echo', '--public', 'false',
                          '--memory', '64', '--timeout', '9', '--name',
                          'echo2', '--description', 'text')
        self.assertEqual(
            [False, 64, 9, 'echo2', 'text', 2],
            [shown[name] for name in ('public', 'memory', 'timeout', 'name',
                                      'description', 'version')])
        self.fails('nothing to change', 'function-update', 'echo2')
        self.fails('request.forbidden', 'function-update', 'echo2',
                   '--public', 'true', user='reader')

    def requests(self, function_id):
        api = client.Client(self.keystone.session('member'))
        request = api.functions.execute(api.functions.get(function_id))
        api.requests.wait(request.request_id)
        reader = client.Client(self.keystone.session('reader'))
        self.assertRaises(exceptions.Forbidden, reader.functions.execute,
                          reader.functions.get(function_id))
        found = self.json('request-list', '--all-projects', '--filter',
                          'echo2', user='admin', project='admin')
        self.assertEqual([request.request_id],
                         [one['request_id'] for one in found])
        self.ok('request-delete', request.request_id)
        self.assertEqual([], self.json('request-list'))
        self.fails('request.not_found', 'request-show', request.request_id)
        request = api.functions.execute(api.functions.get(function_id), 600)
        self.assertRaises(exceptions.Conflict, api.requests.delete,
                          request.request_id)
        api.requests.cancel(request.request_id)

    def operators(self):
        self.fails('request.forbidden', 'service-list')
        listed = self.json('service', 'list', user='admin')
        self.assertEqual({'enabled'}, {one['state'] for one in listed})
        executor, = [one for one in listed
                     if one['binary'] == 'pratai-executor']
        shown = self.json('service', 'disable', executor['host'],
                          '--reason', 'new memory', user='admin')
        self.assertEqual(('disabled', 'new memory'),
                         (shown['state'], shown['state_reason']))
        shown = self.json('service-drain', executor['service_id'],
                          user='admin')
        self.assertEqual('draining', shown['state'])
        shown = self.json('service', 'enable', executor['service_id'][:8],
                          user='admin')
        self.assertEqual('enabled', shown['state'])
        runtime = self.json('runtime-list')[0]['name']
        self.assertEqual('disabled', self.json(
            'runtime-disable', runtime, user='admin')['status'])
        self.fails('runtime.disabled', 'function-create', 'late', '--zip',
                   self.zip, '--runtime', runtime)
        self.assertEqual('available', self.json(
            'runtime', 'enable', runtime, user='admin')['status'])

    def clouds(self):
        self.file('clouds.yaml', CLOUDS.format(
            url=self.keystone.root, password=self.keystone.password
        ).encode())
        for argv, more in ((['--os-cloud', 'here'], {}),
                           ([], {'OS_CLOUD': 'here'})):
            found = self.json(*argv, 'function-list', user=None, **more)
            self.assertEqual(['echo2'], [one['name'] for one in found])
        self.fails('OS_CLOUD', 'function-list', user=None, OS_CLOUD='there')

    def test_what_goes_wrong(self):
        self.fails('Keystone at', 'function-list', OS_PASSWORD='wrong')
        self.fails('Keystone at', 'function-list', project='nowhere')
        token = self.keystone.token('member')
        self.assertEqual([], self.json(
            'function-list', user=None, OS_TOKEN=token,
            OS_PRATAI_URL=self.pratai.api))
        self.fails('request.unauthorized', 'function-list', user=None,
                   OS_TOKEN='nonsense', OS_PRATAI_URL=self.pratai.api)
        self.fails('no public endpoint', 'function-list',
                   OS_REGION_NAME='elsewhere')
        self.keystone.kill()
        self.fails('Cannot get a token', 'function-list')
        self.fails('keystone.unavailable', 'function-list', user=None,
                   OS_TOKEN=token + 'x', OS_PRATAI_URL=self.pratai.api)


class TestExpiry(TestCase):

    KEYSTONE = server.ShortLived

    def test_half_way(self):
        """A program does not notice that its token expires."""
        session = self.keystone.session('member')
        api = client.Client(session)
        seen = set()

        def work():
            self.assertEqual([], api.functions.list())
            seen.add(session.get_token())
            return len(seen) > 1

        daemon.until(work)

    def test_revoked_half_way(self):
        session = self.keystone.session('member')
        api = client.Client(session)
        self.assertEqual([], api.functions.list())
        token = session.get_token()
        response = self.keystone.http(
            'DELETE', '/v3/auth/tokens', headers={
                'X-Auth-Token': token, 'X-Subject-Token': token})
        self.assertEqual(204, response.status_code)
        self.assertEqual([], api.functions.list())
