# SPDX-License-Identifier: Apache-2.0
"""Functions that are deleted while something of them is under way."""

import concurrent.futures
import contextlib
import os
import socket
import sqlite3
import time

from oslotest import base

from pratai.tests.functional import standalone
from pratai.tests.integration import keeper

SLOW_IMPORT = '''
import time
time.sleep(600)


def main(payload):
    return payload
'''
SLEEPY = standalone.SLEEPY
ASKS = standalone.ASKS
#: Seconds in which what is deleted ends, far less than it would take.
SOON = 60
TABLES = 'builds', 'versions', 'packages', 'functions'


class TestDeleted(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        # An index that takes connections and never says anything.
        self.index = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(self.index.close)
        self.index.settimeout(standalone.PATIENCE)
        self.pratai = self.useFixture(standalone.Standalone({
            ('builder', 'index_url'): 'http://127.0.0.1:%d/simple'
            % self.index.getsockname()[1],
            ('executor', 'start_timeout'): 600}))
        self.before = self.processes()

    def processes(self):
        return set(keeper.descendants(self.pratai.process.pid))

    def delete(self, function):
        url = '%s/v1/functions/%s' % (self.pratai.api, function['id'])
        self.assertEqual(204, self.pratai.http.delete(url).status_code)
        self.assertEqual(404, self.pratai.http.get(url).status_code)

    def assertNothingLeft(self):
        """Of all functions that there were."""
        standalone.until(lambda: not self.left(), seconds=SOON)
        standalone.until(lambda: self.processes() <= self.before,
                         seconds=SOON)
        for table in TABLES:
            self.assertEqual([], self.sql('SELECT id FROM ' + table), table)

    def sql(self, statement):
        with contextlib.closing(sqlite3.connect(os.path.join(
                self.pratai.state_path, 'pratai.sqlite'), timeout=60)
        ) as database:
            with database:
                return database.execute(statement).fetchall()

    def left(self):
        """:returns: {folder: names in it}, where there are any."""
        return {name: found for name in ('builds', 'images', 'packages', 'run')
                if (found := self.list(name))}

    def list(self, name):
        path = os.path.join(self.pratai.state_path, name)
        return os.listdir(path) if os.path.exists(path) else []

    def build(self, *args):
        """:returns: the function, and a callable: the log of its build."""
        function = self.pratai.post_function('slow', *args)
        path = '/v1/functions/%s/builds' % function['id']
        return function, lambda: self.pratai.get(path)['builds'][0]['log']

    def test_while_it_is_imported(self):
        function, log = self.build(SLOW_IMPORT)
        standalone.until(lambda: 'Importing' in log())
        standalone.until(lambda: self.left().get('run'))
        self.delete(function)
        self.assertNothingLeft()
        # And nobody waits for what was given up.
        self.assertEqual('inactive', self.pratai.create(
            'slow', SLEEPY)['status'])

    def test_while_its_dependencies_are_installed(self):
        function, _ = self.build(SLEEPY, 'something\n')
        connection, _ = self.index.accept()
        self.addCleanup(connection.close)
        self.delete(function)
        self.assertNothingLeft()
        self.assertEqual([], self.list('layers'))

    def test_while_its_executor_cannot_be_told(self):
        self.build(SLEEPY, 'something\n')
        connection, _ = self.index.accept()
        for table in TABLES:
            self.sql('DELETE FROM ' + table)
        # So that pip says something, which nobody wants.
        connection.close()
        standalone.until(lambda: not self.list('builds'), seconds=SOON)
        standalone.until(lambda: self.processes() <= self.before)
        self.assertEqual([], self.list('images'))

    def start(self, function, *payloads):
        """:returns: ids of requests, the first of which runs."""
        ids = [self.pratai.post(function, payload).json()['request_id']
               for payload in payloads]
        standalone.until(lambda: self.pratai.logs(ids[0]) == 'started\n')
        return ids

    def test_while_requests_run_and_wait(self):
        listener = self.useFixture(standalone.Listener())
        function = self.pratai.create('asks', ASKS, network=True, limit=1,
                                      timeout=600)
        runs, waits = self.start(function, listener.port, listener.port)
        connection = listener.accept()
        self.delete(function)
        request = self.pratai.finished(waits)
        self.assertEqual(('cancelled', 'function.deleted', 0), (
            request['status'], request['code'], request['attempt']))
        connection.sendall(b'answer')
        request = self.pratai.finished(runs)
        self.assertEqual(('succeeded', 'answer', 1), (
            request['status'], request['response'], request['attempt']))
        self.assertEqual('started\n', self.pratai.logs(runs))
        self.assertNothingLeft()

    def test_while_a_caller_waits(self):
        listener = self.useFixture(standalone.Listener())
        function = self.pratai.create('asks', ASKS, network=True, type='sync',
                                      timeout=600)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(self.pratai.post, function, listener.port)
            connection = listener.accept()
            standalone.until(lambda: self.pratai.get(
                '/v1/requests', status='running')['requests'])
            self.delete(function)
            connection.sendall(b'answer')
            answer = waiting.result()
        self.assertEqual((200, 'answer'), (answer.status_code, answer.json()))
        self.assertEqual('succeeded', self.pratai.finished(
            answer.headers['X-Pratai-Request-Id'])['status'])
        self.assertNothingLeft()

    def test_what_is_lost_then_is_not_tried_again(self):
        function = self.pratai.create('sleepy', SLEEPY)
        runs, = self.start(function, 600)
        self.delete(function)
        self.pratai.kill()
        self.pratai.start()
        request = self.pratai.finished(runs)
        self.assertEqual(('cancelled', 'function.deleted', 1), (
            request['status'], request['code'], request['attempt']))

    def test_cancelled_after_it(self):
        function = self.pratai.create('sleepy', SLEEPY)
        runs, = self.start(function, 600)
        self.delete(function)
        began = time.monotonic()
        self.pratai.http.post('%s/v1/requests/%s/cancel' % (
            self.pratai.api, runs))
        self.assertEqual('function.cancelled',
                         self.pratai.finished(runs)['code'])
        self.assertLess(time.monotonic() - began, SOON)
        self.assertNothingLeft()
