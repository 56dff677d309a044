# SPDX-License-Identifier: Apache-2.0
import atexit
import functools
import json
import socket

from prataiclient import connect
from prataiclient import exceptions
from prataiclient.tests import base
from prataiclient.tests import fake
from prataiclient.tests import servers

CREDENTIALS = {
    'OS_USERNAME': 'user',
    'OS_PASSWORD': 'pass',
    'OS_TENANT_NAME': 'pratai',
    'OS_IDENTITY_API_VERSION': '3',
    'OS_PROJECT_DOMAIN_NAME': 'Default',
    'OS_USER_DOMAIN_NAME': 'Default',
}


@functools.cache
def closed_socket():
    """Bound for as long as the tests run, so that nobody listens there."""
    found = socket.socket()
    atexit.register(found.close)
    found.bind(('127.0.0.1', 0))
    return found


def closed_url():
    """A URL at which nothing listens."""
    return 'http://127.0.0.1:%s' % closed_socket().getsockname()[1]


class TestWithoutKeystone(base.TestCase):

    def token(self, **environ):
        environ.setdefault('OS_PRATAI_URL', self.server.url)
        connect.client(environ=environ).functions.list()
        return self.server.seen[-1][2]['X-Auth-Token']

    def test_nothing_set(self):
        self.assertIsNone(self.token())
        self.assertEqual(['GET /v1/functions'], self.server.paths())

    def test_all_of_the_documentation_set(self):
        # Nothing listens where Keystone should be.
        self.assertEqual('user:pratai', self.token(
            OS_AUTH_URL=closed_url() + '/v3', **CREDENTIALS))

    def test_names(self):
        self.assertEqual('me:admin', self.token(OS_USERNAME='me'))
        self.assertEqual('admin:it', self.token(OS_PROJECT_NAME='it'))
        self.assertEqual('admin:it', self.token(OS_PROJECT_NAME='it',
                                                OS_TENANT_NAME='that'))
        self.assertEqual('a:b:reader', self.token(OS_TOKEN='a:b:reader'))
        self.assertEqual('me:admin', self.token(OS_TOKEN='gAAA',
                                                OS_USERNAME='me'))

    def test_names_beyond_latin1(self):
        token = self.token(OS_USERNAME='мэ', OS_PROJECT_NAME='ö')
        self.assertEqual('мэ:ö', token.encode('latin-1').decode())

    def test_auth_type_none(self):
        self.token(OS_AUTH_TYPE='none', OS_AUTH_URL=closed_url())
        self.assertEqual(['GET /v1/functions'], self.server.paths())

    def test_default_url(self):
        for environ in ({}, {'OS_TOKEN': 'a:b', 'OS_AUTH_TYPE': 'none'},
                        {'OS_AUTH_TYPE': 'none', 'OS_AUTH_URL': 'http://x'}):
            found = connect.client(environ=environ)
            self.assertEqual('http://localhost:9998', found.http.root)

    def test_given_goes_before_environment(self):
        found = connect.client({'pratai_url': 'http://a'},
                               {'OS_PRATAI_URL': 'http://b'})
        self.assertEqual('http://a', found.http.root)

    def test_not_a_url(self):
        for url in ('localhost:9998', 'ftp://x', 'http://', 'http://a:b',
                    'http://[', '/v1'):
            for name in ('OS_PRATAI_URL', 'OS_AUTH_URL'):
                with self.assertRaisesRegex(exceptions.InvalidInput, name):
                    connect.client(environ={name: url})

    def test_something_else_answers(self):
        environ = dict(CREDENTIALS, OS_AUTH_URL=closed_url(),
                       OS_PRATAI_URL=self.server.url)
        for answer in ((200, {}, b'<html>'), (404, {}, b''), (200, {}, [])):
            self.server.instead['/'] = answer
            with self.assertRaisesRegex(exceptions.PrataiError,
                                        self.server.url):
                connect.client(environ=environ)


