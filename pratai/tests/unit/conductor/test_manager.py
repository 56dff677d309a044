# SPDX-License-Identifier: Apache-2.0
"""When a conductor believes that an executor is lost."""

import datetime
import time
from unittest import mock

from oslo_config import cfg
import sqlalchemy as sa

from pratai import exception
from pratai import rpc
from pratai.conductor import manager
from pratai.db import models
from pratai.tests import base

HOST, LIFE = 'node', 'life'


class Base(base.DatabaseTestCase):

    def setUp(self):
        super().setUp()
        self.conductor = manager.ConductorManager(
            self.conf, self.db, rpc.transport(cfg.ConfigOpts(), 'inproc://'))

    def register(self, host=HOST, incarnation=LIFE, runtimes=()):
        self.conductor.register(
            host, incarnation, time.time(), {'runtimes': list(runtimes)},
            {'max_running': 10}, [])

    def pass_time(self, seconds, looked=True):
        """In the database and for the conductor.

        :param looked: whether it could see the database meanwhile.
        """
        change = datetime.timedelta(seconds=seconds)
        with self.db.writer() as session:
            for row in session.scalars(sa.select(models.Service)):
                row.updated_at -= change
            for row in session.scalars(sa.select(models.Request)):
                if row.lease_until:
                    row.lease_until -= change
        self.conductor._silence._believed_from -= seconds
        if not looked:
            self.conductor._silence._looked_at -= seconds


