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
        parts = [{'body': b'1' * MOST, 'more_body': True},
                 {'body': b'1' * (data.SPARE + 1), 'more_body': False}]
        sent = []

        async def receive():
            return parts.pop(0)

        async def send(message):
            sent.append(message)

        asyncio.run(port({
            'path': '/run', 'method': 'POST', 'headers': [
                (b'x-ticket', ticket.encode()), (b'x-request-id', b'1')],
        }, receive, send))
        start, body = sent
        self.assertEqual(413, start['status'])
        self.assertEqual(
            'The payload is larger than the %d bytes that are allowed.' % MOST,
            json.loads(body['body'])['detail'])
