# SPDX-License-Identifier: Apache-2.0

import os
import subprocess

import fixtures

from pratai.tests.unit.drivers.builder import base
from pratai.tests.unit.drivers.builder import server

FAILED = 'build.requirements_failed'


class TestNetwork(base.BuilderTestCase):
    """Builds where the index is not simply there."""

    def setUp(self):
        super().setUp()
        self.index.wheel('first')

    def test_proxy(self):
        proxy = self.useFixture(server.Server(self.index.path))
        self.useFixture(fixtures.EnvironmentVariable(
            'PIP_TRUSTED_HOST', 'packages.test'))
        # Nothing but a proxy knows this host.
        self.options(index_url='http://packages.test/simple',
                     proxy=proxy.url)
        image = self.build('first')
        self.assertEqual("version = '1.0'\n",
                         self.read_layer(image, 'first.py'))
        self.assertIn('http://packages.test/simple/first/', proxy.seen)

    def test_proxy_of_the_service(self):
        proxy = self.useFixture(server.Server(self.index.path))
        self.options(index_url='http://packages.test/simple')
        for name, value in (('PIP_TRUSTED_HOST', 'packages.test'),
                            ('HTTP_PROXY', None), ('http_proxy', proxy.url)):
            self.useFixture(fixtures.EnvironmentVariable(name, value))
        self.build('first')
        self.assertIn('http://packages.test/simple/first/', proxy.seen)

    def test_certificate_of_an_own_authority(self):
        path = os.path.join(self.folder, 'certificate.pem')
        subprocess.run(
            ['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes',
             '-days', '2', '-subj', '/CN=packages', '-addext',
             'subjectAltName=IP:127.0.0.1', '-out', path, '-keyout',
             path + '.key'], check=True, stderr=subprocess.DEVNULL)
        with open(path + '.key') as key, open(path) as certificate:
            both = key.read() + certificate.read()
        with open(path + '.both', 'w') as target:
            target.write(both)
        index = self.useFixture(
            server.Server(self.index.path, path + '.both'))
        self.options(index_url=index.url + '/simple')
        self.useFixture(fixtures.EnvironmentVariable('PIP_RETRIES', '0'))
        detail = self.refused(FAILED, 'first')
        self.assertIn('the package index could not be reached', detail)
        self.assertIn('certificate verify failed', detail)
        self.options(ca_bundle=path)
        self.builder = self.new_builder()
        image = self.build('first')
        self.assertEqual("version = '1.0'\n",
                         self.read_layer(image, 'first.py'))
