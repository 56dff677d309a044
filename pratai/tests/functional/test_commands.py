# SPDX-License-Identifier: Apache-2.0
"""The commands of operators: what they do, and how they say that they
cannot."""

import datetime
import os
import socket
import subprocess
import sys

import sqlalchemy as sa
from testtools import matchers

from pratai.db import base as db_base
from pratai.db import migration
from pratai.db import models
from pratai.tests import base


def run(program, *words):
    """Run a program of pratai.cmd to its end."""
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith('OS_')}
    return subprocess.run(
        [sys.executable, '-W', 'ignore', '-m', 'pratai.cmd.' + program,
         *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=120, env=environment)


class Commands:
    """For test cases with a state directory."""

    def database(self, *words, name='pratai.sqlite'):
        return run('manage', '--database-connection', 'sqlite:///'
                   + os.path.join(self.state_path, name), 'db', *words)

    def said(self, done):
        """:returns: what a command that went well printed."""
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout

    def refused(self, text, done, status=1):
        """It said so in its last line, without a traceback."""
        self.assertEqual((status, ''), (done.returncode, done.stdout),
                         done.stderr)
        last = done.stderr.splitlines()[-1]
        self.assertThat(last, matchers.StartsWith('pratai-'))
        self.assertIn(text, last)
        self.assertNotIn('Traceback', done.stderr)


class TestSync(Commands, base.TestCase):

    def test_sync_and_version(self):
        head = migration.head()
        self.assertEqual('Schema: empty -> %s\n' % head,
                         self.said(self.database('sync')))
        self.assertEqual('', self.said(self.database('sync')))
        self.assertEqual('database: %s\nrelease:  %s\n' % (head, head),
                         self.said(self.database('version')))

    def test_what_is_not_there(self):
        for word in ('version', 'purge'):
            self.refused('There is no database at sqlite:////', self.database(
                word, name='absent.sqlite'))
        self.assertEqual([], os.listdir(self.state_path))
        self.refused('unable to open database file', self.database(
            'sync', name='nowhere/x.sqlite'))

    def test_what_is_no_database(self):
        with open(os.path.join(self.state_path, 'empty'), 'w'):
            pass
        done = self.database('version', name='empty')
        self.assertIn('database: empty\n', self.said(done))
        self.refused('run pratai-manage db sync', self.database(
            'purge', name='empty'))
        with open(os.path.join(self.state_path, 'text'), 'w') as file:
            file.write('text')
        self.refused('file is not a database', self.database(
            'version', name='text'))

    def test_what_is_no_url(self):
        for url, text in (
                ('foo', 'pratai-manage: [database] connection is not a URL'),
                ('mysql+pymysql://u:secret@h:abc/x', 'is not a URL'),
                ('postgresql://u:secret@h:/x', 'is not a URL'),
                ('foo://x/y', 'pratai-manage: [database]connection: '),
                ('mysql+pymysql://u:secret@127.0.0.1:1/x', 'u:***@127.0.0.1')):
            done = run('manage', '--database-connection', url, 'db', 'sync')
            self.refused(text, done)
            self.assertNotIn('secret', done.stderr)
            self.assertNotIn('abc', done.stderr)

    def test_log(self):
        # The steps of migrations are not told.
        done = self.database('sync')
        self.assertEqual('', done.stderr)
        self.refused('/absent/log', run('manage', '--log-file', '/absent/log',
                                        'db', 'version'))


class TestPurge(Commands, base.DatabaseTestCase):

    def test_what_is_old_goes(self):
        old, new, running = self.queue(self.built(), 3)
        self.db.cancel_queued(old)
        self.db.cancel_queued(new)
        long_ago = db_base.now() - datetime.timedelta(days=20)
        with self.db.writer() as session:
            session.execute(
                sa.update(models.Request).where(models.Request.id == old)
                .values(id=db_base.time_ordered_id(long_ago),
                        finished_at=long_ago))
        for words, count, left in (
                ((), 0, 3), (('--days', '19'), 1, 2), (('--days', '0'), 1, 1)):
            self.assertEqual('%d requests deleted\n' % count,
                             self.said(self.database('purge', *words)))
            with self.db.reader() as session:
                ids = list(session.scalars(sa.select(models.Request.id)))
            self.assertEqual(left, len(ids))
        self.assertEqual([running], ids)

    def test_days(self):
        for days in ('-1', 'many', 'nan'):
            self.refused('is not a number of days', self.database(
                'purge', '--days', days), status=2)


class TestConfiguration(Commands, base.TestCase):

    def test_a_file_that_is_not_there(self):
        for program, *words in (
                ('manage', 'db', 'version'), ('conductor',), ('executor',),
                ('standalone',), ('status', 'upgrade', 'check')):
            self.refused(
                'pratai-%s: Failed to find some config files: /absent'
                % program, run(program, '--config-file', '/absent', *words))

    def test_a_file_that_is_none(self):
        path = os.path.join(self.state_path, 'pratai.conf')
        with open(path, 'w') as file:
            file.write('nonsense')
        self.refused('pratai-standalone: Failed to parse ' + path,
                     run('standalone', '--config-file', path))


class TestDaemons(Commands, base.TestCase):

    def started(self, program, *lines):
        """Start it with these lines in its configuration file."""
        path = os.path.join(self.state_path, 'pratai.conf')
        with open(path, 'w') as file:
            file.write('\n'.join([
                '[DEFAULT]', 'state_path = ' + self.state_path,
                # Nobody is there.
                'transport_url = rabbit://pratai:secret@127.0.0.1:1/',
                'log_file = log', 'log_dir = ' + self.state_path, *lines]))
        return run(program, '--config-file', path)

    def test_data_port(self):
        with socket.socket() as taken:
            taken.bind(('127.0.0.1', 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.refused(
                'pratai-executor: The data port 127.0.0.1:%d: Address '
                'already in use' % port, self.started(
                    'executor', '[executor]', 'data_port = %d' % port))

    def test_drivers(self):
        self.refused(
            'There is no driver "absent" in pratai.runtime', self.started(
                'executor', '[executor]', 'runtime_driver = absent'))
        self.refused('Failed to load transport driver "absent"', self.started(
            'conductor', 'transport_url = absent://127.0.0.1/'))

    def test_transport_url(self):
        for url in ('absent', 'rabbit://u:secret@h:x/'):
            for program in ('conductor', 'executor'):
                done = self.started(program, 'transport_url = ' + url)
                self.refused('pratai-%s: transport_url is not a URL.'
                             % program, done)
                self.assertNotIn('secret', done.stderr)
            done = run('status', '--config-file', os.path.join(
                self.state_path, 'pratai.conf'), 'upgrade', 'check')
            self.assertEqual((2, ''), (done.returncode, done.stderr))
            self.assertIn('transport_url is not a URL.', done.stdout)

    def test_database(self):
        for url, text in (('absent', 'connection is not a URL'),
                          ('mysql+pymysql://u:secret@h:abc/x',
                           'connection is not a URL'),
                          ('sqlite://\nslave_connection = absent',
                           'slave_connection is not a URL'),
                          ('absent://127.0.0.1/x', 'load plugin')):
            self.refused(text, self.started(
                'conductor', '[database]', 'connection = ' + url))
        path = os.path.join(self.state_path, 'text')
        with open(path, 'w') as file:
            file.write('text')
        for url, said, text in (
                ('mysql+pymysql://u:secret@127.0.0.1:1/x',
                 'The database mysql+pymysql://u:***@127.0.0.1:1/x cannot be '
                 'used: (pymysql.err.OperationalError) (2003, ', 'not answer'),
                ('sqlite:///' + path,
                 'The database sqlite:///%s cannot be used: '
                 '(sqlite3.DatabaseError) file is not a database' % path,
                 'not answer'),
                ('mysql+pymysql://u:secret@h:abc/x',
                 '[database] connection is not a URL', 'is not a URL')):
            done = self.started('standalone', '[database]',
                                'connection = ' + url)
            self.refused('pratai-standalone: ' + said, done)
            self.assertNotIn('secret', done.stderr)
            done = run('status', '--config-file', os.path.join(
                self.state_path, 'pratai.conf'), 'upgrade', 'check')
            self.assertEqual((2, ''), (done.returncode, done.stderr))
            self.assertIn(text, done.stdout)
