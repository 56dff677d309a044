# SPDX-License-Identifier: Apache-2.0

import hashlib
import hmac

from pratai.tests import base
from pratai.webhook import callers

FUNCTION = {'webhook_token': 'secret'}


class TestTrusted(base.TestCase):

    def setUp(self):
        super().setUp()
        self.conf.set_override('trusted_networks', ['10.0.0.0/8', '::1/128'],
                               'webhook')
        self.conf.set_override('trusted_proxies', ['192.0.2.0/24'],
                               'webhook')
        self.callers = callers.Callers(self.conf)

    def test_table(self):
        for peer, headers, trusted in [
            ('10.1.2.3', {}, True), ('11.1.2.3', {}, False),
            ('::1', {}, True), ('::ffff:10.1.2.3', {}, True),
            ('2001:db8::1', {}, False), (None, {}, False),
            ('nonsense', {}, False),
            # A proxy's own address says nothing.
            ('192.0.2.1', {}, False),
            ('192.0.2.1', {'FOR': '10.1.2.3'}, True),
            ('192.0.2.1', {'FOR': '11.1.2.3'}, False),
            # What the caller put in front himself is not believed.
            ('192.0.2.1', {'FOR': '10.1.2.3, 11.1.2.3'}, False),
            ('192.0.2.1', {'FOR': '11.1.2.3, 10.1.2.3'}, True),
            ('192.0.2.1', {'FOR': '10.1.2.3, 192.0.2.9'}, True),
            ('192.0.2.1', {'FOR': '192.0.2.9'}, False),
            ('192.0.2.1', {'FOR': ''}, False),
            # A forwarding header from elsewhere takes all trust away.
            ('10.1.2.3', {'FOR': '10.1.2.3'}, False),
            ('10.1.2.3', {'HOST': 'x'}, False),
        ]:
            environ = {'HTTP_X_FORWARDED_' + name: value
                       for name, value in headers.items()}
            if peer:
                environ['REMOTE_ADDR'] = peer
            self.assertEqual(trusted, self.callers.is_trusted(environ),
                             (peer, headers))

    def test_other_forwarding_headers(self):
        for name in ('HTTP_FORWARDED', 'HTTP_X_REAL_IP'):
            self.assertFalse(self.callers.is_trusted(
                {'REMOTE_ADDR': '10.1.2.3', name: '10.1.2.3'}))

    def test_a_page_in_a_browser(self):
        self.assertFalse(self.callers.is_trusted(
            {'REMOTE_ADDR': '10.1.2.3', 'HTTP_ORIGIN': 'http://localhost'}))

    def may(self, body=b'', token=None, **environ):
        return self.callers.may(environ, FUNCTION, body, token)

    def test_token(self):
        self.assertTrue(self.may(token='secret'))
        for wrong in ('', 'Secret', 'secret ', 'é'):
            self.assertFalse(self.may(token=wrong))
            self.assertFalse(self.may(token=wrong, REMOTE_ADDR='10.1.2.3'))

    def test_signature(self):
        good = 'sha256=' + hmac.new(b'secret', b'body',
                                    hashlib.sha256).hexdigest()
        self.assertTrue(self.may(b'body', HTTP_X_HUB_SIGNATURE_256=good))
        self.assertFalse(self.may(b'Body', HTTP_X_HUB_SIGNATURE_256=good))
        self.assertFalse(self.may(b'body', token='secret',
                                  HTTP_X_HUB_SIGNATURE_256='sha256='))
        self.assertFalse(self.may(b'body', HTTP_X_HUB_SIGNATURE_256='é'))
