# SPDX-License-Identifier: Apache-2.0
"""The main job: everything real, in one process."""

import concurrent.futures
import os
import subprocess
import sys

from oslotest import base

from pratai.tests.functional import standalone

ECHO = '''
import logging
logger = logging.getLogger('pratai')


def main(payload=None):
    print('printed')
    logger.warning('logged')
    return payload
'''
COUNTER = '''
calls = 0


def main(payload):
    global calls
    calls += 1
    return calls
'''
SLEEPY = standalone.SLEEPY
ASKS = standalone.ASKS


class TestStandalone(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.pratai = self.useFixture(standalone.Standalone())

    def test_async(self):
        function = self.pratai.create('echo', ECHO)
        self.assertEqual('inactive', function['status'])
        response = self.pratai.post(function, {'key': 'välue'})
        self.assertEqual(202, response.status_code)
        self.assertEqual(['request_id'], list(response.json()))
        request = self.pratai.finished(response.json()['request_id'])
        self.assertEqual('succeeded', request['status'])
        self.assertEqual({'key': 'välue'}, request['payload'])
        self.assertEqual({'key': 'välue'}, request['response'])
        self.assertEqual(1, request['attempt'])
        self.assertEqual('cold', request['start'])
        self.assertEqual('printed\nWARNING logged\n',
                         self.pratai.logs(request['id']))

    def test_sync(self):
        function = self.pratai.create('echo', ECHO, type='sync')
        for start in ('cold', 'warm'):
            response = self.pratai.post(function, [1, None, 'x'])
            self.assertEqual(200, response.status_code)
            self.assertEqual([1, None, 'x'], response.json())
            self.assertEqual(start, response.headers['X-Pratai-Start'])
            self.assertEqual('succeeded',
                             response.headers['X-Pratai-Status'])
            self.assertGreater(
                float(response.headers['X-Pratai-Duration']), 0)
            request = self.pratai.finished(
                response.headers['X-Pratai-Request-Id'])
            self.assertEqual('succeeded', request['status'])
            self.assertEqual('sync', request['type'])
            self.assertEqual([1, None, 'x'], request['payload'])
            self.assertEqual([1, None, 'x'], request['response'])

    def test_isolation(self):
        request = self.pratai.create('r', COUNTER, type='sync')
        self.assertEqual([1, 1, 1], [self.pratai.post(request).json()
                                     for _ in range(3)])
        instance = self.pratai.create('i', COUNTER, type='sync',
                                      isolation='instance')
        self.assertEqual([1, 2, 3], [self.pratai.post(instance).json()
                                     for _ in range(3)])

    def test_a_function_may_use_every_processor(self):
        function = self.pratai.create(
            'cpus', 'import os\n\n\ndef main(payload):\n'
            '    return sorted(os.sched_getaffinity(0))\n', type='sync')
        self.assertEqual(sorted(os.sched_getaffinity(0)),
                         self.pratai.post(function).json())

    def test_many_at_once(self):
        function = self.pratai.create('echo', ECHO)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            ids = list(pool.map(
                lambda n: self.pratai.post(function, n)
                .json()['request_id'], range(200)))
        for number, request_id in enumerate(ids):
            request = self.pratai.finished(request_id)
            self.assertEqual(('succeeded', number),
                             (request['status'], request['response']))

    def test_timeout(self):
        function = self.pratai.create('sleepy', SLEEPY, type='sync',
                                      timeout=1)
        response = self.pratai.post(function, 600)
        self.assertEqual(504, response.status_code)
        self.assertEqual('function.timeout', response.json()['code'])
        request = self.pratai.finished(
            response.headers['X-Pratai-Request-Id'])
        self.assertEqual('timeout', request['status'])
        self.assertEqual('started\n', self.pratai.logs(request['id']))
        self.assertEqual('slept', self.pratai.post(function, 0).json())

    def test_cancel_and_follow(self):
        function = self.pratai.create('sleepy', SLEEPY)
        request_id = self.pratai.post(function, 600).json()['request_id']
        standalone.until(
            lambda: self.pratai.logs(request_id) == 'started\n')
        self.assertEqual(
            'active', self.pratai.get('/v1/functions/' + function['id'])
            ['status'])
        url = '%s/v1/requests/%s/cancel' % (self.pratai.api, request_id)
        self.assertEqual(202, self.pratai.http.post(url).status_code)
        request = self.pratai.finished(request_id)
        self.assertEqual('cancelled', request['status'])
        self.assertEqual('started\n', self.pratai.logs(request_id))
        again = self.pratai.http.post(url)
        self.assertEqual((409, 'request.finished'),
                         (again.status_code, again.json()['code']))

    def test_a_caller_who_waits_long_can_be_cancelled(self):
        function = self.pratai.create('sleepy', SLEEPY, type='sync')
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(self.pratai.post, function, 600)
            running = standalone.until(
                lambda: self.pratai.get('/v1/requests',
                                        status='running')['requests'])
            self.pratai.http.post('%s/v1/requests/%s/cancel' % (
                self.pratai.api, running[0]['id']))
            self.assertEqual('cancelled', waiting.result().headers[
                'X-Pratai-Status'])
        self.assertEqual('cancelled', self.pratai.finished(
            running[0]['id'])['status'])

    def test_delete(self):
        function = self.pratai.create('echo', ECHO)
        url = '%s/v1/functions/%s' % (self.pratai.api, function['id'])
        self.pratai.finished(self.pratai.post(function).json()['request_id'])
        self.assertEqual(204, self.pratai.http.delete(url).status_code)
        self.assertEqual(404, self.pratai.http.get(url).status_code)
        standalone.until(
            lambda: self.pratai.post(function).status_code == 404)
        self.assertEqual([], os.listdir(os.path.join(
            self.pratai.state_path, 'packages')))
        standalone.until(lambda: not any(
            os.listdir(os.path.join(self.pratai.state_path, name))
            for name in ('run', 'images')))

    def change(self, function, **changes):
        response = self.pratai.http.patch(
            '%s/v1/functions/%s' % (self.pratai.api, function['id']),
            json=changes, timeout=60)
        self.assertEqual(200, response.status_code, response.text)
        return response.json()

    def instances(self):
        """:returns: how many there are on the node at this moment."""
        return len(os.listdir(os.path.join(self.pratai.state_path, 'run')))

    def test_new_settings_meet_no_old_instance(self):
        function = self.pratai.create('i', COUNTER, type='sync',
                                      isolation='instance')
        self.assertEqual([1, 2], [self.pratai.post(function).json()
                                  for _ in range(2)])
        changed = self.change(function, timeout=30, memory=256)
        self.assertEqual(2, changed['version'])
        # At once, although the webhook app remembers the old version.
        response = self.pratai.post(function)
        self.assertEqual((1, 'cold'), (
            response.json(), response.headers['X-Pratai-Start']))
        request = self.pratai.finished(
            response.headers['X-Pratai-Request-Id'])
        self.assertEqual(changed['version_id'], request['version_id'])
        standalone.until(lambda: self.instances() == 1)
        self.assertEqual(2, self.pratai.post(function).json())
        self.assertEqual(2, self.change(function, name='j')['version'])
        self.assertEqual(3, self.pratai.post(function).json())

    def test_a_busy_instance_ends_with_its_request(self):
        listener = self.useFixture(standalone.Listener())
        function = self.pratai.create('asks', ASKS, network=True,
                                      timeout=600)
        request_id = self.pratai.post(
            function, listener.port).json()['request_id']
        connection = listener.accept()
        self.change(function, timeout=1)
        second = self.pratai.post(
            function, listener.port).json()['request_id']
        self.assertEqual('timeout', self.pratai.finished(second)['status'])
        connection.close()
        request = self.pratai.finished(request_id)
        self.assertEqual(('succeeded', function['version_id']),
                         (request['status'], request['version_id']))
        standalone.until(lambda: self.instances() == 1)

    def test_what_waits_runs_with_the_new_settings(self):
        listener = self.useFixture(standalone.Listener())
        function = self.pratai.create('asks', ASKS, network=True, limit=1,
                                      timeout=600)
        first, second = [self.pratai.post(function, listener.port).json()
                         ['request_id'] for _ in range(2)]
        connection = listener.accept()
        changed = self.change(function, timeout=1)
        connection.close()
        self.assertEqual('succeeded', self.pratai.finished(first)['status'])
        request = self.pratai.finished(second)
        self.assertEqual(('timeout', changed['version_id']),
                         (request['status'], request['version_id']))

    def test_what_is_left_of_a_changed_function(self):
        function = self.pratai.create('echo', ECHO, type='sync')
        self.change(function, memory=64)
        self.assertEqual('x', self.pratai.post(function, 'x').json())
        self.assertEqual(204, self.pratai.http.delete(
            '%s/v1/functions/%s' % (self.pratai.api, function['id'])
        ).status_code)
        standalone.until(lambda: not any(
            os.listdir(os.path.join(self.pratai.state_path, name))
            for name in ('run', 'images', 'packages')))

    def test_public_or_not(self):
        function = self.pratai.create('echo', ECHO, type='sync')
        stranger = {'X-Forwarded-For': '192.0.2.1'}

        def status():
            return self.pratai.post(function, headers=stranger).status_code

        self.assertEqual(401, status())
        self.change(function, public=True)
        standalone.until(lambda: status() == 200)
        self.change(function, public=False)
        standalone.until(lambda: status() == 401)
        # Without Keystone nobody says who a token belongs to.
        stranger['X-Auth-Token'] = 'admin:admin:admin'
        self.assertEqual(401, status())

    def test_stop_finishes_what_runs(self):
        function = self.pratai.create('sleepy', SLEEPY)
        request_id = self.pratai.post(function, 2).json()['request_id']
        standalone.until(
            lambda: self.pratai.logs(request_id) == 'started\n')
        self.pratai.stop()
        self.pratai.start()
        request = self.pratai.get('/v1/requests/' + request_id)
        self.assertEqual(('succeeded', 1),
                         (request['status'], request['attempt']))

    def test_a_stop_at_the_very_beginning_is_no_failure(self):
        function = self.pratai.create('echo', ECHO)
        for _ in range(2):
            request_id = self.pratai.post(
                function, 'x').json()['request_id']
            self.pratai.stop()
            self.pratai.start()
            self.assertEqual('succeeded',
                             self.pratai.finished(request_id)['status'])
            self.assertEqual(0, self.pratai.failures(request_id))

    def test_one_at_a_time(self):
        for options, text in (
                ([], 'Address already in use'),
                (['--api-port', '0', '--webhook-port', '0', '--executor-'
                  'data-port', '0'], 'Another executor uses the directory %s.'
                 % self.pratai.state_path)):
            done = subprocess.run(
                [sys.executable, '-W', 'ignore', '-m',
                 'pratai.cmd.standalone', '--config-file', self.pratai._file,
                 *options], capture_output=True, text=True, timeout=120)
            self.assertEqual(1, done.returncode, done.stderr)
            self.assertIn(text, done.stderr.splitlines()[-1])
        self.assertNotIn('Traceback', done.stderr)
