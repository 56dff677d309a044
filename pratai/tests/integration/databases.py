# SPDX-License-Identifier: Apache-2.0
"""Database servers of our own."""

import glob
import itertools
import os
import tempfile

import pymysql
import sqlalchemy as sa

from pratai.tests.integration import daemon

PASSWORD = 'secret'


class Server(daemon.Daemon):
    """Base of the two: database() makes an empty one."""

    _numbers = itertools.count(1)
    #: How SQLAlchemy reaches a database; see :meth:`url`.
    URL = None
    DEFAULT = None

    def url(self, name):
        return self.URL % (PASSWORD, self.port, name)

    def execute(self, *statements, database=None):
        engine = sa.create_engine(self.url(database or self.DEFAULT),
                                  isolation_level='AUTOCOMMIT')
        try:
            with engine.connect() as connection:
                for statement in statements:
                    connection.execute(sa.text(statement))
        finally:
            engine.dispose()

    def database(self):
        """:returns: the URL of a new, empty database."""
        name = 'test%d' % next(self._numbers)
        self.execute(self.CREATE % name)
        return self.url(name)

    def drop(self, url):
        """Remove a database that nobody is connected to any more."""
        self.execute('DROP DATABASE %s' % sa.make_url(url).database)

    def is_ready(self):
        try:
            self.execute('SELECT 1')
        except sa.exc.OperationalError:
            return False
        return True


class MariaDB(Server):

    NEEDS = {'mariadbd': 'mariadb-server',
             'mariadb-install-db': 'mariadb-server'}
    USER = 'mysql'
    URL = 'mysql+pymysql://pratai:%s@127.0.0.1:%d/%s'
    DEFAULT = 'mysql'
    CREATE = 'CREATE DATABASE %s CHARACTER SET utf8mb4'

    def prepare(self):
        self.port, = daemon.free_ports(1)
        self._data = os.path.join(self.path, 'data')
        # NOTE: one that starts removes the temporary tables of another from
        # a directory that they share.
        self._options = ['--no-defaults', '--datadir=' + self._data,
                         '--tmpdir=' + self.path, '--skip-name-resolve']
        self.run(self.find('mariadb-install-db'), *self._options,
                 '--skip-test-db', '--force',
                 '--auth-root-authentication-method=socket',
                 '--innodb-log-file-size=16M')
        self._init = os.path.join(self.path, 'init.sql')
        with open(self._init, 'w') as file:
            file.write(
                "CREATE USER IF NOT EXISTS pratai@'127.0.0.1' "
                "IDENTIFIED BY '%s';\n"
                "GRANT ALL ON *.* TO pratai@'127.0.0.1';\n" % PASSWORD)
        os.chmod(self._init, 0o644)

    def command(self):
        return [self.find('mariadbd'), *self._options,
                '--bind-address=127.0.0.1', '--port=%d' % self.port,
                '--socket=' + os.path.join(self.path, 'socket'),
                '--pid-file=' + os.path.join(self.path, 'pid'),
                '--init-file=' + self._init,
                '--innodb-buffer-pool-size=64M',
                '--innodb-log-file-size=64M', '--max-connections=400',
                '--max-allowed-packet=64M', '--performance-schema=OFF']

    def is_ready(self):
        try:
            return super().is_ready()
        except pymysql.err.Error:
            return False


class PostgreSQL(Server):

    NEEDS = {'postgres': 'postgresql', 'initdb': 'postgresql'}
    USER = 'postgres'
    PLACES = tuple(sorted(glob.glob('/usr/lib/postgresql/*/bin'),
                          key=lambda path: -float(path.split('/')[-2])))
    URL = 'postgresql+psycopg2://pratai:%s@127.0.0.1:%d/%s'
    DEFAULT = 'postgres'
    CREATE = 'CREATE DATABASE %s'

    def prepare(self):
        self.port, = daemon.free_ports(1)
        self._data = os.path.join(self.path, 'data')
        with tempfile.NamedTemporaryFile('w', dir=self.path) as file:
            file.write(PASSWORD)
            file.flush()
            self.own(file.name)
            self.run(self.find('initdb'), '-D', self._data, '-U', 'pratai',
                     '-A', 'scram-sha-256', '--pwfile', file.name,
                     '-E', 'UTF8', '--locale=C')

    def command(self):
        settings = {'listen_addresses': '127.0.0.1', 'port': self.port,
                    'unix_socket_directories': self.path,
                    'max_connections': 400, 'shared_buffers': '64MB'}
        return [self.find('postgres'), '-D', self._data,
                *(item for pair in settings.items()
                  for item in ('-c', '%s=%s' % pair))]
