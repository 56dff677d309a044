# SPDX-License-Identifier: Apache-2.0
"""A small synchronous executor: speaks the runner protocol, for tests."""

import json
import os
import random
import select
import socket
import struct
import threading
import time

LENGTHS = struct.Struct('!II')
SECONDS = 120               # nothing here should ever take that long


class Closed(Exception):
    """The runner closed a connection."""


def frame(header, body=b''):
    header = json.dumps(header).encode()
    return LENGTHS.pack(len(header), len(body)) + header + body


def _exactly(connection, size):
    data = bytearray()
    while len(data) < size:
        more = connection.recv(min(size - len(data), 1 << 20))
        if not more:
            raise Closed()
        data += more
    return bytes(data)


def read_frame(connection):
    head, body = LENGTHS.unpack(_exactly(connection, LENGTHS.size))
    return (json.loads(_exactly(connection, head)),
            _exactly(connection, body))


class Log:
    """Reads a log pipe until the writers are gone or close() is called."""

    def __init__(self, limit=1 << 20):
        self.reader, self.writer = os.pipe()
        self.limit = limit
        self.data = bytearray()
        self.size = 0
        self.thread = threading.Thread(target=self._drain, daemon=True)

    def start(self):
        os.close(self.writer)
        self.thread.start()

    def _drain(self):
        while more := os.read(self.reader, 65536):
            self.size += len(more)
            if len(self.data) < self.limit:
                self.data += more
        os.close(self.reader)

    def text(self):
        """What was written; everything, once all writers are gone."""
        self.thread.join(SECONDS)
        return self.data.decode(errors='replace')


class Result:
    """What became of a request.

    :ivar header: of the result frame, or None.
    :ivar value: the response.
    :ivar exited: the "exited" frame, if the runner sent one instead.
    """

    def __init__(self, pid, header=None, body=b'', exited=None, log=None):
        self.pid = pid
        self.header = header
        self.body = body
        self.exited = exited
        self.log = log
        self.status = header and header['status']
        self.code = header and header.get('code')
        self.detail = header and header.get('detail')
        self.value = json.loads(body) if body else None

    def __repr__(self):
        return 'Result(%r, %r, %r)' % (self.header, self.body[:200],
                                       self.exited)


class Request:
    """One connection to a runner."""

    def __init__(self, instance):
        self.instance = instance
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.settimeout(SECONDS)
        self.connection.connect(os.path.join(instance.run_dir, 'runner.sock'))
        self.pid = None
        self.log = None
        self.number = None
        self.last = False

    def send(self, payload=None, body=None, timeout=30):
        if body is None:
            body = json.dumps(payload).encode()
        self.log = Log()
        self.number = random.getrandbits(53)
        header = {'request_id': 'f' * 32, 'attempt': 1, 'timeout': timeout,
                  'call': self.number}
        socket.send_fds(self.connection, [b'R'], [self.log.writer])
        self.connection.sendall(frame(header, body))
        self.log.start()
        header, _ = self._read()
        if header['type'] != 'started':
            raise AssertionError(header)
        self.pid = header['pid']

    def _read(self):
        """:returns: the next frame that is about this request."""
        while True:
            header, body = read_frame(self.connection)
            if header.get('call') != self.number:
                continue
            if header['type'] != 'last':
                return header, body
            self.last = True

    def result(self):
        """Wait for the result, or for word of the death of the child."""
        try:
            header, body = self._read()
        except (Closed, ConnectionResetError):
            return Result(self.pid, log=self.log,
                          exited=self.instance.exited(self.pid))
        return Result(self.pid, header, body, log=self.log)

    def close(self):
        self.connection.close()


class Instance:
    """A runner, from outside.

    :param run_dir: a directory that is there.
    :param start: called without arguments when control.sock listens.
    :param listener: socket to send with the first frame.
    """

    def __init__(self, run_dir, start, configuration, listener=None):
        self.run_dir = run_dir
        self.reuses = configuration['isolation'] == 'instance'
        self.idle = []
        self.frames = []
        with socket.socket(socket.AF_UNIX) as control:
            path = os.path.join(run_dir, 'control.sock')
            control.bind(path)
            control.listen(1)
            control.settimeout(SECONDS)
            start()
            self.control, _ = control.accept()
        self.control.settimeout(SECONDS)
        try:
            first = frame(dict(configuration, type='configure'))
            if listener is None:
                self.control.sendall(first)
            else:
                socket.send_fds(self.control, [first], [listener.fileno()])
            self.header, body = read_frame(self.control)
        except BaseException:
            self.close()
            raise
        self.text = body.decode()

    def request(self, payload=None, **kwargs):
        """Run one request on a connection that no other one uses.

        One that ends before the request was started has run nothing.
        """
        for attempt in range(5):
            request = self.idle.pop() if self.idle else Request(self)
            try:
                request.send(payload, **kwargs)
                result = request.result()
            except (Closed, ConnectionError):
                request.close()
                continue
            if self.reuses and result.header and not request.last:
                self.idle.append(request)
            else:
                request.close()
            return result
        raise AssertionError('no child takes a request')

    def send(self, **header):
        self.control.sendall(frame(header))

    def exited(self, pid):
        """:returns: the "exited" frame of a child, when it is there."""
        deadline = time.monotonic() + SECONDS
        while True:
            for header in self.frames:
                if header.get('pid') == pid:
                    self.frames.remove(header)
                    return header
            if not select.select([self.control], [], [],
                                 max(0, deadline - time.monotonic()))[0]:
                raise AssertionError('no word of child %s' % pid)
            self.frames.append(read_frame(self.control)[0])

    def close(self):
        for request in self.idle:
            request.close()
        self.control.close()
