# SPDX-License-Identifier: Apache-2.0
"""What is said while a real MariaDB is gone, and after it came back."""

import os
import shutil
import subprocess
import tempfile
import time

import fixtures
from oslo_config import cfg
import webob

from pratai import conf as configuration
from pratai import upgrade
from pratai.api import app
from pratai.db import api as db_api
from pratai.db import migration
from pratai.tests import base
from pratai.tests.integration import base as integration
from pratai.tests.integration import daemon

START_SECONDS = 120


class MariaDB(fixtures.Fixture):
    """A server of its own, on loopback, which can be killed and started."""

    def _setUp(self):
        self._directory = tempfile.mkdtemp(prefix='pratai-mariadb-')
        self.addCleanup(shutil.rmtree, self._directory, ignore_errors=True)
        self.port, = daemon.free_ports(1)
        self._process = None
        self.addCleanup(self.kill)
        self._options = ['--no-defaults', '--datadir=' + self._path('data'),
                         '--tmpdir=' + self._directory]
        if os.geteuid() == 0:
            self._options.append('--user=root')
        subprocess.run(
            ['mariadb-install-db', *self._options, '--skip-test-db',
             '--auth-root-authentication-method=normal'],
            check=True, stdout=subprocess.DEVNULL, timeout=START_SECONDS)
        self.start()
        self._sql('CREATE DATABASE pratai; CREATE USER pratai@127.0.0.1 '
                  "IDENTIFIED BY 'secret'; GRANT ALL ON pratai.* TO "
                  'pratai@127.0.0.1')
        self.url = ('mysql+pymysql://pratai:secret@127.0.0.1:%d/pratai'
                    '?charset=utf8mb4' % self.port)

    def _path(self, name):
        return os.path.join(self._directory, name)

    def _sql(self, text):
        subprocess.run(
            ['mariadb', '--no-defaults', '--user=root',
             '--socket=' + self._path('socket'), '--execute', text],
            check=True, capture_output=True, timeout=START_SECONDS)

    def start(self):
        self._process = subprocess.Popen(
            ['mariadbd', *self._options, '--bind-address=127.0.0.1',
             '--port=%d' % self.port, '--socket=' + self._path('socket'),
             '--pid-file=' + self._path('pid'),
             '--log-error=' + self._path('log')],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return self._sql('SELECT 1')
            except subprocess.CalledProcessError:
                if (self._process.poll() is not None
                        or time.monotonic() > deadline):
                    with open(self._path('log')) as log:
                        raise RuntimeError('MariaDB does not start: %s'
                                           % log.read()[-2000:]) from None
                time.sleep(0.1)

    def kill(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop_answering(self):
        """It keeps its connections and takes new ones, but says nothing."""
        self._process.send_signal(subprocess.signal.SIGSTOP)

    def answer_again(self):
        self._process.send_signal(subprocess.signal.SIGCONT)


class TestLostDatabase(base.TestCase):

    def setUp(self):
        if not shutil.which('mariadbd', path=os.environ.get('PATH', '')
                            + ':/usr/sbin'):
            integration.cannot(self, 'there is no mariadbd')
        super().setUp()
        self.server = self.useFixture(MariaDB())
        self.conf.set_override('connection', self.server.url,
                               group='database')
        database = db_api.Database(self.conf)
        migration.sync(database.engine())
        database.dispose()
        self.app = app.healthcheck_app(self.conf)

    def health(self):
        return webob.Request.blank('/healthcheck').get_response(self.app)

    def wait_for(self, status):
        """The answer may be as old as one look is good for."""
        deadline = time.monotonic() + START_SECONDS
        while (answer := self.health()).status_int != status:
            if time.monotonic() > deadline:
                self.fail('still %d: %s' % (answer.status_int, answer.text))
            time.sleep(0.1)
        return answer

    def test_killed_and_back(self):
        self.wait_for(200)
        self.server.kill()
        self.assertIn('The database is away', self.wait_for(503).text)
        self.server.start()
        self.wait_for(200)

    def test_silent_and_back(self):
        self.wait_for(200)
        self.server.stop_answering()
        self.addCleanup(self.server.answer_again)
        self.assertIn('does not answer', self.wait_for(503).text)
        self.server.answer_again()
        self.wait_for(200)

    def test_there_from_the_beginning_or_not(self):
        self.server.kill()
        self.assertEqual(503, self.health().status_int)
        self.server.start()
        self.wait_for(200)

    def test_upgrade_check(self):
        def check():
            conf = configuration.register(cfg.ConfigOpts())
            conf([], project='pratai', default_config_files=[])
            conf.set_override('connection', self.server.url,
                              group='database')
            checks = upgrade.Checks(conf)
            result = dict(checks._upgrade_checks)['Database schema'](checks)
            return result.code, result.details or ''

        self.assertEqual((upgrade.SUCCESS, ''), check())
        self.server.kill()
        code, details = check()
        self.assertEqual(upgrade.FAILURE, code)
        self.assertIn('does not answer', details)
        self.assertNotIn('secret', details)
        self.server.start()
        self.assertEqual((upgrade.SUCCESS, ''), check())
