# SPDX-License-Identifier: Apache-2.0

import webob

from pratai import exception
from pratai.api import auth
from pratai.tests import base


def show(environ, start_response):
    """WSGI application that tells who is calling."""
    context = environ[auth.CONTEXT]
    return webob.Response(json=[
        context.user_id, context.project_id, context.roles
    ])(environ, start_response)


class TestNoAuth(base.TestCase):

    def ask(self, **environ):
        return webob.Request.blank('/', environ=environ).get_response(
            auth.NoAuth(show))

    def test_tokens(self):
        everything = ['admin', 'member', 'reader']
        for token, expected in (
                (None, ['admin', 'admin', everything]),
                ('', ['admin', 'admin', everything]),
                ('ann', ['ann', 'admin', everything]),
                ('ann:p1', ['ann', 'p1', everything]),
                (':p1', ['admin', 'p1', everything]),
                ('ann:p1:', ['ann', 'p1', everything]),
                ('ann:p1:reader', ['ann', 'p1', ['reader']]),
                ('a@b.c:p-1:member,reader',
                 ['a@b.c', 'p-1', ['member', 'reader']])):
            environ = {} if token is None else {'HTTP_X_AUTH_TOKEN': token}
            self.assertEqual(expected, self.ask(**environ).json, token)

    def test_tokens_that_cannot_be_read(self):
        for token in ('a b', 'a:b c', 'a:b:c d', 'a:b:c,,d', 'a' * 65,
                      'a:b:c:d', 'a\n', '\xe9', "a'"):
            self.assertRaises(exception.Unauthorized, self.ask,
                              HTTP_X_AUTH_TOKEN=token)

    def test_hosts(self):
        for host in ('localhost', 'localhost:9998', 'LOCALHOST', '127.0.0.1',
                     '127.1.2.3:80', '[::1]', '[::1]:9998', 'a.localhost'):
            self.assertEqual(200, self.ask(HTTP_HOST=host).status_int, host)
        for host in ('', 'example.com', 'localhost.example.com',
                     'notlocalhost', '127.0.0.1.example.com', '192.0.2.1',
                     '[2001:db8::1]', '[::1', '0.0.0.0', 'localhost@evil'):
            self.assertRaises(exception.Forbidden, self.ask, HTTP_HOST=host)

    def test_addresses(self):
        for address in ('127.0.0.1', '::1', '::ffff:127.0.0.1', ''):
            self.assertEqual(
                200, self.ask(REMOTE_ADDR=address).status_int, address)
        for address in ('192.0.2.1', '::ffff:192.0.2.1', 'unix'):
            self.assertRaises(exception.Forbidden, self.ask,
                              REMOTE_ADDR=address)

    def test_proxies(self):
        for name in auth.FORWARDED:
            self.assertRaises(exception.Forbidden, self.ask,
                              REMOTE_ADDR='127.0.0.1', **{name: '127.0.0.1'})

    def test_origins(self):
        self.assertEqual(200, self.ask(
            HTTP_ORIGIN='http://localhost:80',
            HTTP_HOST='localhost:80').status_int)
        for origin in ('null', '', 'http://localhost:81',
                       'https://localhost:80', 'http://example.com', '*'):
            self.assertRaises(exception.Forbidden, self.ask,
                              HTTP_HOST='localhost:80', HTTP_ORIGIN=origin)
