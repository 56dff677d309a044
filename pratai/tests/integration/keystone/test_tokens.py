# SPDX-License-Identifier: Apache-2.0
"""Which tokens the control API takes, and what it says of the others."""

import os
import signal

from keystoneclient.v3 import client

from pratai.tests.integration import daemon
from pratai.tests.integration import keeper
from pratai.tests.integration import small
from pratai.tests.integration.keystone import server
from pratai.tests.integration.keystone import worlds

until = daemon.until


class TestTokens(worlds.TestCase):

    options = {'token_cache_time': '1'}

    def test_good(self):
        response = self.call(self.keystone.token('member'))
        self.assertEqual(200, response.status_int)
        self.assertEqual({'ready', 'broken'}, {
            one['name'] for one in response.json['functions']})
        self.assertEqual({self.keystone.projects[server.PROJECT].id}, {
            one['project_id'] for one in response.json['functions']})

    def test_none_and_nonsense(self):
        for token in (None, '', 'nonsense', 'admin:admin:admin', 'é', 'a b',
                      'gAAAAA' + 'x' * 180, 'x' * 10000):
            response = self.call(token)
            self.assertError(401, 'request.unauthorized', response)
            self.assertEqual('Keystone uri="%s"' % self.keystone.root,
                             response.headers['WWW-Authenticate'])

    def test_no_project(self):
        self.keystone.admin().roles.grant(
            self.keystone.roles['admin'], system='all',
            user=self.keystone.admin().users.find(name='admin'))
        self.keystone.admin().roles.grant(
            self.keystone.roles['admin'], domain='default',
            user=self.keystone.admin().users.find(name='admin'))
        for scope in ({'unscoped': True}, {'system_scope': 'all'},
                      {'domain_id': 'default'}):
            token = self.keystone.token('admin', **scope)
            for path in ('/v1/functions', '/v1/services',
                         '/v1/functions?all_projects=true'):
                self.assertError(403, 'request.no_project',
                                 self.call(token, path))

    def test_a_role_of_another_kind(self):
        admin = self.keystone.admin()
        if 'auditor' not in self.keystone.roles:
            self.keystone.roles['auditor'] = admin.roles.create('auditor')
        name = self.keystone.someone('auditor')
        token = self.keystone.token(name, project_name=server.PROJECT)
        self.assertError(403, 'request.forbidden', self.call(token))

    def test_another_project_of_the_same_user(self):
        name = self.keystone.someone()
        admin = self.keystone.admin()
        self.keystone.grant(admin.users.find(name=name), 'member',
                            server.ELSEWHERE)
        path = '/v1/functions/' + '1' * 32
        for project, status in ((server.PROJECT, 200),
                                (server.ELSEWHERE, 404)):
            token = self.keystone.token(name, project_name=project)
            self.assertEqual(status, self.call(token, path).status_int)

    def test_revoked(self):
        session = self.keystone.session('member')
        token = session.get_token()
        self.assertEqual(200, self.call(token).status_int)
        client.Client(session=session,
                      endpoint_override=self.keystone.url
                      ).tokens.revoke_token(token)
        # Once the process has forgotten that it was good.
        until(lambda: self.call(token).status_int == 401)

    def test_the_user_loses_the_role(self):
        name = self.keystone.someone()
        token = self.keystone.token(name, project_name=server.PROJECT)
        self.assertEqual(200, self.call(token).status_int)
        admin = self.keystone.admin()
        admin.roles.revoke(
            self.keystone.roles['member'], user=admin.users.find(name=name),
            project=self.keystone.projects[server.PROJECT])
        until(lambda: self.call(token).status_int == 401)

    def test_access_rules(self):
        session = self.keystone.session('member')
        identity = client.Client(session=session,
                                 endpoint_override=self.keystone.url)
        self.keystone.add_endpoint('http://127.0.0.1:1')
        credential = identity.application_credentials.create(
            'reads', user=session.get_user_id(), access_rules=[
                {'service': 'function', 'method': 'GET',
                 'path': '/v1/functions'}])
        response = self.keystone.http('POST', '/v3/auth/tokens', json={
            'auth': {'identity': {
                'methods': ['application_credential'],
                'application_credential': {'id': credential.id,
                                           'secret': credential.secret}}}})
        token = response.headers['X-Subject-Token']
        self.assertEqual(200, self.call(token).status_int)
        self.assertError(401, 'request.unauthorized',
                         self.call(token, '/v1/requests'))

    def test_tokens_of_services(self):
        token = self.keystone.token('member')
        for name, status in (('service', 200), ('stranger', 401)):
            self.assertEqual(status, self.call(
                token, X_Service_Token=self.keystone.token(name)
            ).status_int)

    def test_headers_of_callers_are_not_believed(self):
        response = self.call(
            self.keystone.token('reader'), '/v1/services',
            X_Roles='admin', X_Identity_Status='Confirmed')
        self.assertError(403, 'request.forbidden', response)

    def test_our_own_password_is_wrong(self):
        world = self.make_world(password='wrong')
        response = self.call(self.keystone.token('member'), world=world)
        self.assertError(503, 'keystone.unavailable', response)
        self.assertIn('Retry-After', response.headers)

    def test_nobody_said_how_to_ask_keystone(self):
        world = self.make_world(auth_type='')
        self.assertError(503, 'keystone.unavailable', self.call(
            self.keystone.token('member'), world=world))


