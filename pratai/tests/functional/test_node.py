# SPDX-License-Identifier: Apache-2.0
"""What operators do to a node, and what happens to it."""

import concurrent.futures
import os
import shutil

from oslotest import base

from pratai.tests.functional import standalone

ECHO = 'def main(payload):\n    return payload\n'
ASKS = standalone.ASKS
ASKS_AT_IMPORT = standalone.ASKS_AT_IMPORT
# Said by the executor, or when there is no other one.
CLOSED = {'executor.closing', 'executor.unavailable'}
# As the kernel writes it in /proc/net/tcp.
ESTABLISHED = '01'


class TestNode(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.pratai = self.useFixture(standalone.Standalone({
            ('executor', 'heartbeat_interval'): 0.2,
            ('conductor', 'rebuild_after'): 1}))
        self.listener = self.useFixture(standalone.Listener())

    def executor(self):
        service, = [one for one in self.pratai.get('/v1/services')['services']
                    if one['binary'] == 'pratai-executor']
        return service

    def put(self, state):
        """Have the executor in a state, and let it know."""
        url = '%s/v1/services/%s' % (self.pratai.api, self.executor()['id'])
        response = self.pratai.http.patch(url, json={'state': state},
                                          timeout=60)
        self.assertEqual(200, response.status_code, response.text)

    def status(self, request_id):
        return self.pratai.get('/v1/requests/' + request_id)['status']

    def instances(self):
        return len(os.listdir(os.path.join(self.pratai.state_path, 'run')))

    def test_a_drained_node_finishes_and_takes_no_more(self):
        asks = self.pratai.create('asks', ASKS, network=True, timeout=600)
        sync = self.pratai.create('sync', ECHO, type='sync')
        port = self.listener.port
        running = self.pratai.post(asks, port).json()['request_id']
        connection = self.listener.accept()
        self.assertEqual('x', self.pratai.post(sync, 'x').json())
        self.put('draining')
        waiting = self.pratai.post(asks, port).json()['request_id']
        standalone.until(
            lambda: self.pratai.post(sync, 'x').status_code == 503)
        refused = self.pratai.post(sync, 'x')
        self.assertEqual('executor.unavailable', refused.json()['code'])
        self.assertIn('Retry-After', refused.headers)
        self.assertFalse(self.executor()['details']['drained'])
        connection.close()
        self.assertEqual('succeeded',
                         self.pratai.finished(running)['status'])
        standalone.until(lambda: self.executor()['details']['drained'])
        self.assertEqual(0, self.instances())
        self.assertEqual('queued', self.status(waiting))
        # It outlasts a restart.
        self.pratai.stop()
        self.pratai.start()
        self.assertEqual('draining', self.executor()['state'])
        self.assertEqual('queued', self.status(waiting))
        self.put('enabled')
        self.listener.accept().close()
        self.assertEqual('succeeded',
                         self.pratai.finished(waiting)['status'])
        standalone.until(
            lambda: self.pratai.post(sync, 'x').status_code == 200)

    def test_a_disabled_node_keeps_its_instances(self):
        function = self.pratai.create('echo', ECHO, type='sync')
        self.pratai.post(function)
        self.assertEqual(1, self.instances())
        self.put('disabled')
        standalone.until(
            lambda: self.pratai.post(function).status_code == 503)
        self.assertEqual(1, self.instances())
        self.put('enabled')
        standalone.until(
            lambda: self.pratai.post(function).status_code == 200)
        self.assertEqual('warm', self.pratai.post(function).headers[
            'X-Pratai-Start'])

    def lose_image(self):
        """The image is gone behind our back, and nothing is warm."""
        path = os.path.join(self.pratai.state_path, 'images')
        for name in os.listdir(path):
            shutil.rmtree(os.path.join(path, name))
        self.put('draining')
        standalone.until(lambda: not self.instances())
        self.put('enabled')

    def test_an_image_that_was_lost_is_built_again(self):
        function = self.pratai.create('echo', ECHO)
        self.lose_image()
        request = self.pratai.finished(
            self.pratai.post(function, 'x').json()['request_id'])
        self.assertEqual(('succeeded', 'x'),
                         (request['status'], request['response']))
        builds = self.pratai.get('/v1/functions/%s/builds'
                                 % function['id'])['builds']
        self.assertEqual(['succeeded'] * 2,
                         [build['status'] for build in builds])

    def test_a_caller_is_told_when_the_image_was_lost(self):
        function = self.pratai.create('echo', ECHO, type='sync')
        self.lose_image()
        codes = set()

        def answered():
            response = self.pratai.post(function, 'x')
            if response.status_code == 503:
                codes.add(response.json()['code'])
                self.assertIn('Retry-After', response.headers)
            return response.status_code == 200

        standalone.until(answered)
        self.assertTrue(codes)
        self.assertLessEqual(codes, {
            'platform.image_missing', 'function.rebuilding',
            'executor.unavailable', 'executor.closing'})

    def test_an_image_on_a_node_that_is_gone_is_built_again(self):
        function = self.pratai.create('echo', ECHO)
        # It comes back under another name.
        self.pratai.stop()
        with open(self.pratai._file) as file:
            text = file.read()
        with open(self.pratai._file, 'w') as file:
            file.write('[DEFAULT]\nhost = another\n' + text)
        shutil.rmtree(os.path.join(self.pratai.state_path, 'images'))
        self.pratai.start()
        request = self.pratai.finished(
            self.pratai.post(function, 'x').json()['request_id'])
        self.assertEqual(('succeeded', 'another'),
                         (request['status'], request['executor']))

    def set_runtime(self, enabled):
        """:returns: the name of the runtime that there is."""
        runtime, = self.pratai.get('/v1/runtimes')['runtimes']
        response = self.pratai.http.patch(
            '%s/v1/runtimes/%s' % (self.pratai.api, runtime['name']),
            json={'enabled': enabled}, timeout=60)
        self.assertEqual(200, response.status_code, response.text)
        return runtime['name']

    def test_functions_go_on_when_their_runtime_is_disabled(self):
        sync = self.pratai.create('sync', ECHO, type='sync')
        late = self.pratai.post_function(
            'late', ASKS_AT_IMPORT % self.listener.port, type='sync',
            network=True)
        self.set_runtime(False)
        self.assertEqual('x', self.pratai.post(sync, 'x').json())
        self.listener.accept().close()
        # What was to be built then is built.
        path = '/v1/functions/' + late['id']
        standalone.until(lambda: self.pratai.get(path)['status'] == 'inactive')
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            answer = pool.submit(self.pratai.post, late, 'x')
            self.listener.accept().close()
            self.assertEqual('x', answer.result().json())
        # And so are new versions that need no build, and lost images.
        response = self.pratai.http.patch(
            '%s/v1/functions/%s' % (self.pratai.api, sync['id']),
            json={'memory': 256, 'type': 'async'}, timeout=60)
        self.assertEqual(2, response.json()['version'], response.text)
        self.lose_image()
        request = self.pratai.finished(
            self.pratai.post(sync, 'x').json()['request_id'])
        self.assertEqual(('succeeded', 'x'),
                         (request['status'], request['response']))

    def test_a_disabled_runtime_is_for_no_new_functions(self):
        name = self.set_runtime(False)
        # It outlasts that executors report it anew.
        self.pratai.stop()
        self.pratai.start()
        runtime, = self.pratai.get('/v1/runtimes')['runtimes']
        self.assertEqual(('disabled', False),
                         (runtime['status'], runtime['default']))
        for metadata, status, code in (
                ('{"name": "a", "runtime": "%s"}' % name, 409,
                 'runtime.disabled'),
                ('{"name": "a"}', 503, 'runtime.unavailable')):
            response = self.pratai.http.post(
                self.pratai.api + '/v1/functions', timeout=60, files={
                    'metadata': (None, metadata, 'application/json'),
                    'zip_file': ('p.zip', standalone.package(ECHO))})
            self.assertEqual((status, code), (
                response.status_code, response.json()['code']))
        self.set_runtime(True)
        self.assertEqual('inactive',
                         self.pratai.create('echo', ECHO)['status'])


class TestStop(base.BaseTestCase):
    """What runs when the service is stopped does not end by itself."""

    def setUp(self):
        super().setUp()
        self.pratai = self.useFixture(standalone.Standalone({
            ('executor', 'shutdown_grace'): 0.5,
            # Who waits for room does so until it is stopped.
            ('executor', 'room_seconds'): 600}))
        self.listener = self.useFixture(standalone.Listener())
        self.accept = self.listener.accept
        self.port = self.listener.port

    def calls(self):
        """:returns: how many connections the data port has."""
        with open('/proc/net/tcp') as file:
            rows = [line.split() for line in file]
        # The third is the local address, the fourth the state.
        return sum(row[1].endswith(':%04X' % self.pratai.data_port)
                   and row[3] == ESTABLISHED for row in rows)

    def outcome(self, request_id):
        request = self.pratai.finished(request_id)
        return (request['status'], request['response'], request['attempt'],
                request['code'])

    def test_it_is_tried_again(self):
        function = self.pratai.create('asks', ASKS, network=True, limit=1)
        runs, waits = [
            self.pratai.post(function, self.port).json()['request_id']
            for _ in range(2)]
        self.accept()
        self.pratai.stop()
        self.pratai.start()
        # The one that waited had not begun: its first attempt is to come.
        for _ in range(2):
            self.accept().sendall(b'answer')
        self.assertEqual(('succeeded', 'answer', 2, None), self.outcome(runs))
        self.assertEqual(('succeeded', 'answer', 1, None),
                         self.outcome(waits))
        self.assertNothingRuns()

    def test_but_not_when_its_caller_waits(self):
        function = self.pratai.create('asks', ASKS, network=True, type='sync')
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(self.pratai.post, function, self.port)
            self.accept()
            self.pratai.stop()
            answer = waiting.result()
        self.assertGreater(float(answer.headers['X-Pratai-Duration']), 500)
        self.assertEqual((500, 'platform.instance_lost'), (
            answer.status_code, answer.json()['code']))
        self.pratai.start()
        self.assertEqual(
            ('error', None, 1, 'platform.instance_lost'),
            self.outcome(answer.headers['X-Pratai-Request-Id']))
        self.assertNothingRuns()

    def test_who_waits_for_room_is_told_to_go_elsewhere(self):
        function = self.pratai.create('asks', ASKS, network=True, type='sync',
                                      limit=1)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            runs = pool.submit(self.pratai.post, function, self.port)
            self.accept()
            before = self.calls()
            waits = pool.submit(self.pratai.post, function, self.port)
            # That it waits cannot be seen; if it has come and does not yet,
            # it is told the same.
            standalone.until(lambda: self.calls() > before)
            self.pratai.stop()
            self.assertEqual([500, 503], [
                one.result().status_code for one in (runs, waits)])
        self.assertIn(waits.result().json()['code'], CLOSED)
        self.pratai.start()
        self.assertEqual(1, len(self.pratai.get('/v1/requests')['requests']))
        self.assertNothingRuns()

    def test_what_is_imported_is_not_to_blame(self):
        module = ASKS_AT_IMPORT % self.port
        created = self.pratai.post_function('asks', module, network=True,
                                            type='sync')
        self.accept().close()
        path = '/v1/functions/' + created['id']
        standalone.until(
            lambda: self.pratai.get(path)['status'] == 'inactive')
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waits = pool.submit(self.pratai.post, created, 1)
            self.accept()
            self.pratai.stop()
        self.assertEqual(503, waits.result().status_code)
        self.assertIn(waits.result().json()['code'], CLOSED)
        self.pratai.start()
        self.assertEqual([], self.pratai.get('/v1/requests')['requests'])
        with open(self.pratai.log) as log:
            self.assertNotIn('Traceback', log.read())

    def assertNothingRuns(self):
        self.listener.socket.settimeout(1)
        self.assertRaises(TimeoutError, self.accept)
