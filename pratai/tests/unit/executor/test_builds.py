# SPDX-License-Identifier: Apache-2.0
"""Builds that come back to the executor that has them in hand."""

import asyncio
import queue
import threading
import uuid

from pratai.drivers.builder import fake
from pratai.executor import builds
from pratai.tests import base

SECONDS = 60


class Builder(fake.FakeBuilder):
    """Takes its time."""

    def __init__(self, conf):
        super().__init__(conf, None)
        self.began = queue.SimpleQueue()
        self.go = queue.SimpleQueue()

    def _build(self, build, log, work):
        self.began.put(build.build_id)
        self.go.get(timeout=SECONDS)
        super()._build(build, log, work)


class Instances:
    """Can import everything."""

    async def check(self, spec):
        pass


class Conductor:

    def __init__(self):
        self.done = queue.SimpleQueue()

    def build_log(self, build_id, attempt, text):
        return True

    def build_done(self, build_id, attempt, image, code, detail):
        self.done.put((attempt, image is not None, code))


class TestBuilds(base.TestCase):

    def setUp(self):
        super().setUp()
        self.builder = Builder(self.conf)
        self.conductor = Conductor()
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        self.addCleanup(loop.close)
        self.addCleanup(thread.join)
        self.addCleanup(loop.call_soon_threadsafe, loop.stop)
        stopped = threading.Event()
        self.builds = builds.Builds(
            self.conf, self.builder, {'fake': {'name': 'fake'}}, Instances(),
            self.conductor, loop, stopped)
        self.addCleanup(self.builds.stop)
        self.addCleanup(stopped.set)
        self.build = {
            'build_id': uuid.uuid4().hex, 'version_id': uuid.uuid4().hex,
            'runtime': 'fake', 'module': 'def main(payload):\n    pass\n',
            'requirements': ''}

    def submit(self, attempt):
        self.builds.submit(dict(self.build, attempt=attempt))

    def done(self):
        return self.conductor.done.get(timeout=SECONDS)

    def test_twice(self):
        self.submit(1)
        self.builder.began.get(timeout=SECONDS)
        self.submit(1)
        self.builder.go.put(None)
        self.assertEqual((1, True, None), self.done())
        self.assertTrue(self.builder.began.empty())

    def test_its_lease_ran_out(self):
        self.submit(1)
        self.builder.began.get(timeout=SECONDS)
        self.submit(2)
        self.builder.go.put(None)
        self.assertEqual((1, False, 'build.cancelled'), self.done())
        self.builder.began.get(timeout=SECONDS)
        self.assertEqual([self.build['build_id']], self.builds.held())
        self.builder.go.put(None)
        self.assertEqual((2, True, None), self.done())
