# SPDX-License-Identifier: Apache-2.0
"""The API where a request from outside is not all there is to a test."""

import concurrent.futures
import io
import os

import sqlalchemy as sa
import webob

from pratai import rpc
from pratai.api import app
from pratai.api.controllers import root
from pratai.tests.functional import api_world


class TestCase(api_world.TestCase):

    def upload(self, name, application=None, **environ):
        body = api_world.Form.dumps({
            'metadata': {'name': name}, 'zip_file': api_world.package(
                api_world.SOURCE)})
        request = webob.Request.blank(
            '/v1/functions', method='POST', body=body, environ=environ,
            content_type='multipart/form-data; boundary=a-boundary')
        return request.get_response(application or self.world.application)

    def packages(self):
        return {name for _, _, names in os.walk(
            self.world.conf.package_store.path) for name in names}


class Unreadable:
    """A body of which no more may be read than is asked for."""

    def __init__(self, most):
        self.left = most

    def read(self, size):
        self.left -= size
        if self.left < 0:
            raise AssertionError('more was read than the limit')
        return b'x' * size


class TestUpload(TestCase):

    options = {'limits': {'max_package': 200 * 1024}}
    FORM = {'CONTENT_TYPE': 'multipart/form-data; boundary=a-boundary'}

    def test_too_long_by_its_length(self):
        response = self.call('/v1/functions', 'POST', **self.FORM, **{
            'CONTENT_LENGTH': '1000000', 'wsgi.input': Unreadable(0)})
        self.assertEqual(413, response.status_int)
        self.assertEqual('package.too_large', response.json['code'])

    def test_too_long_without_a_length(self):
        start = api_world.Form.dumps({'zip_file': ''})[:-len('--a-boundary--')]
        start = start[:start.index(b'\r\n\r\n') + 4]

        class Body(Unreadable):
            def read(self, size):
                nonlocal start
                head, start = start, b''
                return head + super().read(size - len(head))

        response = self.call('/v1/functions', 'POST', **self.FORM, **{
            'HTTP_TRANSFER_ENCODING': 'chunked',
            'wsgi.input': Body(300 * 1024)})
        self.assertEqual(413, response.status_int)

    def test_without_a_length(self):
        body = api_world.Form.dumps({
            'metadata': {'name': 'echo'}, 'zip_file': api_world.package(
                api_world.SOURCE)})
        response = self.call('/v1/functions', 'POST', **self.FORM, **{
            'HTTP_TRANSFER_ENCODING': 'chunked',
            'wsgi.input': io.BytesIO(body)})
        self.assertEqual(202, response.status_int)

    def test_a_name_is_taken_once(self):
        before = self.packages()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: self.upload('echo'), range(8)))
        self.assertEqual([202] + 7 * [409],
                         sorted(answer.status_int for answer in answers))
        self.assertEqual({None, 'function.name_in_use'},
                         {answer.json.get('code') for answer in answers})
        listed, = self.call('/v1/functions').json['functions']
        self.assertEqual('echo', listed['name'])
        self.assertEqual(1, len(self.packages() - before))

    def test_the_package_comes_back(self):
        before = self.packages()
        response = self.upload('echo')
        self.assertEqual(202, response.status_int, response.body)
        path = '/v1/functions/%s' % response.json['id']
        self.assertEqual(api_world.package(api_world.SOURCE),
                         self.call(path + '/package').body)
        self.assertEqual(1, len(self.packages() - before))
        self.assertEqual(204, self.call(path, 'DELETE').status_int)
        self.assertEqual(before, self.packages())

    def test_nothing_is_kept_of_a_function_that_was_refused(self):
        self.assertEqual(202, self.upload('echo').status_int)
        before = self.packages()
        self.assertEqual(409, self.upload('echo').status_int)
        self.assertEqual(before, self.packages())

    def test_long_unicode_names(self):
        name = '\U0001f40d' * 255
        self.assertEqual(name, self.upload(name).json['name'])
        response = self.upload(name + 'x')
        self.assertEqual('name: is longer than 255 characters',
                         response.json['detail'])


class Away:
    """Plays a conductor that cannot be reached."""

    def __getattr__(self, name):
        def call(*args):
            raise rpc.Error('secret')
        return call


class TestFailures(TestCase):

    def test_what_is_not_expected_is_not_told(self):
        with self.world.database.engine().begin() as connection:
            connection.execute(sa.text('DROP TABLE services'))
        response = self.call('/v1/services')
        self.assertEqual(500, response.status_int)
        self.assertEqual('application/json', response.content_type)
        self.assertEqual(
            {'status': 500, 'title': 'Internal Server Error',
             'code': 'internal.error', 'detail':
                 'Something went wrong inside Pratai; its log has the cause '
                 'under this request_id.',
             'request_id': response.headers['x-openstack-request-id']},
            response.json)
        self.assertEqual('function 1.0',
                         response.headers['OpenStack-API-Version'])

    def test_the_package_is_gone_from_the_store(self):
        location = self.world.database.package_get(
            api_world.READY)['location']
        self.world.store.delete(location)
        response = self.call(
            '/v1/functions/%s/package' % api_world.READY,
            HTTP_X_AUTH_TOKEN='ann:prepared')
        self.assertEqual('package.not_found', response.json['code'])
        self.assertNotIn(self.world.directory.name, response.text)

    def test_without_a_conductor(self):
        application = app.build_app(self.world.conf, self.world.database,
                                    Away(), self.world.store)
        response = self.upload('echo', application)
        self.assertEqual(202, response.status_int, response.body)

        def call(path, method='GET'):
            return webob.Request.blank(
                path, method=method,
                environ={'HTTP_X_AUTH_TOKEN': 'ann:prepared'}
            ).get_response(application)

        path = '/v1/requests/%s' % api_world.RUNNING
        self.assertEqual('', call(path + '/logs').json['logs'])
        response = call(path + '/cancel', 'POST')
        self.assertEqual(503, response.status_int)
        self.assertEqual('service.unavailable', response.json['code'])
        self.assertEqual('5', response.headers['Retry-After'])
        self.assertNotIn('secret', response.text)
        response = call('/v1/functions/%s' % api_world.READY, 'DELETE')
        self.assertEqual(204, response.status_int)

    def test_what_keeps_functions_from_running(self):
        with self.world.database.engine().begin() as connection:
            connection.execute(sa.text(
                "UPDATE services SET updated_at='2001-01-01 00:00:00.0'"))
        answer = self.call('/v1/status').json
        self.assertEqual('degraded', answer['status'])
        self.assertEqual(
            ['pratai-conductor on node0 has been down since '
             '2001-01-01 00:00:00 UTC.',
             'pratai-executor on node1 has been down since '
             '2001-01-01 00:00:00 UTC.',
             'No pratai-conductor is up and enabled.',
             'No pratai-executor is up and enabled.',
             'No runtime is available.'], answer['warnings'])
        response = self.upload('echo')
        self.assertEqual(503, response.status_int)
        self.assertEqual('runtime.unavailable', response.json['code'])


