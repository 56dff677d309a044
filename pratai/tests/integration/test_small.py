# SPDX-License-Identifier: Apache-2.0
"""Small servers that other tests rely on."""

import requests

from pratai.tests.integration import base
from pratai.tests.integration import small


class TestSmall(base.TestCase):

    NEEDS = (small.Memcached, small.Registry)

    def test_registry(self):
        registry = self.useFixture(small.Registry())
        self.useFixture(small.Memcached())
        with requests.Session() as session:
            session.trust_env = False
            url = 'http://%s/v2/_catalog' % registry.address
            self.assertEqual({'repositories': []},
                             session.get(url, timeout=60).json())
            registry.kill()
            self.assertRaises(requests.ConnectionError, session.get, url)
            registry.start()
            self.assertEqual(200, session.get(url, timeout=60).status_code)
