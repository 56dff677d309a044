# SPDX-License-Identifier: Apache-2.0
"""The data port: where the webhook app brings requests whose callers wait.

``POST /run`` with the payload (JSON) as body and the headers ``x-ticket``
(see :mod:`pratai.access`) and ``x-request-id``; answered 200 with the
response of the function, or with an error, and always with ``x-status``.
With ``x-wait: no`` it is refused at once where it had to wait for room.
An ASGI application, served by uvicorn in the executor's event loop.
"""

import collections
import json
import time
import urllib.parse

from pratai import access
from pratai import exception
from pratai import states

MOST_TICKETS = 1000
#: Bytes that a payload may have grown by over what callers may send: numbers
#: are written anew, 1e15 with all its digits for one.
SPARE = 1024
#: HTTP status of a final state that is not success.
STATUS = {states.FAILED: 502, states.TIMEOUT: 504, states.ERROR: 500,
          states.CANCELLED: 409}


class DataPort:
    """The application.

    :param is_retired: tells whether a version, by its id, is not to be run
        any more.
    :param key: what tickets are signed with.
    :param max_body: largest payload in bytes, :data:`SPARE` more than what
        callers may send.
    """

    def __init__(self, attempts, is_retired, key, max_body):
        self._attempts = attempts
        self._is_retired = is_retired
        self._key = key
        self._max_body = max_body
        self._tickets = collections.OrderedDict()

    async def __call__(self, scope, receive, send):
        headers = dict(scope['headers'])
        request_id = headers.get(b'x-request-id', b'').decode('latin-1')
        try:
            if scope['path'] != '/run' or scope['method'] != 'POST':
                raise exception.NotFound('resource', scope['path'])
            spec = self._spec(headers.get(b'x-ticket', b''))
            body = await self._body(receive)
            if body is None:
                return
            result = await self._attempts.serve(spec, request_id, body,
                                                time.time(),
                                                headers.get(b'x-wait')
                                                != b'no')
        except exception.PrataiError as error:
            retry = ([] if error.retry_after is None else
                     [(b'retry-after', b'%d' % error.retry_after)])
            if self._attempts.is_closed():
                # Nobody is to come again.
                retry.append((b'connection', b'close'))
            await self._answer(
                send, error.status, [(b'x-status', b'refused')] + retry,
                json.dumps(error.body(request_id)).encode())
            return
        status, body = 200, (result['response'] or 'null').encode()
        if result['status'] != states.SUCCEEDED:
            status = STATUS.get(result['status'], 500)
            body = json.dumps(exception.error_body(
                status, result['code'], result['detail'],
                request_id)).encode()
        await self._answer(send, status, [
            (b'x-status', result['status'].encode()),
            (b'x-duration', b'%.3f' % (result['duration'] or 0)),
            (b'x-start', (result['start'] or '').encode())], body)

    def _spec(self, ticket):
        """:returns: the version that a ticket is for.

        :raises exception.Forbidden: it is not valid, expired, or for a
            version that has a successor; the caller asks for another one.
        """
        known = self._tickets.get(ticket)
        if known is None or known[1] < time.time():
            known = access.verify(self._key, ticket.decode('latin-1'))
            self._tickets[ticket] = known
            if len(self._tickets) > MOST_TICKETS:
                self._tickets.popitem(last=False)
        if self._is_retired(known[0]['id']):
            raise exception.Forbidden('The version has a successor.',
                                      code='ticket.stale')
        return known[0]

    async def _body(self, receive):
        """:returns: bytes; None when the caller is gone: what came may be
            half of it."""
        body = bytearray()
        while True:
            message = await receive()
            if message['type'] == 'http.disconnect':
                return None
            body += message.get('body', b'')
            if len(body) > self._max_body:
                raise exception.TooLarge(
                    'The payload is larger than the %d bytes that are '
                    'allowed.' % (self._max_body - SPARE))
            if not message.get('more_body'):
                return bytes(body)

    @staticmethod
    async def _answer(send, status, headers, body):
        await send({'type': 'http.response.start', 'status': status,
                    'headers': headers + [
                        (b'content-type', b'application/json'),
                        (b'content-length', b'%d' % len(body))]})
        await send({'type': 'http.response.body', 'body': body})


def url(conf, port):
    """:returns: where the webhook app reaches this data port."""
    if conf.executor.data_url:
        return conf.executor.data_url
    host = conf.executor.data_host
    if ':' in host:
        host = '[%s]' % host
    return urllib.parse.urlunsplit(('http', '%s:%d' % (host, port), '', '',
                                    ''))
