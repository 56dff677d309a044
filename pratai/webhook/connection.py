# SPDX-License-Identifier: Apache-2.0
"""A connection to an executor's data port: HTTP, kept alive.

Parsed by httptools, which the data port itself uses: http.client makes an
e-mail message of every answer's headers, which took a tenth of the time of
a whole request.
"""

import select
import socket
import urllib.parse

import httptools

CHUNK = 65536


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
        self._timeout = timeout
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def is_usable(self):
        """:returns: whether the other side still keeps it.

        What is readable without a question is an end: the executor was
        stopped. It is found out before anything is sent, because what was
        sent may have been run.
        """
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return not poll.poll(0)

    def post(self, path, headers, body, timeout):
        """:returns: the :class:`Answer`.

        :param headers: a dict of text.
        :param timeout: seconds between two pieces of the answer.
        :raises Lost: it may have been served, or not.
        """
        head = ''.join('%s: %s\r\n' % item for item in headers.items())
        answer = Answer()
        parser = httptools.HttpResponseParser(answer)
        try:
            if timeout != self._timeout:
                self._socket.settimeout(timeout)
                self._timeout = timeout
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
