# SPDX-License-Identifier: Apache-2.0

import contextlib
import importlib.util
import io
import os
import time

from oslo_config import cfg
from oslo_upgradecheck import upgradecheck
import sqlalchemy as sa

from pratai import conf as configuration
from pratai import upgrade
from pratai.db import models
from pratai.tests import base

SUCCESS, WARNING, FAILURE = upgrade.SUCCESS, upgrade.WARNING, upgrade.FAILURE


class TestCase(base.DatabaseTestCase):
    """The checks, with a configuration file of the test's own."""

    GOOD = """
[DEFAULT]
state_path = %(state_path)s
transport_url = rabbit://pratai:secret@broker:5672/
[webhook]
public_url = https://functions.example.org
[keystone_authtoken]
auth_type = password
auth_url = https://keystone.example.org/v3
username = pratai
password = secret
user_domain_name = Default
project_name = service
project_domain_name = Default
"""

    def path(self, name):
        return os.path.join(self.state_path, name)

    def check(self, name, more='', good=None):
        """:returns: (code, details) of one check, run as the command does."""
        with open(self.path('pratai.conf'), 'w') as file:
            file.write((self.GOOD if good is None else good)
                       % {'state_path': self.state_path} + more)
        conf = configuration.register(cfg.ConfigOpts())
        conf(['--config-file', self.path('pratai.conf')], project='pratai')
        checks = upgrade.Checks(conf)
        function = dict(checks._upgrade_checks)[name]
        result = function(checks)
        if checks._database is not None:
            checks._database.dispose()
        return result.code, result.details or ''


class TestSchema(TestCase):

    def test_at_head(self):
        self.assertEqual((SUCCESS, ''), self.check('Database schema'))

    def test_behind(self):
        with self.db.engine().begin() as connection:
            connection.execute(sa.text('DELETE FROM alembic_version'))
        code, details = self.check('Database schema')
        self.assertEqual(FAILURE, code)
        self.assertIn('pratai-manage db sync', details)

    def test_ahead(self):
        with self.db.engine().begin() as connection:
            connection.execute(sa.text(
                "UPDATE alembic_version SET version_num = '9999'"))
        code, details = self.check('Database schema')
        self.assertEqual(FAILURE, code)
        self.assertIn('a later one was here', details)

    def test_none(self):
        code, details = self.check(
            'Database schema',
            '[database]\nconnection = sqlite:///%s\n' % self.path('none'))
        self.assertEqual(FAILURE, code)
        self.assertFalse(os.path.exists(self.path('none')))

    def test_not_a_url(self):
        code, details = self.check(
            'Database schema', '[database]\nconnection = somewhere\n')
        self.assertEqual(FAILURE, code)


class TestPolicy(TestCase):

    def policy(self, name, text):
        with open(self.path(name), 'w') as file:
            file.write(text)
        return '[oslo_policy]\npolicy_file = %s\n' % self.path(name)

    def test_none(self):
        self.assertEqual(SUCCESS, self.check('Policy file format')[0])
        self.assertEqual(SUCCESS, self.check('Policy rules')[0])

    def test_json(self):
        more = self.policy('policy.json', '{"x": "role:admin"}')
        self.assertEqual(FAILURE, self.check('Policy file format', more)[0])

    def test_yaml(self):
        more = self.policy('policy.yaml',
                           '"pratai:functions:create": "role:admin"\n')
        self.assertEqual(SUCCESS, self.check('Policy file format', more)[0])
        self.assertEqual((SUCCESS, ''), self.check('Policy rules', more))

    def test_unknown_rule(self):
        more = self.policy('policy.yaml',
                           '"pratai:functions:creaet": "role:admin"\n')
        code, details = self.check('Policy rules', more)
        self.assertEqual(WARNING, code)
        self.assertIn('pratai:functions:creaet', details)

    def test_broken(self):
        more = self.policy('policy.yaml', '{ not: yaml: at all')
        self.assertEqual(FAILURE, self.check('Policy rules', more)[0])


class TestOptions(TestCase):

    def test_good(self):
        self.assertEqual((SUCCESS, ''), self.check('Options'))

    def test_misspelt(self):
        code, details = self.check('Options', '[executor]\nmemroy = 5\n')
        self.assertEqual(WARNING, code)
        self.assertIn('there is no option [executor] memroy', details)

    def test_of_libraries(self):
        self.assertEqual((SUCCESS, ''), self.check(
            'Options', '[oslo_messaging_rabbit]\nrabbit_quorum_queue = true\n'
            '[healthcheck]\ndetailed = true\n[database]\nmax_pool_size = 9\n'))

    def test_deprecated(self):
        code, details = self.check(
            'Options', '[DEFAULT]\nlogdir = /var/log/pratai\n')
        self.assertEqual(WARNING, code)
        self.assertIn('deprecated', details)


class TestAccess(TestCase):

    def test_good(self):
        self.assertEqual((SUCCESS, ''), self.check('Access'))

    def test_noauth_on_loopback(self):
        self.assertEqual((SUCCESS, ''), self.check(
            'Access', '[api]\nauth_strategy = noauth\n'))

    def test_noauth_for_everybody(self):
        code, details = self.check(
            'Access', '[api]\nauth_strategy = noauth\nhost = 0.0.0.0\n')
        self.assertEqual(FAILURE, code)
        self.assertIn('[api] host', details)

    def test_all_the_world_is_trusted(self):
        for option in ('trusted_networks', 'trusted_proxies'):
            for network in ('0.0.0.0/0', '::/0'):
                code, details = self.check(
                    'Access', '[webhook]\n%s = 10.0.0.0/8,%s\n'
                    % (option, network), good='')
                self.assertEqual(FAILURE, code)
                self.assertIn(network, details)

    def test_no_isolation(self):
        more = '[process]\nisolation = none\n'
        self.assertEqual(WARNING, self.check('Access', more)[0])


