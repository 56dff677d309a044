# SPDX-License-Identifier: Apache-2.0
"""A small real HTTP server, and a Keystone made of it."""

import contextlib
import http.server
import json
import threading
import uuid


class Server:
    """An HTTP server in a thread; subclasses answer in handle()."""

    def __init__(self):
        outer = self
        #: (method, path with query, headers) of all requests so far
        self.seen = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'
            # Head and body go out apart; without this the peer's delayed
            # acknowledgement costs 40 ms an answer.
            disable_nagle_algorithm = True

            def log_message(self, *args):
                pass

            def answer(self):
                body = self.rfile.read(
                    int(self.headers.get('Content-Length') or 0))
                outer.seen.append((self.command, self.path, self.headers))
                status, headers, content = outer.respond(
                    self.command, self.path, self.headers, body)
                if not isinstance(content, bytes):
                    headers.setdefault('Content-Type', 'application/json')
                    content = json.dumps(content).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header('Content-Length', str(len(content)))
                self.end_headers()
                if status != 204:
                    with contextlib.suppress(ConnectionError):
                        self.wfile.write(content)

            do_GET = do_POST = do_PATCH = do_DELETE = answer

        class Listener(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                """A client that hangs up is no news."""

        self._server = Listener(('127.0.0.1', 0), Handler)
        self.url = 'http://127.0.0.1:%s' % self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop(self):
        if not self._thread.is_alive():
            return
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def paths(self):
        return ['%s %s' % (method, path.split('?')[0])
                for method, path, _ in self.seen]


class Keystone(Server):
    """Takes user "user" with password "pass" for project "pratai"."""

    def __init__(self, catalog_url=None):
        super().__init__()
        self.catalog_url = catalog_url
        #: the only kind of endpoint that the catalog has
        self.interface = 'public'
        self.tokens = set()

    def respond(self, method, path, headers, body):
        version = {'id': 'v3.14', 'status': 'stable', 'links': [
            {'rel': 'self', 'href': self.url + '/v3/'}]}
        if path.rstrip('/') == '':
            return 300, {}, {'versions': {'values': [version]}}
        if path.rstrip('/') == '/v3':
            return 200, {}, {'version': version}
        if path != '/v3/auth/tokens':
            return 404, {}, {'error': {'message': 'no', 'code': 404,
                                       'title': 'Not Found'}}
        identity = json.loads(body)['auth']['identity']
        good = {
            'password': lambda d: (d['user']['name'], d['user']['password'])
            == ('user', 'pass'),
            'token': lambda d: d['id'] in self.tokens,
            'application_credential': lambda d:
            (d['id'], d['secret']) == ('app', 'secret'),
        }[identity['methods'][0]](identity[identity['methods'][0]])
        if not good:
            return 401, {}, {'error': {
                'message': 'The request you have made requires '
                           'authentication.',
                'code': 401, 'title': 'Unauthorized'}}
        token = uuid.uuid4().hex
        self.tokens.add(token)
        catalog = []
        if self.catalog_url:
            catalog.append({
                'type': 'function', 'name': 'pratai', 'id': 'f',
                'endpoints': [{
                    'interface': self.interface, 'url': self.catalog_url,
                    'region': 'One', 'region_id': 'One', 'id': 'e'}]})
        return 201, {'X-Subject-Token': token}, {'token': {
            'methods': ['password'], 'expires_at': '2099-01-01T00:00:00Z',
            'issued_at': '2026-11-21T20:18:14Z', 'catalog': catalog,
            'user': {'id': 'u', 'name': 'user',
                     'domain': {'id': 'default', 'name': 'Default'}},
            'project': {'id': 'p', 'name': 'pratai',
                        'domain': {'id': 'default', 'name': 'Default'}}}}
