# SPDX-License-Identifier: Apache-2.0
"""Who may run a private function, with functions that run for real.

No network is trusted here, so that callers have to show something.
"""

import hashlib
import hmac
import json

import requests

from pratai.tests.functional import standalone
from pratai.tests.integration import base
from pratai.tests.integration.keystone import server

ECHO = 'def main(payload=None):\n    return payload\n'
BODY = json.dumps({'payload': 'x'}).encode()


class TestWebhook(base.TestCase):

    NEEDS = (server.Cloud,)

    def setUp(self):
        super().setUp()
        self.keystone = self.shared(server.Cloud)
        self.addCleanup(self.keystone.bring_back)
        options = {('api', 'auth_strategy'): 'keystone',
                   ('webhook', 'trusted_networks'): '',
                   ('webhook', 'cache_seconds'): '0',
                   # Soon, because a test waits for what it tells.
                   ('executor', 'heartbeat_interval'): '1',
                   ('healthcheck', 'backends'):
                       'pratai_database,pratai_keystone'}
        options.update(
            (('keystone_authtoken', name), value) for name, value in
            self.keystone.options().items())
        self.pratai = self.useFixture(standalone.Standalone(options))
        self.pratai.http.headers['X-Auth-Token'] = self.keystone.token(
            'member')
        self.function = self.pratai.create('echo', ECHO, type='sync')

    def post(self, **headers):
        """:returns: the answer to a caller who shows only this."""
        with requests.Session() as session:
            session.trust_env = False
            return session.post(
                '%s/function/%s' % (self.pratai.webhook,
                                    self.function['id']), BODY,
                headers={name.replace('_', '-'): value
                         for name, value in headers.items()},
                timeout=standalone.PATIENCE)

    def change(self, **changes):
        response = self.pratai.http.patch(
            '%s/v1/functions/%s' % (self.pratai.api, self.function['id']),
            json=changes, timeout=60)
        self.assertEqual(200, response.status_code, response.text)

    def status(self, token):
        """:returns: what an administrator sees, whose token is known."""
        response = self.pratai.http.get(
            self.pratai.api + '/v1/status', timeout=60,
            headers={'X-Auth-Token': token})
        self.assertEqual(200, response.status_code, response.text)
        return response.json()

    def health(self):
        """:returns: what both servers answer to a load balancer."""
        return {self.pratai.http.get(url + '/healthcheck',
                                     timeout=60).status_code
                for url in (self.pratai.api, self.pratai.webhook)}

    def signature(self):
        return 'sha256=' + hmac.new(
            self.function['webhook_token'].encode(), BODY,
            hashlib.sha256).hexdigest()

    def assertError(self, status, code, response):
        self.assertEqual((status, code), (
            response.status_code, response.json()['code']), response.text)

    def test_tokens(self):
        for name, status in (
                ('member', 200), ('manager', 200), ('admin', 200),
                ('reader', 403), ('stranger', 401), ('service', 401)):
            response = self.post(X_Auth_Token=self.keystone.token(name))
            self.assertEqual(status, response.status_code,
                             (name, response.text))
        # Of another project it does not matter who somebody is there.
        token = self.keystone.token('admin', project_name='admin')
        self.assertError(401, 'request.unauthorized',
                         self.post(X_Auth_Token=token))
        for scope in ({'unscoped': True},):
            token = self.keystone.token('member', **scope)
            self.assertEqual(
                401, self.post(X_Auth_Token=token).status_code)
        for token in ('', 'nonsense', 'admin:admin:admin'):
            self.assertError(401, 'request.unauthorized',
                             self.post(X_Auth_Token=token))
        self.assertError(401, 'request.unauthorized', self.post())
        # What callers say of themselves is not believed.
        self.assertEqual(401, self.post(
            X_Auth_Token='nonsense', X_Identity_Status='Confirmed',
            X_Project_Id=self.function['project_id'],
            X_Roles='admin').status_code)

    def test_a_wrong_proof_is_not_made_good_by_a_token(self):
        token = self.keystone.token('member')
        for proof in ({'X_Pratai_Token': 'wrong'},
                      {'X_Hub_Signature_256': 'sha256=00'}):
            self.assertEqual(401, self.post(
                X_Auth_Token=token, **proof).status_code)

    def test_keystone_is_not_on_the_way_of_others(self):
        known, other, admin = [self.keystone.token(name)
                               for name in ('member', 'manager', 'admin')]
        self.assertEqual(200, self.post(X_Auth_Token=known).status_code)
        standalone.until(lambda: self.status(admin)['status'] == 'ok')
        self.keystone.kill()
        secret = self.function['webhook_token']
        # Each with a token that nobody can be asked about.
        self.assertEqual(200, self.post(
            X_Auth_Token=other, X_Pratai_Token=secret).status_code)
        self.assertEqual(200, self.post(
            X_Auth_Token=other,
            X_Hub_Signature_256=self.signature()).status_code)
        # One that is remembered.
        self.assertEqual(200, self.post(X_Auth_Token=known).status_code)
        response = self.post(X_Auth_Token=other)
        self.assertError(503, 'keystone.unavailable', response)
        self.assertEqual('5', response.headers['Retry-After'])
        self.change(public=True)
        self.assertEqual(200, self.post(X_Auth_Token=other).status_code)
        self.assertEqual(200, self.post().status_code)
        self.change(public=False)
        # Whoever looks is told by each that asks Keystone.
        standalone.until(lambda: {
            line.split()[0] for line in self.status(admin)['warnings']
            if 'Keystone is away' in line
        } == {'pratai-api', 'pratai-webhook'})
        self.assertEqual('degraded', self.status(admin)['status'])
        standalone.until(lambda: self.health() == {503})
        self.keystone.start()
        self.assertEqual(200, self.post(X_Auth_Token=other).status_code)
        standalone.until(lambda: self.health() == {200})
        standalone.until(lambda: self.status(admin)['status'] == 'ok')
        self.assertNotIn('Keystone', str(self.status(admin)['warnings']))

    def test_a_trusted_network(self):
        self.pratai.stop()
        self.pratai.set(('webhook', 'trusted_networks'), '127.0.0.0/8')
        self.pratai.start()
        token = self.keystone.token('stranger')
        self.keystone.kill()
        self.assertEqual(200, self.post().status_code)
        self.assertEqual(200, self.post(X_Auth_Token=token).status_code)
        self.assertEqual(503, self.post(
            X_Auth_Token=token, X_Forwarded_For='192.0.2.1').status_code)
