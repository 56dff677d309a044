# SPDX-License-Identifier: Apache-2.0

from pratai.api import keystone
from pratai.tests import base


class TestTokenCache(base.TestCase):

    def test_what_is_kept(self):
        cache = keystone.TokenCache()
        self.assertIsNone(cache.get('a'))
        cache.set('a', b'1', time=60)
        cache.set('b', b'2', time=0)
        cache.set('c', b'3', time=-1)
        self.assertEqual([b'1', None, None],
                         [cache.get(name) for name in 'abc'])
        cache.set('a', b'4', time=60)
        self.assertEqual(b'4', cache.get('a'))

    def test_how_many_are_kept(self):
        cache = keystone.TokenCache(most=2)
        cache.set('a', b'1', time=60)
        cache.set('b', b'2', time=60)
        cache.get('a')
        cache.set('c', b'3', time=60)
        self.assertEqual([b'1', None, b'3'],
                         [cache.get(name) for name in 'abc'])


class TestDefaults(base.TestCase):

    def make(self):
        return keystone.Protocol(None, self.conf)

    def test_ours(self):
        self.make()
        group = self.conf.keystone_authtoken
        self.assertEqual((5, 1, 'function'), (
            group.http_connect_timeout, group.http_request_max_retries,
            group.service_type))
        # A webhook app and an API in one process share a configuration.
        self.make()

    def test_the_operator_decides(self):
        path, = self.create_tempfiles([('pratai', (
            '[keystone_authtoken]\nhttp_connect_timeout = 7\n'))])
        self.conf(args=[], default_config_files=[path])
        self.make()
        self.assertEqual(
            7, self.conf.keystone_authtoken.http_connect_timeout)
