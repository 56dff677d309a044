# SPDX-License-Identifier: Apache-2.0
"""A real container registry, and what can go wrong in front of it."""

import base64
import http.client
import http.server
import os
import shutil
import socket
import subprocess
import threading
import time

import fixtures

from pratai.tests.functional import standalone

PROGRAM = 'docker-registry'
SECONDS = 30


def why_not():
    """:returns: why there can be no registry here, or None."""
    if shutil.which(PROGRAM) is None:
        return 'There is no %s on this machine' % PROGRAM
    return None


class Registry(fixtures.Fixture):
    """The registry, on a loopback port; its data is in a folder."""

    def _setUp(self):
        folder = self.useFixture(fixtures.TempDir()).path
        self.port, = standalone.free_ports(1)
        config = os.path.join(folder, 'config.yml')
        with open(config, 'w') as target:
            target.write(
                'version: 0.1\nlog: {level: error}\nstorage:\n'
                '  filesystem: {rootdirectory: %s}\n'
                '  delete: {enabled: true}\n'
                'http: {addr: "127.0.0.1:%d"}\n'
                % (os.path.join(folder, 'data'), self.port))
        self.process = subprocess.Popen(
            [PROGRAM, 'serve', config], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self._end)
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                socket.create_connection(('127.0.0.1', self.port), 1).close()
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def _end(self):
        self.process.terminate()
        self.process.wait()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def _pass(self):
        front = self.server.front
        try:
            body = self._body()
        except (OSError, ValueError):
            self.close_connection = True    # the client broke it off
            return
        front.seen.append((self.command, self.path))
        if front.password and self.headers.get('Authorization') != (
                'Basic ' + base64.b64encode(
                    front.password.encode()).decode()):
            self._answer(401, {'WWW-Authenticate': 'Basic realm="test"'},
                         b'{"errors": [{"code": "UNAUTHORIZED", '
                         b'"message": "authentication required"}]}')
            return
        if front.failures:
            front.failures -= 1
            self._answer(500, {}, b'broken')
            return
        connection = http.client.HTTPConnection('127.0.0.1', front.port)
        headers = {key: value for key, value in self.headers.items()
                   if key.lower() not in ('transfer-encoding',
                                          'content-length',
                                          'accept-encoding')}
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        data = answer.read()
        headers = {key: value for key, value in answer.getheaders()
                   if key.lower() not in ('transfer-encoding', 'connection',
                                          'date')}
        self._answer(answer.status, headers, data)
        connection.close()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _pass

    def _body(self):
        if self.headers.get('Transfer-Encoding') != 'chunked':
            return self.rfile.read(int(self.headers.get('Content-Length', 0)))
        parts = []
        while size := int(self.rfile.readline().split(b';')[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b''.join(parts)

    def _answer(self, status, headers, data):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        if 'Content-Length' not in headers:
            self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(data)

    def log_message(self, *args):
        pass


class Front(fixtures.Fixture):
    """Stands before a registry and passes on what comes.

    :param port: of the registry.
    :ivar host: host:port of itself.
    :ivar failures: how many of the next requests get a 500.
    :ivar password: "user:password" that is asked for, or None.
    :ivar seen: list of (method, path).
    """

    def __init__(self, port):
        self.port = port
        self.failures = 0
        self.password = None
        self.seen = []

    def _setUp(self):
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0),
                                                      Handler)
        self.server.daemon_threads = True
        self.server.front = self
        self.host = '127.0.0.1:%d' % self.server.server_port
        thread = threading.Thread(target=self.server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
