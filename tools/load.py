#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A closed-loop HTTP load from one thread, for tools/bench.py.

Each caller sends the same request again as soon as it has its answer: a POST,
or a GET where the body is empty. Prints one JSON object: the latencies in ms,
the statuses, and the time it all took.

    load.py URL CALLERS SECONDS|COUNTx BODY [HEADER: VALUE]...
"""

import collections
import json
import selectors
import socket
import sys
import time
import urllib.parse


class Caller:
    """Sends, and waits for the answer. Keeps its connection, unless the
    server does not: then that is part of the time."""

    def __init__(self, address, message, selector):
        self._address = address
        self._message = message
        self._selector = selector
        self._answer = b''
        self.socket = None
        self._connect()

    def _connect(self):
        self.socket = socket.create_connection(self._address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(self.socket, selectors.EVENT_READ, self)

    def close(self):
        self._selector.unregister(self.socket)
        self.socket.close()
        self.socket = None

    def send(self):
        self.sent = time.perf_counter()
        if self.socket is None:
            self._connect()
        self.socket.sendall(self._message)

    def receive(self):
        """:returns: the status once the answer is complete, else None."""
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError('the server closed the connection')
        self._answer += data
        head, separator, body = self._answer.partition(b'\r\n\r\n')
        if not separator:
            return None
        lower = head.lower()
        at = lower.index(b'content-length:') + 15
        length = int(lower[at:].split(b'\r\n', 1)[0])
        if len(body) < length:
            return None
        self._answer = b''
        if b'connection: close' in lower:
            self.close()
        return int(head[9:12])


def run(url, callers, seconds, count, body, *headers):
    """:returns: a dict of latencies (ms), statuses, seconds, and of when it
        started by time.perf_counter(), which all processes share."""
    parts = urllib.parse.urlsplit(url)
    lines = ['%s %s HTTP/1.1' % ('POST' if body else 'GET', parts.path),
             'Host: ' + parts.netloc, *headers]
    if body:
        lines += ['Content-Type: application/json',
                  'Content-Length: %d' % len(body)]
    message = '\r\n'.join([*lines, '', body]).encode()
    selector = selectors.DefaultSelector()
    latencies, statuses = [], collections.Counter()
    started = time.perf_counter()
    end = started + seconds if seconds else float('inf')
    sent = 0
    for _ in range(callers):
        caller = Caller((parts.hostname, parts.port), message, selector)
        caller.send()
        sent += 1
    open_ = callers
    while open_:
        for key, _ in selector.select():
            caller = key.data
            status = caller.receive()
            if status is None:
                continue
            now = time.perf_counter()
            latencies.append((now - caller.sent) * 1000)
            statuses[status] += 1
            if now < end and (not count or sent < count):
                caller.send()
                sent += 1
            else:
                if caller.socket is not None:
                    caller.close()
                open_ -= 1
    return {'latencies': latencies, 'statuses': dict(statuses),
            'started': started, 'seconds': time.perf_counter() - started}


if __name__ == '__main__':
    amount = sys.argv[3]
    by_count = amount.endswith('x')
    print(json.dumps(run(
        sys.argv[1], int(sys.argv[2]), None if by_count else float(amount),
        int(amount[:-1]) if by_count else None, *sys.argv[4:])))
