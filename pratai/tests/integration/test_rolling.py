# SPDX-License-Identifier: Apache-2.0
"""A rolling restart of everything under load: nobody notices."""

import contextlib
import http.client
import threading
import time

import requests

from pratai.tests.integration import base
from pratai.tests.integration import daemon
from pratai.tests.integration import databases
from pratai.tests.integration import deployment
from pratai.tests.integration import rabbitmq
from pratai.tests.integration import small
from pratai.tests.integration.keystone import server

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
            while not self._end.wait(0.3):
                try:
                    self.results.append(self._call(session))
                except Exception as error:
                    self.wrong.append('%.1f %s: %s' % (
                        time.time(), type(error).__name__, error))

    def end(self):
        self._end.set()
        self.join()


class TestRolling(base.TestCase):

    NEEDS = (rabbitmq.RabbitMQ, databases.MariaDB, small.HAProxy,
             server.Cloud)

    def setUp(self):
        super().setUp()
        # Without it, the API answers nobody through a load balancer.
        keystone = self.shared(server.Cloud)
        options = {
            ('api', 'auth_strategy'): 'keystone',
            # What the file of HAProxy asks for.
            ('webhook', 'trusted_proxies'): '127.0.0.1/32',
            ('oslo_middleware', 'enable_proxy_headers_parsing'): True}
        options.update((('keystone_authtoken', name), value)
                       for name, value in keystone.options().items())
        self.pratai = self.useFixture(deployment.Deployment(
            self.shared(databases.MariaDB).database(),
            self.shared(rabbitmq.RabbitMQ).vhost(), conductors=2,
            executors=2, webhooks=2, apis=2, options=options,
            token=lambda: keystone.token('admin')))
        self.proxy = self.useFixture(small.HAProxy({
            'api': [one.port for one in self.pratai.apis],
            'webhook': [one.port for one in self.pratai.webhooks]}))

    def url(self, name):
        return 'http://127.0.0.1:%d' % self.proxy.ports[name]

    def test_rolling_restart(self):
        queued = self.pratai.create('queued', SLOW)
        waited = self.pratai.create('waited', SLOW, type='sync')
        self._trust(waited)

        def post(session, function, status):
            response = session.post(
                '%s/function/%s' % (self.url('webhook'), function['id']),
                json={'payload': 'x'}, timeout=60,
                headers={'X-Pratai-Token': function['webhook_token']})
            assert response.status_code == status, response.text
            return response.json()

        def show(session):
            response = session.get(
                '%s/v1/functions/%s' % (self.url('api'), queued['id']),
                headers=self.pratai.http.headers, timeout=60)
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
            self._reload(callers, times)
            self._restart(callers, times)
        finally:
            for caller in callers:
                caller.end()
        self.addDetail('times', base.text(repr(times)))
        self.addDetail('services', base.text(self.pratai.logs()))
        self.assertEqual([[]] * 5, [caller.wrong[:3] for caller in callers])
        for caller in callers[:2]:
            self.assertGreater(len(caller.results), 20)
            for answer in caller.results:
                request = self.pratai.finished(answer['request_id'])
                self.assertEqual('succeeded', request['status'], request)
        # Nothing was lost and done again: what an executor could not begin
        # it gave back.
        self.assertEqual([], [one for one in self.pratai.requests()
                              if one['code'] is not None])

    def _trust(self, function):
        """Callers are who they are before the load balancer."""
        def status(address, **headers):
            connection = http.client.HTTPConnection(
                '127.0.0.1', self.proxy.ports['webhook'], timeout=60,
                source_address=(address, 0))
            with contextlib.closing(connection):
                connection.request('POST', '/function/' + function['id'],
                                   body=b'{"payload": 1}', headers=headers)
                return connection.getresponse().status

        # All of 127.0.0.0/8 is trusted, but for the load balancer itself.
        self.assertEqual(200, status('127.0.0.2'))
        self.assertEqual(401, status('127.0.0.1'))
        self.assertEqual(401, status('127.0.0.1',
                                     **{'X-Forwarded-For': '127.0.0.2'}))
        self.assertEqual(200, status('127.0.0.2',
                                     **{'X-Forwarded-For': '192.0.2.1'}))

    def _apps(self):
        """:returns: both apps of both controllers, and which one each is."""
        return [*enumerate(self.pratai.webhooks), *enumerate(self.pratai.apis)]

    def _reload(self, callers, times):
        for number, service in self._apps():
            times[service.host, 'begin'] = time.time()
            service.reload()
            times[service.host, 'end'] = time.time()
            # One with a single worker did not answer meanwhile.
            self._balanced(service, number, 'UP')
            self._more(callers)

    def _restart(self, callers, times):
        for number, service in self._apps():
            service.disable()
            self._balanced(service, number, 'DOWN')
            times[service.host, 'stop'] = time.time()
            self.assertTrue(service.stop(), service.tail())
            self._more(callers)
            service.enable()
            service.start(wait=True)
            times[service.host, 'start'] = time.time()
            self._balanced(service, number, 'UP')
            self._more(callers)
        for service in (*self.pratai.conductors, *self.pratai.executors):
            times[service.host, 'stop'] = time.time()
            self.assertTrue(service.stop(), service.tail())
            self._more(callers)
            service.start()
            self.pratai.wait()
            times[service.host, 'start'] = time.time()

    def _balanced(self, service, number, status):
        """Wait until the load balancer knows what became of a service."""
        daemon.until(lambda: self.proxy.status(
            service.binary, number) == status)

    @staticmethod
    def _more(callers):
        """Let each of them begin something, and end it."""
        before = [len(caller.results) for caller in callers]
        daemon.until(lambda: all(
            len(caller.results) > count + 1 or caller.wrong
            for caller, count in zip(callers, before)))
