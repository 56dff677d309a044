# SPDX-License-Identifier: Apache-2.0
"""A WSGI application served from threads of this process, by waitress."""

import json
import logging
import socket
import threading
import uuid

import waitress.channel
import waitress.server
import waitress.task

from pratai import exception

# It warns whenever a request waits for a thread, which is what callers do.
logging.getLogger('waitress.queue').setLevel(logging.ERROR)

_CODES = {400: 'request.invalid',
          431: 'request.too_large', 501: 'request.invalid'}


class _ErrorTask(waitress.task.ErrorTask):
    """What waitress itself refuses is told in Pratai's error shape."""

    def execute(self):
        error = self.request.error
        request_id = uuid.uuid4().hex
        if error.code == 413:
            # The limit that waitress would name is one of ours.
            body = self.channel.server.too_large.body(request_id)
        else:
            body = exception.error_body(
                error.code, _CODES.get(error.code, 'internal.error'),
                '%s: %s.' % (error.reason, error.body) if error.code < 500
                else 'The request cannot be served.', request_id)
        body = json.dumps(body).encode()
        self.status = '%d %s' % (error.code, error.reason)
        self.response_headers.append(('Content-Type', 'application/json'))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Channel(waitress.channel.HTTPChannel):
    error_task_class = _ErrorTask


class HTTPServer:
    """One listening address.

    :param most: largest body in bytes; a larger one is refused by its
        declared length, before it is read.
    :param too_large: the error that tells of that.
    :param grace: seconds for what is under way when it is stopped.
    :raises OSError: the address cannot be had, with words for an operator.
    """

    def __init__(self, name, application, host, port, threads, most,
                 too_large, grace):
        try:
            # One address: a name may have several.
            host = socket.getaddrinfo(host, port,
                                      type=socket.SOCK_STREAM)[0][4][0]
            self._server = waitress.server.create_server(
                application, map={}, host=host, port=port, threads=threads,
                max_request_body_size=most + 1, ident=None,
                connection_limit=1000, channel_timeout=120,
                asyncore_use_poll=True, clear_untrusted_proxy_headers=False)
        except OSError as error:
            raise OSError('Cannot listen on %s:%d for the %s: %s' % (
                host, port, name, error.strerror or error)) from error
        self._server.channel_class = _Channel
        self._server.too_large = too_large
        self._grace = grace
        self._thread = threading.Thread(target=self._run, name=name,
                                        daemon=True)
        self._stopping = False

    def start(self):
        self._thread.start()

    def _run(self):
        while not self._stopping:
            self._server.asyncore.loop(timeout=5.0, use_poll=True, count=1,
                                       map=self._server._map)

    def stop(self):
        """Take no more connections, finish the answers that are being made
        (for at most ``grace``), and end."""
        self._server.accepting = False
        self._server.pull_trigger()
        self._server.task_dispatcher.shutdown(timeout=self._grace)
        self._stopping = True
        self._server.pull_trigger()
        self._thread.join()
        self._server.asyncore.close_all(self._server._map)