class TestOperators(TestCase):

    def test_taking_a_node_out(self):
        self.assertEqual(200, self.call('/healthcheck').status_int)
        path = os.path.join(self.world.directory.name, 'healthcheck_disable')
        with open(path, 'w'):
            pass
        self.assertEqual(503, self.call('/healthcheck').status_int)
        self.assertEqual(200, self.call('/v1/functions').status_int)

    def test_callers_elsewhere_are_not_trusted(self):
        for address, status in (('127.0.0.1', 200), ('::1', 200), ('', 200),
                                ('::ffff:127.0.0.1', 200),
                                ('192.0.2.1', 403), ('2001:db8::1', 403)):
            response = self.call('/v1/functions', REMOTE_ADDR=address)
            self.assertEqual(status, response.status_int, address)

    def test_operators_change_rules(self):
        # Beside pratai.conf, where it is looked for.
        path = os.path.join(self.world.directory.name, 'policy.yaml')
        with open(path, 'w') as file:
            file.write('"pratai:functions:create:public": "rule:admin"\n')
        metadata = {'name': 'echo', 'public': True}
        body = api_world.Form.dumps({
            'metadata': metadata,
            'zip_file': api_world.package(api_world.SOURCE)})
        for roles, status in (('member', 403), ('admin', 202)):
            response = webob.Request.blank(
                '/v1/functions', method='POST', body=body,
                environ={'HTTP_X_AUTH_TOKEN': 'ann:prepared:' + roles},
                content_type='multipart/form-data; boundary=a-boundary'
            ).get_response(self.world.application)
            self.assertEqual(status, response.status_int, response.body)


class TestBrowsers(TestCase):

    ORIGIN = 'http://localhost:8080'
    options = {'cors': {'allowed_origin': ORIGIN}}

    def test_an_origin_that_is_allowed(self):
        response = self.call('/v1/functions', HTTP_ORIGIN=self.ORIGIN)
        self.assertEqual(200, response.status_int)
        self.assertEqual(self.ORIGIN,
                         response.headers['Access-Control-Allow-Origin'])

    def test_before_a_request(self):
        response = self.call(
            '/v1/functions', 'OPTIONS', HTTP_ORIGIN=self.ORIGIN,
            HTTP_ACCESS_CONTROL_REQUEST_METHOD='POST',
            HTTP_ACCESS_CONTROL_REQUEST_HEADERS='X-Auth-Token')
        self.assertEqual(204, response.status_int)
        self.assertIn('POST',
                      response.headers['Access-Control-Allow-Methods'])

    def test_an_origin_that_is_not(self):
        response = self.call('/v1/functions',
                             HTTP_ORIGIN='http://evil.example.com')
        self.assertEqual(403, response.status_int)


class TestKeystone(TestCase):

    options = {
        'api': {'auth_strategy': 'keystone'},
        'keystone_authtoken': {
            'www_authenticate_uri': 'http://127.0.0.1:1',
            'auth_url': 'http://127.0.0.1:1', 'auth_type': 'password',
            'username': 'pratai', 'password': 'secret',
            'project_name': 'service', 'user_domain_name': 'Default',
            'project_domain_name': 'Default', 'http_request_max_retries': 0}}

    def test_without_a_token(self):
        response = self.call('/v1/functions')
        self.assertEqual(401, response.status_int)
        self.assertIn('WWW-Authenticate', response.headers)
        self.assertEqual('request.unauthorized', response.json['code'])
        self.assertEqual(response.headers['x-openstack-request-id'],
                         response.json['request_id'])

    def test_headers_of_callers_are_not_believed(self):
        response = self.call(
            '/v1/functions', HTTP_X_IDENTITY_STATUS='Confirmed',
            HTTP_X_PROJECT_ID='prepared', HTTP_X_ROLES='admin')
        self.assertEqual(401, response.status_int)

    def test_keystone_is_away(self):
        response = self.call('/v1/functions', HTTP_X_AUTH_TOKEN='a')
        self.assertEqual(503, response.status_int)
        self.assertEqual('keystone.unavailable', response.json['code'])
        self.assertIn('Retry-After', response.headers)
        self.assertNotIn('127.0.0.1', response.text)

    def test_what_is_public(self):
        self.assertEqual('keystone', self.call('/').json['auth'])
        for path in (*root.PUBLIC, '/healthcheck'):
            self.assertEqual(200, self.call(path).status_int, path)
