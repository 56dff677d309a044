# SPDX-License-Identifier: Apache-2.0

import os
import socket

from pratai import health
from pratai import service
from pratai.tests import base


class TestRegistration(base.DatabaseTestCase):

    def registration(self, **kwargs):
        return service.Registration(self.conf, self.db, 'pratai-webhook',
                                    **kwargs)

    def rows(self):
        return [row['incarnation'] for row in self.db.service_list()]

    def test_workers_of_a_host_share_a_row(self):
        one, two = (self.registration(shared=True) for _ in range(2))
        one._beat()
        before = self.rows()
        two._beat()
        self.assertEqual(1, len(before))
        # Neither took it from the other.
        self.assertEqual(before, self.rows())
        one.start()
        one.stop()
        self.assertEqual([], self.rows())
        two._beat()
        self.assertEqual(before, self.rows())

    def test_what_is_away_is_in_the_row(self):
        with socket.create_server(('127.0.0.1', 0)) as listener:
            address = listener.getsockname()
            probe = health.Probe(
                'The broker',
                lambda: socket.create_connection(address).close(), fresh=60)
            one = self.registration(probes=[probe])
            one._beat()
            self.assertEqual([], self.details()['problems'])
        probe._seen_at -= 60
        one._beat()
        self.assertEqual(['The broker is away (ConnectionRefusedError)'],
                         self.details()['problems'])
        self.assertIn('version', self.details())

    def details(self):
        return self.db.service_list()[0]['details']

    def test_a_new_life_of_a_daemon_takes_the_row(self):
        one, two = self.registration(), self.registration()
        one._beat()
        before = self.rows()
        two._beat()
        self.assertEqual(1, len(self.rows()))
        self.assertNotEqual(before, self.rows())


class Part:

    def __init__(self, calls):
        self._calls = calls

    def start(self):
        self._calls.append('start')

    def stop(self):
        self._calls.append('stop')


class TestAfterFork(base.TestCase):

    def test_started_where_requests_come_in(self):
        calls = []
        application = service.AfterFork(
            lambda environ, start_response: list(calls), [Part(calls)])
        self.assertEqual([], calls)
        for _ in range(2):
            reader, writer = os.pipe()
            pid = os.fork()
            if not pid:
                application({}, None)
                os.write(writer, ' '.join(application({}, None)).encode())
                os._exit(0)
            os.close(writer)
            with open(reader) as answer:
                self.assertEqual('start', answer.read())
            os.waitpid(pid, 0)
        self.assertEqual([], calls)
        # And again in a child of one that has served.
        application({}, None)
        self.assertEqual(['start'], calls)
        pid = os.fork()
        if not pid:
            application({}, None)
            os._exit(calls != ['start', 'start'])
        self.assertEqual(0, os.waitpid(pid, 0)[1])
