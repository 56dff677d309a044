# SPDX-License-Identifier: Apache-2.0

import os
import socket
import threading

import webob

from pratai import health
from pratai.api import app
from pratai.db import migration
from pratai.tests import base


class TestProbe(base.TestCase):

    def setUp(self):
        super().setUp()
        self.looks = 0
        self.error = None
        self.gate = threading.Event()
        self.gate.set()

    def look(self):
        self.looks += 1
        self.gate.wait()
        if self.error is not None:
            raise self.error

    def probe(self, fresh=0, patience=60):
        return health.Probe('It', self.look, fresh, patience)

    def test_well_and_away_and_back(self):
        # An answer has to be fresh at the time it is given, so a little
        # freshness is needed for one.
        probe = self.probe(fresh=60)
        self.assertIsNone(probe.problem())
        self.error = OSError('user@host')
        self.assertIsNone(probe.problem())
        self.assertEqual(1, self.looks)
        probe._seen_at -= 60
        self.assertEqual('It is away (OSError)', probe.problem())
        self.error = None
        probe._seen_at -= 60
        self.assertIsNone(probe.problem())

    def test_many_ask_one_looks(self):
        self.gate.clear()
        probe = self.probe(fresh=60)
        answers = []
        threads = [threading.Thread(
            target=lambda: answers.append(probe.problem()))
            for _ in range(8)]
        for thread in threads:
            thread.start()
        self.gate.set()
        for thread in threads:
            thread.join()
        self.assertEqual([None] * 8, answers)
        self.assertEqual(1, self.looks)

    def test_does_not_wait_for_what_hangs(self):
        self.addCleanup(self.gate.set)
        self.gate.clear()
        probe = self.probe(fresh=60, patience=0)
        for _ in range(3):
            self.assertIn('does not answer', probe.problem())
        self.assertEqual(1, self.looks)


class TestHealthcheck(base.DatabaseTestCase):

    def get(self):
        request = webob.Request.blank('/healthcheck')
        request.headers['Accept'] = 'application/json'
        return request.get_response(app.healthcheck_app(self.conf))

    def test_database(self):
        self.assertEqual(200, self.get().status_int)

    def test_database_is_empty(self):
        self.conf.set_override(
            'connection', 'sqlite:///%s/other' % self.state_path,
            group='database')
        answer = self.get()
        self.assertEqual(503, answer.status_int)
        self.assertIn('The database is away', answer.text)

    def test_database_is_not_there(self):
        self.conf.set_override(
            'connection', 'sqlite:///%s/no/where' % self.state_path,
            group='database')
        answer = self.get()
        self.assertEqual(503, answer.status_int)
        self.assertNotIn(self.state_path, answer.text)

    def test_taken_out(self):
        with open(os.path.join(self.state_path, 'healthcheck_disable'), 'w'):
            pass
        self.assertEqual(503, self.get().status_int)

    def test_broker(self):
        backends = ['pratai_database', 'pratai_broker']
        app.healthcheck_app(self.conf)
        self.conf.set_override('backends', backends, group='healthcheck')
        listener = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(listener.close)
        port = listener.getsockname()[1]
        health.rpc.addresses(self.conf)
        # Of several nodes, one is enough.
        gone = socket.socket()
        self.addCleanup(gone.close)
        gone.bind(('127.0.0.1', 0))
        gone_port = gone.getsockname()[1]
        self.conf.set_override(
            'transport_url',
            'rabbit://u:p@127.0.0.1:%d,u:p@127.0.0.1:%d/' % (gone_port, port))
        self.assertEqual(200, self.get().status_int)
        # Nor does it matter that one does not answer at all.
        silent = socket.create_server(('127.0.0.1', 0), backlog=0)
        self.addCleanup(silent.close)
        address = silent.getsockname()
        for _ in range(3):
            waits = socket.socket()
            self.addCleanup(waits.close)
            waits.setblocking(False)
            waits.connect_ex(address)
        self.conf.set_override(
            'transport_url',
            'rabbit://u:p@127.0.0.1:%d,u:p@127.0.0.1:%d/' % (
                address[1], port))
        self.assertEqual(200, self.get().status_int)
        listener.close()
        answer = self.get()
        self.assertEqual(503, answer.status_int)
        self.assertIn('The broker is away', answer.text)

    def test_no_broker_is_needed(self):
        health.rpc.addresses(self.conf)
        self.conf.set_override('transport_url', 'inproc://')
        self.assertEqual([], health.rpc.addresses(self.conf))


class TestOfAnotherEngine(base.TestCase):

    def test_known_revisions(self):
        self.assertTrue(migration.known(migration.head()))
        self.assertFalse(migration.known('of-the-future'))