class TestWithKeystone(base.TestCase):

    def setUp(self):
        self.keystone = servers.Keystone()
        self.addCleanup(self.keystone.stop)
        super().setUp()
        self.settings = dict(CREDENTIALS, OS_PRATAI_URL=self.server.url,
                             OS_AUTH_URL=self.keystone.url + '/v3')

    def list(self, without=(), **environ):
        environ = {key: value
                   for key, value in dict(self.settings, **environ).items()
                   if key not in without}
        return connect.client(environ=environ).functions.list()

    def refused(self, pattern, **arguments):
        with self.assertRaisesRegex(exceptions.PrataiError, pattern) as found:
            self.list(**arguments)
        self.assertEqual(1, len(str(found.exception).splitlines()))

    def test_password(self):
        self.assertEqual([], self.list())
        self.assertIn(self.server.seen[-1][2]['X-Auth-Token'],
                      self.keystone.tokens)
        self.assertEqual(['POST /v3/auth/tokens'], self.keystone.paths())

    def test_auth_url_without_version(self):
        for suffix in ('', '/', '/v2.0', '/v3/'):
            self.assertEqual([], self.list(
                OS_AUTH_URL=self.keystone.url + suffix))
        self.assertEqual({'POST /v3/auth/tokens'},
                         set(self.keystone.paths()))

    def test_catalog(self):
        self.keystone.catalog_url = self.server.url
        self.assertEqual([], self.list(without=['OS_PRATAI_URL']))
        self.keystone.catalog_url = self.server.url + '/v1'
        self.assertEqual([], self.list(without=['OS_PRATAI_URL'],
                                       OS_REGION_NAME='One'))
        # What the catalog says needs no version document.
        self.assertEqual(['GET /v1/functions'] * 2, self.server.paths())
        self.refused("no public endpoint of type 'function' in region Two; "
                     "set OS_PRATAI_URL",
                     without=['OS_PRATAI_URL'], OS_REGION_NAME='Two')
        self.refused("no internal endpoint of type 'function'; set",
                     without=['OS_PRATAI_URL'], OS_INTERFACE='internal')

    def test_token(self):
        self.list()
        token = self.keystone.tokens.copy().pop()
        only = ['OS_USERNAME', 'OS_PASSWORD']
        # With both URLs known there is nothing to ask Keystone for.
        del self.keystone.seen[:]
        self.list(without=only, OS_TOKEN=token)
        self.list(without=only + ['OS_AUTH_URL'], OS_TOKEN=token)
        self.assertEqual([], self.keystone.seen)
        self.keystone.catalog_url = self.server.url
        self.list(without=only + ['OS_PRATAI_URL'], OS_TOKEN=token)

    def test_application_credential(self):
        environ = {'OS_AUTH_TYPE': 'v3applicationcredential',
                   'OS_AUTH_URL': self.keystone.url + '/v3',
                   'OS_PRATAI_URL': self.server.url,
                   'OS_APPLICATION_CREDENTIAL_ID': 'app',
                   'OS_APPLICATION_CREDENTIAL_SECRET': 'secret'}
        self.assertEqual([], connect.client(environ=environ).functions.list())
        self.list(OS_AUTH_TYPE='password')
        self.refused('OS_AUTH_TYPE', OS_AUTH_TYPE='no-such-type')

    def test_what_is_missing(self):
        for name in ('OS_USERNAME', 'OS_PASSWORD'):
            self.refused(name + ' is not set', without=[name])
        self.refused('OS_PROJECT_NAME is not set',
                     without=['OS_TENANT_NAME'])
        self.refused('OS_AUTH_URL is not set', without=['OS_AUTH_URL'],
                     OS_AUTH_TYPE='password')
        self.list(without=['OS_PROJECT_DOMAIN_NAME', 'OS_USER_DOMAIN_NAME'])

    def test_no_credentials_at_all(self):
        with self.assertRaises(exceptions.Unauthorized):
            self.list(without=list(CREDENTIALS) + ['OS_AUTH_URL'])

    def test_wrong_password(self):
        self.refused('Keystone at .* refused the credentials',
                     OS_PASSWORD='no')

    def test_keystone_is_not_there(self):
        for suffix in ('', '/v3'):
            self.refused('Cannot get a token from Keystone at '
                         'http://127.*/v3: Connection refused.*OS_AUTH_URL',
                         OS_AUTH_URL=closed_url() + suffix)

    def test_not_a_keystone(self):
        for path in ('/v1', '/no/v3'):
            self.refused('OS_AUTH_URL', OS_AUTH_URL=self.server.url + path)

    def test_identity_v2(self):
        self.refused('version 3', OS_IDENTITY_API_VERSION='2.0')

    def test_cacert(self):
        self.refused('OS_CACERT', OS_CACERT=self.path('none.pem'))


