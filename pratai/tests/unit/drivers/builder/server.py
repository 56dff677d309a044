# SPDX-License-Identifier: Apache-2.0
"""A web server for a folder."""

import functools
import http.server
import threading

import fixtures


class Handler(http.server.SimpleHTTPRequestHandler):
    """An index that allows caching, as the public one does."""

    def do_GET(self):
        self.server.seen.append(self.path)
        super().do_GET()

    def end_headers(self):
        if self.path.endswith('.whl'):
            self.send_header('Cache-Control', 'max-age=365000000, immutable')
        super().end_headers()

    def log_message(self, *args):
        pass


class Server(fixtures.Fixture):
    """Serves a folder on loopback.

    :ivar url: of the folder, without a slash at its end.
    :ivar seen: list of the paths that were asked for.
    """

    def __init__(self, path):
        self.path = path

    def _setUp(self):
        self.server = http.server.ThreadingHTTPServer(
            ('127.0.0.1', 0),
            functools.partial(Handler, directory=self.path))
        self.seen = self.server.seen = []
        self.url = 'http://127.0.0.1:%d' % self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        self.addCleanup(self.stop)

    def stop(self):
        """May be repeated."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