class TestSecrets(TestCase):

    MARIADB = ('[database]\n'
               'connection = mysql+pymysql://pratai:secret@db/pratai\n')

    def test_good(self):
        self.assertEqual((SUCCESS, ''), self.check('Secrets', self.MARIADB))

    def test_no_keystone(self):
        code, details = self.check('Secrets', self.MARIADB, good='')
        self.assertEqual(FAILURE, code)
        self.assertIn('auth_type', details)

    def test_half_a_keystone(self):
        code, details = self.check('Secrets', self.MARIADB, good=(
            '[keystone_authtoken]\nauth_type = password\n'))
        self.assertEqual(FAILURE, code)

    def test_memcached_without_its_library(self):
        more = '[keystone_authtoken]\nmemcached_servers = localhost:11211\n'
        there = importlib.util.find_spec('memcache') is not None
        code, details = self.check('Secrets', self.MARIADB + more)
        self.assertEqual(SUCCESS if there else FAILURE, code)
        self.assertEqual(there, 'memcache' not in details)

    def test_guest(self):
        code, details = self.check('Secrets', self.MARIADB, good=(
            self.GOOD.replace('pratai:secret@broker',
                              'guest:guest@192.0.2.1')))
        self.assertEqual(WARNING, code)
        self.assertIn('"guest"', details)

    def test_sqlite(self):
        code, details = self.check('Secrets')
        self.assertEqual(WARNING, code)
        self.assertIn('SQLite', details)

    def test_no_password(self):
        code, details = self.check('Secrets', self.MARIADB.replace(
            ':secret', ''))
        self.assertEqual(WARNING, code)

    def test_local_endpoints(self):
        code, details = self.check('Secrets', self.MARIADB, good=(
            self.GOOD.replace('https://functions.example.org',
                              'http://localhost:9898')))
        self.assertEqual(WARNING, code)
        self.assertIn('public_url', details)

    def test_embedded(self):
        self.assertEqual((SUCCESS, ''), self.check(
            'Secrets', '[api]\nauth_strategy = noauth\n', good=''))


class TestDrivers(TestCase):

    def test_good(self):
        self.assertEqual((SUCCESS, ''), self.check('Drivers'))

    def test_unknown(self):
        code, details = self.check(
            'Drivers', '[package_store]\ndriver = tape\n')
        self.assertEqual(FAILURE, code)
        self.assertIn('"tape"', details)


class TestServices(TestCase):

    def register(self, host, url, version=None):
        details = {} if version is None else {'version': version}
        self.db.service_register('pratai-executor', host, 'life', time.time(),
                                 details, {'data_url': url})

    def test_good(self):
        self.register('n1', 'http://n1:9897')
        self.register('n2', 'http://n2:9897')
        self.assertEqual((SUCCESS, ''), self.check('Services'))

    def test_another_release(self):
        self.register('n1', 'http://n1:9897', '0.0.0.too.old')
        code, details = self.check('Services')
        self.assertEqual(WARNING, code)
        self.assertIn('pratai-executor on n1 is of 0.0.0.too.old', details)

    def test_down(self):
        self.register('n1', 'http://n1:9897')
        with self.db.writer() as session:
            session.execute(sa.update(models.Service).values(
                updated_at=sa.text("'2020-01-01 00:00:00.000000'")))
        code, details = self.check('Services')
        self.assertEqual(WARNING, code)
        self.assertIn('Not heard of lately', details)

    def test_one_data_port_for_two(self):
        self.register('n1', 'http://127.0.0.1:9897')
        self.register('n2', 'http://127.0.0.1:9897')
        code, details = self.check('Services')
        self.assertEqual(WARNING, code)
        self.assertIn('n1, n2', details)

    def test_no_database(self):
        more = '[database]\nconnection = sqlite:///%s\n' % self.path('none')
        self.assertEqual(WARNING, self.check('Services', more)[0])
        self.assertEqual(WARNING, self.check('Runtimes', more)[0])


class TestRuntimes(TestCase):

    def offer(self, name):
        self.db.runtimes_offered([{'name': name, 'language': 'python',
                                   'version': '3.11', 'description': ''}])

    def test_none_needed(self):
        self.assertEqual((SUCCESS, ''), self.check('Runtimes'))

    def test_there(self):
        self.offer('python311')
        self.function()
        self.assertEqual((SUCCESS, ''), self.check('Runtimes'))

    def test_not_there(self):
        self.function('a')
        self.function('b')
        code, details = self.check('Runtimes')
        self.assertEqual(WARNING, code)
        self.assertIn('2 functions need the runtime python311', details)

    def test_disabled(self):
        self.offer('python311')
        self.function()
        with self.db.writer() as session:
            session.execute(sa.update(models.Runtime).values(disabled=True))
        code, details = self.check('Runtimes')
        self.assertEqual(WARNING, code)
        self.assertIn('disabled', details)


class TestCommand(TestCase):

    def run_it(self, more=''):
        with open(self.path('pratai.conf'), 'w') as file:
            file.write(self.GOOD % {'state_path': self.state_path} + more)
        conf = configuration.register(cfg.ConfigOpts())
        with contextlib.redirect_stdout(io.StringIO()) as output:
            code = upgradecheck.main(
                conf, 'pratai', upgrade.Checks(conf),
                ['--config-file', self.path('pratai.conf'), 'upgrade',
                 'check'])
        return code, output.getvalue()

    def test_codes(self):
        code, output = self.run_it()
        self.assertEqual(WARNING, code)  # SQLite
        code, output = self.run_it('[package_store]\ndriver = tape\n')
        self.assertEqual(FAILURE, code)
        self.assertIn('Check: Drivers', output)
