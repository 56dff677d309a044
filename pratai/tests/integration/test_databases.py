# SPDX-License-Identifier: Apache-2.0
"""The tests of the database layer again, on servers."""

import concurrent.futures
import datetime
import threading

import fixtures
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from pratai import exception
from pratai.db import api as db_api
from pratai.db import base as db_base
from pratai.db import dispatch
from pratai.db import migration
from pratai.db import models
from pratai.tests import base as tests_base
from pratai.tests.integration import base
from pratai.tests.integration import daemon
from pratai.tests.integration import databases
from pratai.tests.unit.db import test_builds
from pratai.tests.unit.db import test_dispatch
from pratai.tests.unit.db import test_functions
from pratai.tests.unit.db import test_migration
from pratai.tests.unit.db import test_requests
from pratai.tests.unit.db import test_services


class OnServer:
    """Mixin: the database is one of a server."""

    SERVER = None

    def connection(self):
        base.need(self, self.SERVER)
        server = daemon.shared(self.SERVER)
        url = server.database()
        # Behind the one that closes the connections.
        self.addCleanup(server.drop, url)
        return url


class OnMariaDB(OnServer):
    SERVER = databases.MariaDB


class OnPostgreSQL(OnServer):
    SERVER = databases.PostgreSQL


class More:
    """What only a server, or a test that takes longer, can show."""

    def test_text_of_functions(self):
        """A function's message may hold what databases do not take."""
        echo = self.built()
        self.queue(echo)
        item, = self.db.claim(echo['id'], 'e', 'h', 1, 30)
        self.db.record([test_dispatch.result(
            item, 'failed', detail='a\0b\ud800c \U0001f600' + 'x' * 100000,
            logs='l\0g', response='"\\u0000"')])
        request = self.db.request_get(item['id'])
        self.assertEqual('a\ufffdb?c \U0001f600xx', request['detail'][:9])
        self.assertEqual('\0', request['response'])
        self.assertEqual('l\0g', self.db.request_logs(item['id'])['logs'])

    def test_claims_are_bounded_by_bytes(self):
        echo = self.built()
        ids = self.queue(echo, 5)
        large = b'"%s"' % (b'x' * (dispatch.CLAIM_BYTES // 2))
        with self.db.writer() as session:
            session.execute(sa.update(models.RequestPayload).values(
                payload=large))
        sizes = []
        while claimed := self.db.claim(echo['id'], 'e', 'h', 64, 30):
            sizes.append(len(claimed))
            self.assertEqual(ids[:len(claimed)],
                             [item['id'] for item in claimed])
            ids = ids[len(claimed):]
        self.assertEqual([1] * 5, sizes)

    def test_all_at_once(self):
        """Callers, claims, results, heartbeats and sweeps at once, as of
        two conductors: all is recorded, and once."""
        echo, other = self.built('echo'), self.built('other')
        second = db_api.Database(self.conf)
        self.addCleanup(second.dispose)
        ids = []

        def add(number):
            for _ in range(5):
                ids.extend(self.queue(echo if number % 2 else other, 5))

        def work(number):
            database = (self.db, second)[number % 2]
            done = 0
            for turn in range(15):
                function = (echo, other)[(number + turn) % 2]
                executor = 'e%d' % number
                claimed = database.claim(function['id'], executor,
                                         'h%d' % number, 4, 30)
                database.renew(executor, [item['id'] for item in claimed],
                               30)
                database.redrive()
                done += database.record([test_dispatch.result(item)
                                         for item in claimed])
                # Again, as when an answer was lost.
                database.record([test_dispatch.result(item, 'failed')
                                 for item in claimed])
            return done

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            adding = [pool.submit(add, number) for number in range(4)]
            working = [pool.submit(work, number) for number in range(4)]
            for future in adding:
                future.result()
            done = sum(future.result() for future in working)
        for function in (echo, other):
            while claimed := self.db.claim(function['id'], 'e', 'h', 50, 30):
                done += self.db.record([test_dispatch.result(item)
                                        for item in claimed])
        self.assertEqual(100, done)
        with self.db.reader() as session:
            rows = session.execute(sa.select(
                models.Request.status, models.Request.attempt,
                sa.func.count()).group_by(
                models.Request.status, models.Request.attempt)).all()
        self.assertEqual([('succeeded', 1, 100)],
                         [tuple(row) for row in rows])


class KillTestCase(base.TestCase, tests_base.DatabaseTestCase):
    """With a server of its own, which is killed."""

    def setUp(self):
        base.need(self, self.SERVER)
        self.server = self.useFixture(self.SERVER())
        super().setUp()

    def connection(self):
        return self.server.database()


class TestKill:

    def test_killed(self):
        echo = self.built()
        ids = self.queue(echo, 2)
        self.server.kill()
        for _ in range(2):
            error = self.assertRaises(exception.Unavailable, self.queue,
                                      echo)
            self.assertEqual('database.unavailable', error.code)
            self.assertRaises(exception.Unavailable, self.db.claim,
                              echo['id'], 'e', 'h', 1, 30)
        self.server.start()
        # Without a new process, and what was committed is there.
        claimed = self.db.claim(echo['id'], 'e', 'h', 10, 30)
        self.assertEqual(ids, [item['id'] for item in claimed])
        self.assertEqual(2, self.db.record([
            test_dispatch.result(item) for item in claimed]))

    def test_killed_while_a_connection_is_out(self):
        log = self.useFixture(fixtures.FakeLogger())
        with self.db.engine().connect():
            self.server.kill()
        # Nothing was to be done with it any more.
        self.assertNotIn('Traceback', log.output)

    def test_not_there_at_start(self):
        url = self.conf.database.connection
        self.server.kill()
        database = db_api.Database(self.conf)
        self.addCleanup(database.dispose)
        for _ in range(2):
            self.assertRaises(exception.Unavailable, database.executors_up)
        self.server.start()
        self.assertEqual([], database.executors_up())
        self.assertEqual(url, self.conf.database.connection)

    def test_killed_while_callers_write(self):
        echo = self.built()
        accepted = []

        def callers():
            for _ in range(200):
                try:
                    accepted.extend(self.queue(echo))
                except exception.Unavailable:
                    pass

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            futures = [pool.submit(callers) for _ in range(4)]
            daemon.until(lambda: len(accepted) > 50)
            self.server.kill()
            self.server.start()
            for future in futures:
                future.result()
        self.assertGreater(len(self.queue(echo)), 0)
        with self.db.reader() as session:
            there = set(session.scalars(sa.select(models.Request.id)))
            payloads = set(session.scalars(
                sa.select(models.RequestPayload.id)))
        self.assertEqual(set(), set(accepted) - there)
        self.assertEqual(there, payloads)


class TestKillMariaDB(TestKill, KillTestCase):
    SERVER = databases.MariaDB


class TestKillPostgreSQL(TestKill, KillTestCase):
    SERVER = databases.PostgreSQL


class TestCharacters(OnMariaDB, tests_base.DatabaseTestCase):

    def connection(self):
        # As DevStack has it.
        return super().connection() + '?charset=utf8'

    def test_beyond_three_bytes(self):
        snake = 'snake \U0001f40d'
        echo = self.built(snake)
        self.queue(echo)
        item, = self.db.claim(echo['id'], 'e', 'h', 1, 30)
        self.db.record([test_dispatch.result(item, 'failed', detail=snake)])
        self.assertEqual(snake, self.db.request_get(item['id'])['detail'])
        self.assertEqual(snake, self.db.function_get(echo['id'])['name'])


class TestIsolation(OnMariaDB, tests_base.DatabaseTestCase):

    def test_read_committed(self):
        with self.db.reader() as session:
            self.assertEqual('READ-COMMITTED', session.scalar(
                sa.text('SELECT @@tx_isolation')))

    def test_a_claim_does_not_hold_up_callers(self):
        """Where gaps between rows were locked, this would wait."""
        echo = self.built()
        self.queue(echo, 3)
        with self.db.writer() as session:
            session.execute(sa.text('SET innodb_lock_wait_timeout = 5'))
            session.execute(
                sa.select(models.Request.id).where(
                    models.Request.status == 'queued',
                    models.Request.function_id == echo['id'])
                .order_by(models.Request.id).with_for_update()).all()
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                self.assertEqual(1, len(
                    pool.submit(self.queue, echo).result()))

    def test_deadlock_is_tried_again(self):
        first, second = self.built('a'), self.built('b')
        tries = []

        def touch(one, other, ready, go):
            tries.append(one)
            with self.db.writer() as session:
                self._touch(session, one)
                ready.set()
                self.assertTrue(go.wait(60))
                self._touch(session, other)

        events = threading.Event(), threading.Event()
        touch = db_base.retried(touch)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            futures = [
                pool.submit(touch, first, second, *events),
                pool.submit(touch, second, first, *events[::-1])]
            for future in futures:
                future.result()
        self.assertEqual(3, len(tries))

    @staticmethod
    def _touch(session, function):
        session.execute(
            sa.update(models.Function)
            .where(models.Function.id == function['id'])
            .values(description='touched'))


class Upgrade:
    """Every migration, on a database that has data in it."""

    def test_upgrade(self):
        engine = self.db.engine()
        with engine.begin() as connection:
            there = sa.MetaData()
            there.reflect(connection)
            there.drop_all(connection)
        migration.sync(engine, '0001')
        before = {}
        with engine.begin() as connection:
            first = sa.MetaData()
            first.reflect(connection)
            for table in first.sorted_tables:
                if table.name == 'alembic_version':
                    continue
                before[table.name] = {column.name: self._value(column.type)
                                      for column in table.c}
                connection.execute(table.insert(), before[table.name])
        migration.sync(engine)
        self.assertEqual(migration.head(), migration.version(engine))
        with engine.connect() as connection:
            for model in models.Base.metadata.sorted_tables:
                row, = connection.execute(sa.text(
                    'SELECT * FROM %s' % model.name)).mappings()
                self.assertEqual(
                    '1' * 32, row['id'], 'of %s' % model.name)
                for name in set(before.get(model.name, ())) & set(row):
                    self.assertIsNotNone(row[name], name)

    @staticmethod
    def _value(kind):
        """:returns: something that the type, and any foreign key, takes."""
        if isinstance(kind, sa.JSON):
            return {}
        if isinstance(kind, (sa.LargeBinary, mysql.LONGBLOB)):
            return b'x'
        if isinstance(kind, sa.Text):
            return '{}'  # what MariaDB has for JSON is text
        if isinstance(kind, sa.String):
            return ('1' * 32)[:kind.length]
        if isinstance(kind, sa.DateTime):
            return datetime.datetime(2026, 1, 2, 3, 4, 5)
        if isinstance(kind, sa.Boolean):
            return True
        return 1


def _variants():
    """Each class of tests once for each server."""
    for module in (test_builds, test_dispatch, test_functions,
                   test_migration, test_requests, test_services):
        for name, cls in vars(module).items():
            if not (isinstance(cls, type)
                    and issubclass(cls, tests_base.DatabaseTestCase)):
                continue
            for server in (OnMariaDB, OnPostgreSQL):
                yield '%s%s' % (name, server.__name__), (server, cls)
    for cls in (More, Upgrade):
        name = 'Test' + cls.__name__
        for server in (OnMariaDB, OnPostgreSQL):
            yield name + server.__name__, (
                cls, server, tests_base.DatabaseTestCase)
        yield name, (cls, tests_base.DatabaseTestCase)


for _name, _bases in _variants():
    globals()[_name] = type(_name, _bases, {
        '__module__': __name__,
        # Asks SQLite how it would do it.
        'test_lists_do_not_sort': None})
