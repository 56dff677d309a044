# SPDX-License-Identifier: Apache-2.0

import os

from pratai.drivers.builder import pipconf
from pratai.tests.unit.drivers.builder import base


class TestFind(base.TestCase):

    def setUp(self):
        super().setUp()
        self.file = os.path.join(self.folder, 'pip.conf')
        self.environ = {
            'PATH': os.environ['PATH'], 'HOME': self.folder,
            'PIP_CONFIG_FILE': os.devnull, 'OS_PASSWORD': 'secret'}

    def write(self, text):
        self.environ['PIP_CONFIG_FILE'] = self.file
        with open(self.file, 'w') as target:
            target.write(text)

    def find(self, **environ):
        return pipconf.find(self.conf, dict(self.environ, **environ))

    def folder_of(self, *names):
        path = os.path.join(self.folder, *names)
        os.makedirs(path)
        return path

    def test_nothing_else_of_the_node(self):
        access = self.find(PIP_TARGET='/x', PIP_USER='1', PIP_LOG='/x',
                           PIP_PYTHON='/x', PIP_REQUIREMENT='/etc/passwd')
        self.assertEqual(set(), set(access.env) - {
            'PIP_CERT', 'SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE'})
        self.assertNotIn('secret', str(access))

    def test_the_configuration_of_the_node(self):
        self.write('[global]\nindex-url = https://one/simple\n'
                   'timeout = 7\ntarget = /x\n'
                   '[install]\nextra-index-url = https://two/simple\n'
                   '   https://three/simple\n'
                   '[download]\nretries = 2\n[list]\nformat = json\n')
        env = self.find().env
        self.assertEqual('https://one/simple', env['PIP_INDEX_URL'])
        self.assertEqual(['https://two/simple', 'https://three/simple'],
                         env['PIP_EXTRA_INDEX_URL'].split())
        self.assertEqual('7', env['PIP_TIMEOUT'])
        self.assertEqual('2', env['PIP_RETRIES'])
        self.assertNotIn('PIP_TARGET', env)

    def test_variables_win(self):
        self.write('[global]\nindex-url = https://one/simple\n')
        env = self.find(PIP_INDEX_URL='https://two/simple',
                        PIP_TRUSTED_HOST='two').env
        self.assertEqual('https://two/simple', env['PIP_INDEX_URL'])
        self.assertEqual('two', env['PIP_TRUSTED_HOST'])

    def test_our_options_win(self):
        self.write('[global]\nindex-url = https://one/simple\n'
                   'extra-index-url = https://two/simple\ntimeout = 7\n'
                   'find-links = /\n')
        self.options(index_url='https://ours/simple',
                     extra_index_urls=['https://more/simple',
                                       'https://most/simple'])
        access = self.find()
        self.assertEqual('https://ours/simple', access.env['PIP_INDEX_URL'])
        self.assertEqual('https://more/simple https://most/simple',
                         access.env['PIP_EXTRA_INDEX_URL'])
        self.assertEqual('7', access.env['PIP_TIMEOUT'])
        self.assertNotIn('PIP_FIND_LINKS', access.env)
        self.assertNotIn('/', access.paths)

    def test_folders_of_the_node(self):
        links = self.folder_of('links')
        more = self.folder_of('more links')
        mirror = self.folder_of('mirror', 'simple')
        self.write('[global]\nfind-links = %s\n  file://%s\n  /nowhere\n'
                   'extra-index-url = file://%s/\n' % (
                       links, more.replace(' ', '%20'), mirror))
        paths = self.find().paths
        for path in (links, more, os.path.dirname(mirror)):
            self.assertIn(path, paths)
        self.assertNotIn('/nowhere', paths)

    def test_further_paths(self):
        path = self.folder_of('further')
        self.options(bind=[path, '/nowhere'])
        self.assertIn(path, self.find().paths)

    def test_proxies(self):
        env = self.find(HTTPS_PROXY='http://proxy:1', no_proxy='here').env
        self.assertEqual('http://proxy:1', env['https_proxy'])
        self.assertEqual('here', env['no_proxy'])
        self.options(proxy='http://ours:2')
        env = self.find(HTTPS_PROXY='http://proxy:1', no_proxy='here',
                        PIP_PROXY='http://proxy:3').env
        self.assertEqual('http://ours:2', env['https_proxy'])
        self.assertEqual('http://ours:2', env['http_proxy'])
        self.assertEqual('here', env['no_proxy'])
        self.assertNotIn('PIP_PROXY', env)

    def test_certificates(self):
        bundle = os.path.join(self.folder, 'ca.crt')
        other = os.path.join(self.folder, 'other.crt')
        for path in (bundle, other):
            with open(path, 'w'):
                pass
        for access in (self.find(SSL_CERT_FILE=bundle),
                       self.find(REQUESTS_CA_BUNDLE=bundle),
                       self.find(PIP_CERT=bundle),
                       self.find(PIP_CERT=bundle, SSL_CERT_FILE=other),
                       self.find(PIP_CERT='/nowhere', SSL_CERT_FILE=bundle)):
            self.assertIn(bundle, access.paths)
            for name in ('PIP_CERT', 'SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE'):
                self.assertEqual(bundle, access.env[name])
        self.options(ca_bundle=other)
        self.assertEqual(other, self.find(PIP_CERT=bundle).env['PIP_CERT'])
