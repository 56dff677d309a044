# SPDX-License-Identifier: Apache-2.0
"""A connection to an executor's data port: HTTP, kept alive.

Parsed by httptools, which the data port itself uses: http.client makes an
e-mail message of every answer's headers, which took a tenth of the time of
a whole request.

Many threads do this at once, and each gives the interpreter's lock away for
every system call that may block, and has to win it back. So timeouts are the
kernel's: Python's own call poll() before each send() and recv().
"""

import socket
import struct
import urllib.parse

import httptools

CHUNK = 65536
#: The first byte of struct tcp_info, see tcp(7): neither side has ended it.
ESTABLISHED = b'\x01'


class Answer:
    """What was answered: status, headers {lower case: value}, body."""

    def __init__(self):
        self.status = None
        self.headers = {}
        self.body = bytearray()
        self.complete = False

    # The names are those that httptools calls.

    def on_header(self, name, value):
        self.headers[name.decode('latin-1').lower()] = value.decode('latin-1')

    def on_body(self, body):
        self.body += body

    def on_message_complete(self):
        self.complete = True


class Lost(Exception):
    """The connection ended before the answer was complete."""


class Connection:
    """:raises OSError: the data port cannot be reached."""

    def __init__(self, url, timeout):
        parts = urllib.parse.urlsplit(url)
        self._host = parts.netloc
        self._socket = socket.create_connection(
            (parts.hostname, parts.port), timeout=timeout)
        self._socket.setblocking(True)
        self._timeout = None
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def is_usable(self):
        """:returns: whether the other side still keeps it.

        An executor that was stopped has ended it. That is found out before
        anything is sent, because what was sent may have been run.
        """
        return self._socket.getsockopt(
            socket.IPPROTO_TCP, socket.TCP_INFO, 1) == ESTABLISHED

    def _set_timeout(self, seconds):
        if seconds != self._timeout:
            value = struct.pack('@ll', int(seconds), 0)
            for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                self._socket.setsockopt(socket.SOL_SOCKET, option, value)
            self._timeout = seconds

    def post(self, path, headers, body, timeout):
        """:returns: the :class:`Answer`.

        :param headers: a dict of text.
        :param timeout: seconds (whole ones) between two pieces of the answer.
        :raises Lost: it may have been served, or not.
        """
        head = ''.join('%s: %s\r\n' % item for item in headers.items())
        answer = Answer()
        parser = httptools.HttpResponseParser(answer)
        try:
            self._set_timeout(timeout)
            self._socket.sendall(
                ('POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n'
                 '%s\r\n' % (path, self._host, len(body), head)).encode()
                + body)
            while not answer.complete:
                data = self._socket.recv(CHUNK)
                if not data:
                    raise Lost('the executor closed the connection')
                parser.feed_data(data)
        except (OSError, httptools.HttpParserError) as error:
            raise Lost(str(error)) from error
        answer.body = bytes(answer.body)
        answer.status = parser.get_status_code()
        return answer

    def close(self):
        self._socket.close()
