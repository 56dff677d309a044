# SPDX-License-Identifier: Apache-2.0
"""The tutorial and the life of nodes, on a whole cloud."""

import json
import os
import subprocess
import sys

import docker
import fixtures

from pratai.tests.functional import standalone
from pratai.tests.integration import base
from pratai.tests.integration import cloud
from pratai.tests.integration import daemon
from pratai.tests.integration import engine
from pratai.tests.integration.keystone import server

#: Seconds in which numpy comes from an index that is very slow: for a build,
#: and for a command that waits for it.
BUILT, INSTALLED = 1500, 1800
OPENSTACK = os.path.join(os.path.dirname(sys.executable), 'openstack')
ECHO = 'def main(payload=None):\n    return payload\n'
#: As the tutorial has it.
TUTORIAL = '''import numpy


def local_function(payload):
    return payload


def main(payload=None):
    return local_function(payload)
'''
LOGGING = '''import logging

logger = logging.getLogger('pratai')


def main(payload=None):
    print('printed')
    logger.info('logged')
    return payload
'''


class TestCloud(base.TestCase):

    NEEDS = cloud.NEEDS

    def setUp(self):
        super().setUp()
        base.cannot(self, engine.why_not())
        self.cloud = self.useFixture(cloud.Cloud(
            offered=('python27', 'python311'),
            options={('builder', 'timeout'): BUILT}))
        self.pratai = self.cloud.pratai
        self.directory = self.useFixture(fixtures.TempDir()).path
        self.addOnException(lambda error: self.addDetail(
            'services', base.text(self.pratai.logs())))

    def zip(self, module, requirements=''):
        path = os.path.join(self.directory, 'package.zip')
        with open(path, 'wb') as file:
            file.write(standalone.package(module, requirements))
        return path

    def run_command(self, *argv, user='member'):
        """:returns: what a command prints that goes well."""
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith('OS_')}
        environment.update({
            'OS_USERNAME': user, 'OS_PASSWORD': self.cloud.keystone.password,
            'OS_AUTH_URL': self.cloud.keystone.url,
            'OS_PROJECT_NAME': server.PERSONAS[user],
            'OS_PROJECT_DOMAIN_NAME': 'Default',
            'OS_USER_DOMAIN_NAME': 'Default'})
        done = subprocess.run(
            argv, env=environment, cwd=self.directory, capture_output=True,
            text=True, timeout=INSTALLED)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        return done.stdout

    def run_pratai(self, *argv, **kwargs):
        return self.run_command(sys.executable, '-W', 'ignore', '-m',
                                'prataiclient', *argv, **kwargs)

    def openstack(self, *argv, **kwargs):
        return json.loads(self.run_command(
            OPENSTACK, 'function', *argv, '-f', 'json', **kwargs))

    def call(self, function_id, payload, **headers):
        return self.pratai.http.post(
            '%s/function/%s' % (self.pratai.webhooks[0].url, function_id),
            json={'payload': payload}, headers=headers,
            timeout=daemon.PATIENCE)

    def images(self, api):
        """:returns: the names of functions' images that an engine has."""
        return [name for one in api.images() for name in
                one['RepoTags'] or () if '/pratai/function/' in name]

    def test_tutorial(self):
        token = self.cloud.keystone.token('member')
        self.assertIn('\n  function-create  ', self.run_pratai('help'))
        runtimes = json.loads(self.run_pratai('runtime-list', '-f', 'json'))
        self.assertLessEqual({'python27', 'python311'}, {
            one['name'] for one in runtimes})
        path = self.zip(TUTORIAL, 'numpy\n')
        made = self.run_pratai('function-create', 'first', '--zip', path,
                               '--runtime', 'python27')
        function_id = self.run_pratai('function-list', '--only-id', '-f',
                                      'value').strip()
        self.assertIn(function_id, made)
        shown = json.loads(self.run_pratai('function-show', function_id,
                                           '-f', 'json'))
        self.assertEqual(('python27', 'inactive'),
                         (shown['runtime'], shown['status']))
        self.assertEqual(401, self.call(
            function_id, 'x', **{'X-Auth-Token': 'nonsense'}).status_code)
        answer = self.call(function_id, {'n': [1, None]},
                           **{'X-Auth-Token': token})
        self.assertEqual(202, answer.status_code, answer.text)
        request = self.pratai.finished(answer.json()['request_id'])
        self.assertEqual(('succeeded', {'n': [1, None]}),
                         (request['status'], request['response']))
        listed = self.run_pratai('request-list', '--filter', request['id'])
        self.assertRegex(listed, r'\| %s .* succeeded ' % request['id'])
        # The other command, with the same requirements.
        path = self.zip(LOGGING, 'numpy\n')
        made = self.openstack('create', 'second', '--zip', path,
                              '--runtime', 'python27', '--type', 'sync',
                              '--wait')
        self.assertEqual('inactive', made['status'])
        done = self.openstack('execute', 'second', '--payload', '"x"',
                              '--wait')
        self.assertEqual(('succeeded', 'x'),
                         (done['status'], done['response']))
        self.assertEqual({'first', 'second'}, {
            one['Name'] for one in self.openstack('list')})
        self.assertEqual(
            [(done['request_id'], made['id']), (request['id'], function_id)],
            [(one['ID'], one['Function ID'])
             for one in self.openstack('request', 'list')])
        shown = self.openstack('request', 'show', done['request_id'])
        self.assertEqual(('sync', 'succeeded', 'x', 'x'),
                         (shown['type'], shown['status'], shown['payload'],
                          shown['response']))
        log = self.run_command(OPENSTACK, 'function', 'request', 'log',
                               done['request_id'])
        self.assertIn('printed\n', log)
        self.assertIn('logged', log)
        # The filter may be a function as well.
        listed = self.run_pratai('request-list', '--filter', function_id)
        self.assertIn(request['id'], listed)
        self.assertNotIn(done['request_id'], listed)

    def test_nodes(self):
        function = self.pratai.create('echo', ECHO, runtime='python311')
        self.assertEqual('inactive', function['status'], function)

        def run():
            """:returns: the node that a request ran on."""
            request_id = self.call(function['id'], 'x').json()['request_id']
            request = self.pratai.finished(request_id)
            self.assertEqual(('succeeded', 'x', 1), (
                request['status'], request['response'], request['attempt']))
            return request['executor']

        first = run()
        number = int(first.removeprefix('node'))
        services = {one['host']: one['id'] for one in
                    self.pratai.get('/v1/services')['services']
                    if one['binary'] == 'pratai-executor'}
        # What one node has built the other one runs.
        self.run_command(OPENSTACK, 'function', 'service', 'set', '--drain',
                         services[first], user='admin')
        second = run()
        self.assertNotEqual(first, second)
        daemon.until(lambda: self.pratai.get(
            '/v1/services/' + services[first])['details']['drained'])
        self.assertEqual(1, len(self.pratai.get(
            '/v1/functions/%s/builds' % function['id'])['builds']))
        # What somebody removed from an engine is pulled again.
        api = docker.APIClient(base_url=self.cloud.engines[number].url,
                               version='auto')
        self.addCleanup(api.close)
        image, = self.images(api)
        api.remove_image(image, force=True)
        self.assertEqual([], self.images(api))
        self.run_command(OPENSTACK, 'function', 'service', 'set', '--enable',
                         services[first], user='admin')
        daemon.until(lambda: run() == first)
        self.assertEqual([image], self.images(api))
        self.assertEqual(1, len(self.pratai.get(
            '/v1/functions/%s/builds' % function['id'])['builds']))
        # A node without its engine gets nothing to do.
        self.cloud.engines[number].kill()
        daemon.until(lambda: not self.pratai.get(
            '/v1/services/' + services[first])['details']['available'])
        self.assertEqual(second, run())
        self.cloud.engines[number].start()
        daemon.until(lambda: run() == first)