class TestCloud(base.TestCase):
    """The pratai command and a clouds.yaml."""

    def setUp(self):
        self.keystone = servers.Keystone()
        self.addCleanup(self.keystone.stop)
        super().setUp()
        self.keystone.catalog_url = self.server.url
        self.cloud(region_name='One')

    def cloud(self, name='here', auth_type='password', **settings):
        """Write a clouds.yaml with one cloud, and use it."""
        if auth_type == 'password':
            settings['auth'] = {
                'auth_url': self.keystone.url + '/v3', 'username': 'user',
                'password': 'pass', 'project_name': 'pratai',
                'user_domain_id': 'default', 'project_domain_id': 'default'}
        clouds = {'clouds': {name: dict(settings, auth_type=auth_type)}}
        self.environ = {'OS_CLOUD': 'here', 'OS_CLIENT_CONFIG_FILE':
                        self.path('clouds.yaml', json.dumps(clouds).encode())}

    def open_server(self):
        """A Pratai that wants no token."""
        server = fake.Pratai()
        self.addCleanup(server.stop)
        return server

    def test_credentials_and_region(self):
        self.ok('function-list')
        self.assertIn(self.server.seen[-1][2]['X-Auth-Token'],
                      self.keystone.tokens)
        # Those of a cloud are not mixed with others.
        self.ok('function-list', OS_USERNAME='me', OS_PASSWORD='no')
        self.fails('in region Two', 'function-list', OS_REGION_NAME='Two')
        self.cloud(region_name='Two')
        self.fails('in region Two', 'function-list')
        self.ok('--os-region-name', 'One', 'function-list')

    def test_no_such_cloud(self):
        self.cloud('there')
        self.fails('here .*OS_CLOUD', 'function-list')

    def test_interface(self):
        self.keystone.interface = 'internal'
        self.fails('no public endpoint', 'function-list')
        self.cloud(interface='internal')
        self.ok('function-list')
        self.fails('no public endpoint', 'function-list',
                   OS_INTERFACE='public')
        self.fails('no admin endpoint', '--os-interface', 'admin',
                   'function-list', OS_INTERFACE='internal')

    def test_endpoint(self):
        self.keystone.catalog_url = closed_url()
        self.cloud(function_endpoint_override=self.server.url)
        self.ok('function-list')
        self.assertIn(self.server.seen[-1][2]['X-Auth-Token'],
                      self.keystone.tokens)
        self.cloud(function_endpoint_override=closed_url())
        self.fails('Cannot reach', 'function-list')
        self.ok('function-list', OS_PRATAI_URL=self.server.url)
        self.ok('--os-pratai-url', self.server.url, 'function-list',
                OS_PRATAI_URL=closed_url())
        self.cloud(function_endpoint_override='here')
        self.fails("function_endpoint_override must be a URL",
                   'function-list')

    def test_regions_with_settings(self):
        self.cloud(regions=[
            {'name': 'One', 'values': {'interface': 'admin'}},
            {'name': 'Two', 'values': {
                'function_endpoint_override': self.server.url}}])
        self.fails('no admin endpoint .* in region One', 'function-list')
        self.ok('--os-region-name', 'Two', 'function-list')
        self.fails('Three is not a valid region', 'function-list',
                   OS_REGION_NAME='Three')

    def test_certificates(self):
        path = self.path('none.pem')
        self.cloud(function_endpoint_override='https' + closed_url()[4:],
                   cacert=path)
        self.fails('none.pem', 'function-list')
        self.fails('Connection refused', '--insecure', 'function-list')

    def test_an_api_that_wants_no_token(self):
        server = self.open_server()
        self.ok('function-list', OS_PRATAI_URL=server.url)
        self.cloud(function_endpoint_override=server.url)
        self.ok('function-list')
        self.cloud(auth_type='none', auth={'endpoint': server.url})
        self.ok('function-list')
        self.cloud(auth_type='none', function_endpoint_override=server.url)
        self.ok('function-list')
        self.assertEqual(4, server.paths().count('GET /v1/functions'))
        self.assertEqual([], self.keystone.seen)