class TestLost(Base):

    def setUp(self):
        super().setUp()
        self.echo = self.built()
        self.register()
        self.queue(self.echo)
        self.item, = self.db.claim(self.echo['id'], LIFE, HOST, 1, 30)

    def heartbeat(self, requests=()):
        self.conductor.heartbeat(HOST, LIFE, {}, requests, [])

    def state(self):
        with self.db.reader() as session:
            return tuple(session.execute(sa.select(
                models.Request.status, models.Request.failures)).one())

    def test_one_of_several(self):
        self.register('other', 'other life')
        self.pass_time(31)
        self.conductor.heartbeat('other', 'other life', {}, [], [])
        self.conductor.sweep()
        self.assertEqual(('queued', 1), self.state())

    def test_it_held_something_else(self):
        self.pass_time(31)
        self.heartbeat()
        self.conductor.sweep()
        self.assertEqual(('queued', 1), self.state())

    def test_none_could_be_heard(self):
        self.register('other', 'other life')
        self.pass_time(31)
        self.conductor.sweep()
        # The first that is heard again is not the only one that lives.
        self.conductor.heartbeat('other', 'other life', {}, [], [])
        self.conductor.sweep()
        self.assertEqual(('running', 0), self.state())
        self.heartbeat([self.item['id']])
        self.pass_time(29)
        self.heartbeat([self.item['id']])
        self.pass_time(2)
        self.conductor.sweep()
        self.assertEqual(('running', 0), self.state())
        # Where it does not come back, that is a lease later.
        self.pass_time(31)
        self.conductor.heartbeat('other', 'other life', {}, [], [])
        self.conductor._silence._believed_from = 0
        self.conductor.sweep()
        self.assertEqual(('queued', 1), self.state())

    def test_the_conductor_was_away(self):
        self.register('other', 'other life')
        self.pass_time(31)
        self.conductor = manager.ConductorManager(
            self.conf, self.db, rpc.transport(cfg.ConfigOpts(), 'inproc://'))
        self.conductor.heartbeat('other', 'other life', {}, [], [])
        self.conductor.sweep()
        self.assertEqual(('running', 0), self.state())
        self.heartbeat([self.item['id']])
        self.pass_time(20)
        self.heartbeat([self.item['id']])
        self.pass_time(11)
        self.conductor.sweep()
        self.assertEqual(('running', 0), self.state())

    def test_the_conductor_stood_still(self):
        self.register('other', 'other life')
        self.pass_time(31)
        self.pass_time(31, looked=False)
        self.conductor.heartbeat('other', 'other life', {}, [], [])
        self.conductor.sweep()
        self.assertEqual(('running', 0), self.state())

    def test_the_database_hung_in_a_sweep(self):
        self.register('other', 'other life')
        self.pass_time(31)
        self.conductor.heartbeat('other', 'other life', {}, [], [])
        self.function('built')
        build, = self.db.build_claim(LIFE, 1, 300)
        redrive, calls = self.db.redrive, []

        def hang():
            calls.append(len(calls))
            if len(calls) == 1:
                self.pass_time(31, looked=False)
                return 1        # of somebody else
            return redrive()

        with mock.patch.object(self.db, 'redrive', hang):
            self.conductor.sweep()
        self.assertEqual(('running', 0), self.state())
        row, = self.db.build_list(build['function_id'])
        self.assertEqual('running', row['status'])

    def test_the_database_was_away(self):
        self.register('other', 'other life')
        self.pass_time(31)

        def away(*args):
            raise exception.Unavailable('away')

        for name in ('executors_silence', 'redrive'):
            with mock.patch.object(self.db, name, away):
                self.conductor._silence._believed_from = 0
                self.assertRaises(exception.Unavailable, self.conductor.sweep)
                self.pass_time(31, looked=False)
            self.conductor.heartbeat('other', 'other life', {}, [], [])
            self.conductor.sweep()
            self.assertEqual(('running', 0), self.state())

    def test_a_former_life(self):
        self.register(HOST, 'new life')
        # Nothing is lost before what it never had has come back.
        self.assertEqual(('running', 0), self.state())
        self.conductor.take_over(HOST, 'new life')
        self.assertEqual(('queued', 1), self.state())

    def test_a_late_start(self):
        self.register(HOST, 'new life')
        self.conductor.take_over(HOST, 'new life')
        self.db.claim(self.echo['id'], 'new life', HOST, 1, 30)
        self.conductor.take_over(HOST, LIFE)
        self.assertEqual(('running', 1), self.state())

    def test_a_late_goodbye(self):
        self.register(HOST, 'new life')
        self.conductor.take_over(HOST, 'new life')
        self.db.claim(self.echo['id'], 'new life', HOST, 1, 30)
        self.conductor.leave(HOST, LIFE)
        self.assertEqual(('running', 1), self.state())
        self.conductor.leave(HOST, 'new life')
        self.assertEqual(('queued', 2), self.state())


class TestStranded(Base):
    """A version whose image only an executor has that is not heard of."""

    def setUp(self):
        super().setUp()
        for host in 'a', 'b':
            self.register(host, host, ['python311'])
        self.echo = self.function()
        build, = self.db.build_claim('b', 1, 30)
        self.db.build_finish(build['build_id'], build['attempt'],
                             {'id': build['version_id'], 'node': 'b'}, None,
                             None)
        self.queue(self.echo)

    def go_on(self):
        """One executor is heard of, the other one is not."""
        self.conductor.heartbeat('a', 'a', {'runtimes': ['python311']}, [],
                                 [])
        self.conductor.dispatcher.run_once()

    def has_image(self):
        version_id, _ = self.db.current_version(self.echo['id'])
        return self.db.version_spec(version_id) is not None

    def test_it_is_lost(self):
        self.pass_time(61)
        self.go_on()
        self.assertFalse(self.has_image())

    def test_none_could_be_heard(self):
        self.pass_time(31)
        self.pass_time(61)
        self.conductor.sweep()
        self.go_on()
        self.assertTrue(self.has_image())
        self.pass_time(31)
        self.go_on()
        self.assertFalse(self.has_image())

    def test_the_conductor_stood_still(self):
        self.pass_time(31)
        self.pass_time(61, looked=False)
        self.go_on()
        self.assertTrue(self.has_image())
