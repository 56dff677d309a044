# SPDX-License-Identifier: Apache-2.0
"""The files in etc and devstack, judged by the programs they are for."""

import configparser
import glob
import os
import re
import shutil
import subprocess
import sys

import fixtures
from oslotest import base

from pratai import conf as configuration
from pratai.tests.integration import base as integration

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__),
                                   *[os.pardir] * 3))


class TestCase(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.directory = self.useFixture(fixtures.TempDir()).path

    def path(self, *names):
        return os.path.join(TOP, *names)

    def run_tool(self, name, *arguments, **kwargs):
        """:returns: what it printed; the test fails when it does."""
        where = os.pathsep.join((os.environ.get('PATH', ''), '/usr/sbin'))
        program = shutil.which(name, path=where)
        if program is None:
            integration.cannot(self, 'there is no %s' % name)
        done = subprocess.run([program, *arguments], text=True, timeout=120,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, **kwargs)
        self.assertEqual(0, done.returncode, done.stdout)
        return done.stdout

    def read(self, *names):
        with open(self.path(*names)) as file:
            return file.read()


class TestFiles(TestCase):

    def test_haproxy(self):
        self.run_tool('haproxy', '-c', '-f',
                      self.path('etc', 'haproxy', 'pratai.cfg'))

    def test_logrotate(self):
        printed = self.run_tool('logrotate', '--debug',
                                '--state', os.path.join(self.directory, 's'),
                                self.path('etc', 'logrotate.d', 'pratai'))
        self.assertNotIn('error', printed)

    def test_units(self):
        # The programs are not installed where the units want them.
        for path in glob.glob(self.path('etc', 'systemd', 'system', '*')):
            with open(path) as file:
                text = re.sub('/opt/pratai/bin/[a-z-]+', '/bin/true',
                              file.read())
            with open(os.path.join(self.directory,
                                   os.path.basename(path)), 'w') as file:
                file.write(text)
        units = sorted(glob.glob(os.path.join(self.directory, '*.service')))
        self.assertEqual(4, len(units))
        self.assertEqual('', self.run_tool('systemd-analyze', 'verify',
                                           *units))

    def test_units_start_what_there_is(self):
        known = configparser.ConfigParser()
        known.read(self.path('setup.cfg'))
        programs = set(re.findall(
            r'^([a-z-]+) = ', known['entry_points']['console_scripts'],
            re.MULTILINE)) | {'uwsgi'}
        for path in glob.glob(self.path('etc', 'systemd', 'system', '*')):
            with open(path) as file:
                program, = re.findall('^ExecStart=/opt/pratai/bin/([a-z-]+)',
                                      file.read(), re.MULTILINE)
            self.assertIn(program, programs)

    def test_units_have_time_to_stop(self):
        grace = configuration.new(files=[]).executor.shutdown_grace
        for names in (('etc', 'systemd', 'system', 'pratai-executor.service'),
                      ('doc', 'source', 'install', 'index.rst')):
            seconds, = re.findall(r'^ *TimeoutStopSec=(\d+)$',
                                  self.read(*names), re.MULTILINE)
            # As long again to report, and to end what is left.
            self.assertGreaterEqual(int(seconds), 2 * grace + 15)

    def test_users_and_directories(self):
        root = os.path.join(self.directory, 'root')
        os.makedirs(os.path.join(root, 'etc'))
        self.run_tool('systemd-sysusers', '--root', root,
                      self.path('etc', 'sysusers.d', 'pratai.conf'))
        with open(os.path.join(root, 'etc', 'passwd')) as file:
            self.assertIn('pratai:', file.read())

    def test_both_uwsgi_files_end_alike(self):
        ends = [self.read('etc', 'pratai', 'uwsgi-%s.ini' % name).partition(
            '# --- from here')[2].partition('disable-logging')[0]
            for name in ('api', 'webhook')]
        self.assertEqual(*ends)
        self.assertIn('lazy-apps = true', ends[0])

    def test_all_are_installed(self):
        setup = self.read('setup.cfg')
        for folder in ('systemd/system', 'sysusers.d', 'tmpfiles.d',
                       'logrotate.d', 'haproxy'):
            for name in os.listdir(self.path('etc', *folder.split('/'))):
                self.assertIn('etc/%s/%s\n' % (folder, name), setup)

    def test_devstack_plugin_is_bash(self):
        for name in ('plugin.sh', 'settings'):
            self.run_tool('bash', '-n', self.path('devstack', name))


class TestSamples(TestCase):
    """What tox -e genconfig and tox -e genpolicy make."""

    def generate(self, program, name):
        path = os.path.join(self.directory, 'sample')
        self.run_tool(os.path.join(os.path.dirname(sys.executable), program),
                      '--config-file',
                      self.path('etc', 'pratai', name), '--output-file',
                      path)
        with open(path) as file:
            return file.read()

    def test_configuration(self):
        text = self.generate('oslo-config-generator',
                             'pratai-config-generator.conf')
        for group in ('api', 'webhook', 'conductor', 'executor', 'database',
                      'keystone_authtoken', 'oslo_messaging_rabbit',
                      'healthcheck'):
            self.assertIn('\n[%s]\n' % group, text)
        self.assertNotIn(os.uname().nodename + '\n', text)

    def test_defaults_are_those_of_the_processes(self):
        text = self.generate('oslo-config-generator',
                             'pratai-config-generator.conf')
        for line in ('connection = sqlite:///$state_path/pratai.sqlite',
                     'max_retries = 0', 'rabbit_quorum_queue = true',
                     'rabbit_interval_max = 3',
                     'kombu_missing_consumer_retry_timeout = 15',
                     'control_exchange = pratai',
                     'backends = pratai_database,disable_by_file',
                     'service_token_roles_required = true'):
            self.assertIn('\n#%s\n' % line, text)

    def test_policy(self):
        text = self.generate('oslopolicy-sample-generator',
                             'pratai-policy-generator.conf')
        self.assertIn('"pratai:functions:create"', text)