class TestExpiry(worlds.TestCase):

    KEYSTONE = server.ShortLived

    def good(self):
        """:returns: a token that is known to the process now."""
        token = self.keystone.token('member')
        return self.call(token).status_int == 200 and token

    def test_expired(self):
        token = until(self.good)
        # Although the process knows it for longer.
        until(lambda: self.call(token).status_int == 401)
        # Another service may go on with what it began for a user.
        until(lambda: self.call(
            token, X_Service_Token=self.keystone.token('service')
        ).status_int == 200)
        self.assertEqual(401, self.call(
            token, X_Service_Token=self.keystone.token('stranger')
        ).status_int)


class TestKeystoneIsAway(worlds.TestCase):

    def test_away(self):
        known, other = [self.keystone.token(name)
                        for name in ('member', 'reader')]
        self.assertEqual(200, self.call(known).status_int)
        self.keystone.kill()
        self.assertEqual(200, self.call(known).status_int)
        response = self.call(other)
        self.assertError(503, 'keystone.unavailable', response)
        self.assertEqual('5', response.headers['Retry-After'])
        self.assertNotIn('127.0.0.1', response.text)
        self.assertEqual(401, self.call().status_int)
        self.assertEqual(200, self.call(path='/healthcheck').status_int)
        self.keystone.start()
        self.assertEqual(200, self.call(other).status_int)

    def test_said_once(self):
        tokens = [self.keystone.token(name)
                  for name in ('member', 'reader', 'admin')]
        with self.assertLogs(level='WARNING') as log:
            for _ in range(2):
                self.keystone.kill()
                for token in tokens * 3:
                    self.assertEqual(503, self.call(token).status_int)
                self.keystone.start()
                self.assertEqual(200, self.call(tokens.pop()).status_int)
        self.assertEqual([False, True] * 2, [
            'Keystone answers again' in line for line in log.output])

    def test_away_from_the_start(self):
        token = self.keystone.token('member')
        self.keystone.kill()
        world = self.make_world()
        self.assertError(503, 'keystone.unavailable',
                         self.call(token, world=world))
        self.keystone.start()
        self.assertEqual(200, self.call(token, world=world).status_int)

    def test_hanging(self):
        token = self.keystone.token('member')
        world = self.make_world(http_connect_timeout='1')
        self.keystone.signal(signal.SIGSTOP)
        for pid in self._workers():
            os.kill(pid, signal.SIGSTOP)
        self.assertError(503, 'keystone.unavailable',
                         self.call(token, world=world))
        for pid in (*self._workers(), self.keystone.pid):
            os.kill(pid, signal.SIGCONT)
        until(lambda: self.call(token, world=world).status_int == 200)

    def _workers(self):
        return keeper.descendants(self.keystone.pid)


class TestMemcached(worlds.TestCase):

    NEEDS = (server.Cloud, small.Memcached)

    def test_shared(self):
        memory = self.useFixture(small.Memcached())
        options = {'memcached_servers': memory.address,
                   'memcache_security_strategy': 'ENCRYPT',
                   'memcache_secret_key': 'a key',
                   'memcache_pool_socket_timeout': '1'}
        first = self.make_world(**options)
        # What one has asked, another one knows that could not ask itself.
        second = self.make_world(auth_url='http://127.0.0.1:1', **options)
        token = self.keystone.token('member')
        self.assertEqual(200, self.call(token, world=first).status_int)
        self.assertEqual(200, self.call(token, world=second).status_int)
        memory.kill()
        self.assertEqual(200, self.call(token, world=first).status_int)
