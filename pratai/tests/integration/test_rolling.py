# SPDX-License-Identifier: Apache-2.0
"""A rolling restart of everything under load: nobody notices."""

import threading
import time

import requests

from pratai.tests.integration import base
from pratai.tests.integration import daemon
from pratai.tests.integration import databases
from pratai.tests.integration import deployment
from pratai.tests.integration import rabbitmq
from pratai.tests.integration import small

SLOW = '''
import time


def main(payload):
    time.sleep(0.3)
    return payload
'''


class Caller(threading.Thread):
    """Does one thing again and again, and keeps what went wrong."""

    def __init__(self, call):
        super().__init__(daemon=True)
        self._call = call
        self._end = threading.Event()
        self.wrong = []
        self.results = []

    def run(self):
        with requests.Session() as session:
            session.trust_env = False
            while not self._end.wait(0.1):
                try:
                    self.results.append(self._call(session))
                except Exception as error:
                    self.wrong.append('%.1f %s: %s' % (
                        time.time(), type(error).__name__, error))

    def end(self):
        self._end.set()
        self.join()


class TestRolling(base.TestCase):

    NEEDS = (rabbitmq.RabbitMQ, databases.MariaDB, small.HAProxy)

    def setUp(self):
        super().setUp()
        self.pratai = self.useFixture(deployment.Deployment(
            self.shared(databases.MariaDB).database(),
            self.shared(rabbitmq.RabbitMQ).vhost(), conductors=2,
            executors=2, webhooks=2, apis=2))
        self.proxy = self.useFixture(small.HAProxy({
            'api': [one.port for one in self.pratai.apis],
            'webhook': [one.port for one in self.pratai.webhooks]}))

    def url(self, name):
        return 'http://127.0.0.1:%d' % self.proxy.ports[name]

    def test_rolling_restart(self):
        queued = self.pratai.create('queued', SLOW)
        waited = self.pratai.create('waited', SLOW, type='sync')

        def post(session, function, status):
            response = session.post(
                '%s/function/%s' % (self.url('webhook'), function['id']),
                json={'payload': 'x'}, timeout=60)
            assert response.status_code == status, response.text
            return response.json()

        def show(session):
            response = session.get('%s/v1/functions/%s' % (
                self.url('api'), queued['id']), timeout=60)
            assert response.status_code == 200, response.text

        callers = [
            Caller(lambda session: post(session, queued, 202)),
            Caller(lambda session: post(session, queued, 202)),
            Caller(lambda session: post(session, waited, 200)),
            Caller(lambda session: post(session, waited, 200)),
            Caller(show)]
        for caller in callers:
            caller.start()
        times = {}
        try:
            self._each(callers, times)
        finally:
            for caller in callers:
                caller.end()
        self.addDetail('times', base.text(repr(times)))
        self.addDetail('services', base.text(self.pratai.logs()))
        self.assertEqual([[]] * 5, [caller.wrong for caller in callers])
        for caller in callers[:2]:
            self.assertGreater(len(caller.results), 20)
            for answer in caller.results:
                request = self.pratai.finished(answer['request_id'])
                self.assertEqual('succeeded', request['status'], request)
        # Nothing was lost and done again: what an executor could not begin
        # it gave back.
        self.assertEqual([], [one for one in self.pratai.requests()
                              if one['code'] is not None])

    def _each(self, callers, times):
        for service in (*self.pratai.webhooks, *self.pratai.apis):
            service.disable()
            # The load balancer asks every half second.
            self._more(callers, 2)
            times[service.host, 'stop'] = time.time()
            self.assertTrue(service.stop(), service.tail())
            service.enable()
            service.start(wait=True)
            times[service.host, 'start'] = time.time()
            self._more(callers, 2)
        for service in (*self.pratai.conductors, *self.pratai.executors):
            times[service.host, 'stop'] = time.time()
            self.assertTrue(service.stop(), service.tail())
            self._more(callers, 1)
            service.start()
            self.pratai.wait()
            times[service.host, 'start'] = time.time()

    @staticmethod
    def _more(callers, seconds):
        """Let callers go on for so long, and until each had an answer."""
        time.sleep(seconds)
        before = [len(caller.results) for caller in callers]
        daemon.until(lambda: all(
            len(caller.results) > count or caller.wrong
            for caller, count in zip(callers, before)))
