# SPDX-License-Identifier: Apache-2.0
"""Builds that come back to the executor that has them in hand."""

import asyncio
import os
import queue
import threading
import time
import uuid

import fixtures

from pratai import exception
from pratai.drivers.builder import fake
from pratai.executor import builds
from pratai.executor import instance
from pratai.tests import base

SECONDS = 60


def refuse(*args):
    raise RuntimeError("can't start new thread")


class NoTimer(threading.Timer):
    start = refuse


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
    """Can import everything, but that it may be killed a few times."""

    kills = 0

    async def check(self, spec):
        if self.kills:
            self.kills -= 1
            raise instance.ImportKilled('It was killed.')


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
        self.instances = Instances()
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        self.addCleanup(loop.close)
        self.addCleanup(thread.join)
        self.addCleanup(loop.call_soon_threadsafe, loop.stop)
        stopped = threading.Event()
        self.builds = builds.Builds(
            self.conf, self.builder, {'fake': {'name': 'fake'}},
            self.instances, self.conductor, loop, stopped)
        self.addCleanup(self.builds.stop)
        self.addCleanup(stopped.set)
        self.build = {
            'build_id': uuid.uuid4().hex, 'version_id': uuid.uuid4().hex,
            'runtime': 'fake', 'module': 'def main(payload):\n    pass\n',
            'requirements': ''}
        self.images = os.path.join(self.state_path, 'images')

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

    def test_deleted_while_another_attempt_waits(self):
        self.submit(1)
        self.builder.began.get(timeout=SECONDS)
        self.submit(2)
        self.builds.forget([self.build['version_id']])
        self.builder.go.put(None)
        self.done()
        self.builder.began.get(timeout=SECONDS)
        self.builder.go.put(None)
        self.done()
        self.assertEqual([], os.listdir(self.images))

    def free(self):
        """Wait until none is in hand."""
        until = time.monotonic() + SECONDS
        while self.builds.held():
            self.assertLess(time.monotonic(), until)
            time.sleep(0.01)

    def again(self):
        """Another attempt is as any, and alone."""
        self.submit(2)
        self.builder.began.get(timeout=SECONDS)
        self.builder.go.put(None)
        self.assertEqual((2, True, None), self.done())
        self.free()
        self.assertTrue(self.builder.began.empty())
        self.assertTrue(self.conductor.done.empty())

    def test_it_ends_without_a_word(self):
        with fixtures.MonkeyPatch('threading.Timer', NoTimer):
            # It fails, and its log cannot tell.
            self.builds.submit(dict(self.build, attempt=1, runtime='none'))
            self.free()
        self.again()

    def test_no_thread(self):
        with fixtures.MonkeyPatch('threading.Thread.start', refuse):
            self.assertRaises(RuntimeError, self.submit, 1)
        self.assertEqual([], self.builds.held())
        self.again()

    def killed(self, attempt, kills):
        self.useFixture(fixtures.MonkeyPatch(
            'pratai.executor.builds.RETRY', 0))
        self.instances.kills = kills
        self.submit(attempt)
        self.builder.go.put(None)
        return self.done()

    def test_killed_at_the_import(self):
        self.assertEqual((1, False, exception.SandboxError.code),
                         self.killed(1, 1))

    def test_killed_at_the_import_for_the_last_time(self):
        last = self.conf.conductor.max_attempts
        self.assertEqual((last, True, None),
                         self.killed(last, builds.KILLS - 1))

    def test_killed_at_every_import(self):
        """As when the function ends so. Also of one that was built before,
        which has any number of attempts."""
        later = self.conf.conductor.max_attempts + 4
        self.assertEqual((later, False, 'build.import_failed'),
                         self.killed(later, builds.KILLS))
