# SPDX-License-Identifier: Apache-2.0
"""The main job over a broker and a database server."""

import socket

from pratai.tests.integration import base
from pratai.tests.integration import databases
from pratai.tests.integration import deployment
from pratai.tests.integration import rabbitmq

ECHO = '''
import logging
logger = logging.getLogger('pratai')


def main(payload=None):
    print('printed')
    logger.warning('logged')
    return payload
'''
LARGE = '''
def main(payload):
    return payload
'''


class Requests:

    SERVER = None

    def setUp(self):
        base.need(self, rabbitmq.RabbitMQ, self.SERVER)
        super().setUp()
        self.pratai = self.useFixture(deployment.Deployment(
            self.shared(self.SERVER).database(),
            self.shared(rabbitmq.RabbitMQ).vhost(), conductors=2,
            executors=2,
            # Nowhere else: it is the harder case, but not the usual one.
            preload=True))

    def test_requests(self):
        self._async()
        self._sync()
        self._large()
        self._chunks()
        self._logs_of_services()

    def _async(self):
        function = self.pratai.create('echo', ECHO)
        self.assertEqual('inactive', function['status'], function)
        response = self.pratai.call(function, {'key': 'välue \U0001f600'})
        self.assertEqual(202, response.status_code, response.text)
        request = self.pratai.finished(response.json()['request_id'])
        self.assertEqual(('succeeded', {'key': 'välue \U0001f600'}, 1), (
            request['status'], request['response'], request['attempt']))
        logs = self.pratai.get('/v1/requests/%s/logs' % request['id'])
        self.assertEqual('printed\nWARNING logged\n', logs['logs'])
        response = self.pratai.http.delete(
            '%s/v1/functions/%s' % (self.pratai.api.url, function['id']))
        self.assertEqual(204, response.status_code)

    def _sync(self):
        function = self.pratai.create('wait', ECHO, type='sync')
        for start in ('cold', 'warm'):
            response = self.pratai.call(function, [1, None, 'x'])
            self.assertEqual(200, response.status_code, response.text)
            self.assertEqual([1, None, 'x'], response.json())
            self.assertEqual(start, response.headers['X-Pratai-Start'])
            # Some servers add it by themselves, and this one does not.
            self.assertEqual(str(len(response.content)),
                             response.headers['Content-Length'])
            request = self.pratai.finished(
                response.headers['X-Pratai-Request-Id'])
            self.assertEqual(('succeeded', 'sync'),
                             (request['status'], request['type']))

    def _large(self):
        """Payloads and responses together larger than any one message."""
        function = self.pratai.create('large', LARGE)
        ids = []
        for number in range(6):
            payload = '%d"\\é' % number + '"\\é\u20ac' * 300000
            response = self.pratai.call(function, payload)
            self.assertEqual(202, response.status_code, response.text[:500])
            ids.append((response.json()['request_id'], payload))
        for request_id, payload in ids:
            request = self.pratai.finished(request_id)
            self.assertEqual('succeeded', request['status'],
                             request['detail'])
            self.assertEqual(payload, request['response'])
            self.assertEqual(1, request['attempt'])

    def _chunks(self):
        """Bodies that do not say how long they are."""
        function = self.pratai.create('chunks', ECHO, type='sync')
        url = '%s/function/%s' % (self.pratai.webhooks[0].url,
                                  function['id'])
        body = b'{"payload": "%s"}'
        for size in (0, 7, 3000000):
            chunks = [body[:13], b'x' * size, body[15:]]
            response = self.pratai.http.post(url, data=iter(
                [chunk for chunk in chunks if chunk]), timeout=60)
            self.assertEqual((200, 'x' * size), (
                response.status_code, response.json()), size)
        response = self.pratai.http.post(url, data=iter(
            [b'x' * 1000000] * 7), timeout=60)
        self.assertEqual((413, 'payload.too_large'), (
            response.status_code, response.json()['code']))
        with socket.create_connection(
                ('127.0.0.1', self.pratai.webhooks[0].port), 60) as one:
            one.sendall(('POST /function/%s HTTP/1.1\r\nHost: pratai\r\n'
                         'Transfer-Encoding: chunked\r\n\r\nno chunk\r\n'
                         % function['id']).encode())
            answer = b''.join(iter(lambda: one.recv(65536), b''))
        self.assertIn(b' 400 ', answer.splitlines()[0])
        self.assertIn(b'chunks', answer)
        response = self.pratai.http.patch(
            '%s/v1/functions/%s' % (self.pratai.api.url, function['id']),
            data=iter([b'{"public"', b': true}']), timeout=60)
        self.assertEqual((200, True), (response.status_code,
                                       response.json()['public']))

    def _logs_of_services(self):
        for service in self.pratai.services:
            text = service.tail(10 ** 6)
            self.assertNotIn('Traceback', text)
            self.assertNotIn('ERROR', text)


class TestOnMariaDB(Requests, base.TestCase):
    SERVER = databases.MariaDB


class TestOnPostgreSQL(Requests, base.TestCase):
    SERVER = databases.PostgreSQL
