# SPDX-License-Identifier: Apache-2.0

import asyncio
import json

from pratai import access
from pratai.executor import attempts
from pratai.executor import data
from pratai.tests import base

KEY = 'k' * 32
MOST = 100000


class TestDataPort(base.TestCase):

    def test_too_large(self):
        """The limit that is named is that of callers."""
        port = data.DataPort(
            attempts.Attempts(self.conf, None, None, 'host', 1, None),
            lambda version_id: False, KEY, MOST + data.SPARE)
        ticket = access.sign(KEY, {'id': '1' * 32}, 60)
        start, body = self.call(port, ticket, [
            {'type': 'http.request', 'body': b'1' * MOST, 'more_body': True},
            {'type': 'http.request', 'body': b'1' * (data.SPARE + 1),
             'more_body': False}])
        self.assertEqual(413, start['status'])
        self.assertEqual(
            'The payload is larger than the %d bytes that are allowed.' % MOST,
            json.loads(body['body'])['detail'])

    def test_the_caller_goes_half_way(self):
        # Nothing is run: there are no attempts.
        port = data.DataPort(None, lambda version_id: False, KEY, MOST)
        ticket = access.sign(KEY, {'id': '1' * 32}, 60)
        half = {'type': 'http.request', 'body': b'12', 'more_body': True}
        gone = {'type': 'http.disconnect'}
        for parts in ([gone], [half, gone]):
            self.assertEqual([], self.call(port, ticket, parts))

    def call(self, port, ticket, parts):
        sent = []

        async def receive():
            return parts.pop(0)

        async def send(message):
            sent.append(message)

        asyncio.run(port({
            'path': '/run', 'method': 'POST', 'headers': [
                (b'x-ticket', ticket.encode()), (b'x-request-id', b'1')],
        }, receive, send))
        return sent
