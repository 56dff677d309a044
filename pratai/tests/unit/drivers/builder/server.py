# SPDX-License-Identifier: Apache-2.0
"""A web server for a folder."""

import functools
import http.server
import ssl
import threading
import urllib.parse

import fixtures


class Handler(http.server.SimpleHTTPRequestHandler):
    """An index that allows caching, as the public one does."""

    def do_GET(self):
        self.server.seen.append(self.path)
        # A proxy is asked for the whole address.
        self.path = urllib.parse.urlsplit(self.path).path
        super().do_GET()

    def end_headers(self):
        if self.path.endswith('.whl'):
            self.send_header('Cache-Control', 'max-age=365000000, immutable')
        super().end_headers()

    def log_message(self, *args):
        pass


class Server(fixtures.Fixture):
    """Serves a folder on loopback; also as a proxy, to all other hosts.

    :param certificate: a file with it and its key: then by HTTPS.
    :ivar url: of the folder, without a slash at its end.
    :ivar seen: list of the paths that were asked for.
    """

    def __init__(self, path, certificate=None):
        self.path = path
        self.certificate = certificate

    def _setUp(self):
        self.server = http.server.ThreadingHTTPServer(
            ('127.0.0.1', 0),
            functools.partial(Handler, directory=self.path))
        self.seen = self.server.seen = []
        scheme = 'http'
        if self.certificate:
            scheme = 'https'
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True)
        self.url = '%s://127.0.0.1:%d' % (scheme, self.server.server_port)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        self.addCleanup(self.stop)

    def stop(self):
        """May be repeated."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
