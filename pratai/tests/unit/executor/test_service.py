# SPDX-License-Identifier: Apache-2.0
"""An executor that starts again, with conductors that know its former life."""

import time
from unittest import mock
import uuid

import fixtures
from oslo_config import cfg
import sqlalchemy as sa

from pratai import exception
from pratai import rpc
from pratai import states
from pratai.conductor import service as conductor_service
from pratai.db import models
from pratai.drivers.builder import base as builder_base
from pratai.drivers.builder import fake
from pratai.executor import service
from pratai.tests import base
from pratai.tests.functional import standalone

HOST, FORMER = 'node', 'former life'
MODULE = 'def main(payload):\n    return payload\n'


class TestFormerLife(base.DatabaseTestCase):

    def setUp(self):
        super().setUp()
        for name, value, group in (
                ('host', HOST, None), ('runtime_driver', 'fake', 'executor'),
                ('driver', 'fake', 'builder'), ('data_port', 0, 'executor'),
                ('heartbeat_interval', 0.5, 'executor'),
                # Whatever the machine does meanwhile.
                ('service_down_time', 300, 'conductor'),
                ('lease', 300, 'conductor')):
            self.conf.set_override(name, value, group)
        self.transport = rpc.transport(
            cfg.ConfigOpts(), 'inproc://%s/' % uuid.uuid4().hex)
        self.db.service_register(
            'pratai-executor', HOST, FORMER, time.time(),
            {'runtimes': ['python311']},
            {'data_url': '', 'key': '', 'max_running': 10})
        self.echo = self.function()
        self.build()
        self.ids = self.queue(self.echo, 5)
        conductor = conductor_service.ConductorService(
            self.conf, self.db, self.transport)
        conductor.start()
        self.addCleanup(conductor.stop)
        # It counts as up, and they are sent to it.
        standalone.until(lambda: self.held() == 5)

    def build(self):
        row, = self.db.build_claim(FORMER, 1, 30)
        image = fake.FakeBuilder(self.conf, None).build(
            builder_base.Build(
                build_id=row['build_id'], version_id=row['version_id'],
                runtime={'name': 'python311'}, module=MODULE),
            lambda text: None)
        self.db.build_finish(row['build_id'], row['attempt'],
                             dict(image, node=HOST), None, None)

    def start(self):
        executor = service.ExecutorService(self.conf, self.transport)
        executor.start()
        self.addCleanup(executor.stop)

    def held(self):
        return self.db.running_counts().get((self.echo['id'], FORMER))

    def requests(self):
        with self.db.reader() as session:
            return session.scalars(sa.select(models.Request)).all()

    def finished(self):
        standalone.until(lambda: all(request.status in states.FINISHED
                                     for request in self.requests()))
        return [(request.status, request.failures)
                for request in self.requests()]

    def test_what_it_never_had_is_no_failure(self):
        self.start()
        self.assertEqual(5 * [('succeeded', 0)], self.finished())

    def test_nothing_goes_back_before_it_is_known(self):
        tries, early = [], []
        register, record = self.db.service_register, self.db.record

        def registered(binary, *args, **kwargs):
            if binary == 'pratai-executor':
                tries.append(binary)
                if len(tries) < 3:
                    raise exception.Unavailable('away')
            return register(binary, *args, **kwargs)

        def recorded(results):
            if len(tries) < 3:
                early.extend(results)
            return record(results)

        with mock.patch.object(self.db, 'service_register', registered), \
                mock.patch.object(self.db, 'record', recorded):
            self.start()
            self.assertEqual(5 * [('succeeded', 0)], self.finished())
        self.assertEqual([], early)

    def test_it_stops_at_once(self):
        self.conf.set_override('heartbeat_interval', 300, 'executor')
        register, tries = self.db.service_register, []

        def registered(binary, *args, **kwargs):
            if binary == 'pratai-executor':
                tries.append(binary)
                if len(tries) == 1:
                    raise exception.Unavailable('away')
            return register(binary, *args, **kwargs)

        with mock.patch.object(self.db, 'service_register', registered):
            executor = service.ExecutorService(self.conf, self.transport)
            executor.start()
            standalone.until(lambda: len(executor._manager._foreign) == 5)
            executor.stop()
        self.assertEqual(2, len(tries))
        self.assertEqual(5 * [('queued', 0)], [
            (request.status, request.failures)
            for request in self.requests()])

    def test_nothing_is_recorded_for_a_while(self):
        self.useFixture(fixtures.MonkeyPatch(
            'pratai.executor.service.REPORT_SECONDS', 0.1))
        self.useFixture(fixtures.MonkeyPatch(
            'pratai.executor.reporter.RETRY', 0.1))
        record, tries = self.db.record, []

        def recorded(results):
            tries.append(results)
            if len(tries) < 20:
                raise exception.Unavailable('away')
            return record(results)

        with mock.patch.object(self.db, 'record', recorded):
            self.start()
            self.assertEqual(5 * [('succeeded', 0)], self.finished())

    def test_conductors_of_a_former_release(self):
        """They do not know how to take over, but everything else."""
        beats, beat = [], self.db.service_beat

        def beaten(binary, *args):
            beats.append(binary)
            return beat(binary, *args)

        with mock.patch.object(self.db, 'service_beat', beaten), mock.patch(
                'pratai.conductor.manager.ConductorManager.take_over',
                side_effect=NotImplementedError):
            self.start()
            self.assertEqual(5 * [('succeeded', 0)], self.finished())
            standalone.until(lambda: 'pratai-executor' in beats)
