# SPDX-License-Identifier: Apache-2.0
"""Requests through the executor's instances, in containers."""

import asyncio
from concurrent import futures
import textwrap
import threading
import uuid

from pratai import exception
from pratai import states
from pratai.executor import call as calls
from pratai.executor import instances
from pratai.tests.functional import test_hostile
from pratai.tests.integration.docker import base

SECONDS = 120


class ExecutorTestCase(base.DockerTestCase):

    def setUp(self):
        super().setUp()
        self.threads = futures.ThreadPoolExecutor(8)
        self.addCleanup(self.threads.shutdown)
        self.loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self.loop.run_forever)
        thread.start()
        self.addCleanup(self.loop.close)
        self.addCleanup(thread.join)
        self.addCleanup(self.loop.call_soon_threadsafe, self.loop.stop)
        self.instances = self.wait(self.make())
        self.addCleanup(lambda: self.wait(self.stop()))

    async def make(self):
        return instances.Instances(
            self.conf, self.driver, {'python311': self.runtime}, 8192,
            self.threads)

    async def stop(self):
        await self.instances.stop()
        await asyncio.gather(*self.instances._starts)

    def wait(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(
            SECONDS)

    def version(self, source, **settings):
        image = self.image(source)
        return dict({'id': image['id'], 'image': image, 'memory': 128,
                     'cpus': 1, 'timeout': 30, 'network': False,
                     'isolation': 'request', 'concurrency': 10,
                     'runtime': 'python311'}, **settings)

    def run_one(self, version, payload=b'null'):
        """:returns: (Outcome, "cold" or "warm")"""
        return self.wait(self.instances.run(version, calls.Request(
            uuid.uuid4().hex, 1, payload, version['timeout'],
            self.conf.executor.max_log, self.conf.executor.max_response)))


class TestHostile(ExecutorTestCase):
    """Each ends as it should, and the next request is served."""

    def misbehave(self, name, lines, **settings):
        version = self.version(test_hostile.module(lines), **settings)
        outcome, start = self.run_one(version)
        self.assertEqual(('cold', states.SUCCEEDED, b'"fine"'), (
            start, outcome.status, outcome.response), outcome)
        outcome, _ = self.run_one(version, b'"now"')
        after, _ = self.run_one(version)
        self.assertEqual((states.SUCCEEDED, b'"fine"'),
                         (after.status, after.response), name)
        self.wait(self.drop(version))
        return outcome

    async def drop(self, version):
        self.instances.retire([version['id']])

    def test_ends(self):
        for name, lines, status, code, words in test_hostile.ENDS:
            with self.subTest(name):
                outcome = self.misbehave(name, lines, memory=512)
                if status is not None:
                    self.assertEqual((status, code),
                                     (outcome.status, outcome.code))
                self.assertIn(words, outcome.detail or '')

    def test_endless(self):
        for name, lines in test_hostile.ENDLESS:
            with self.subTest(name):
                outcome = self.misbehave(name, lines, timeout=1)
                self.assertEqual((states.TIMEOUT, 'function.timeout'),
                                 (outcome.status, outcome.code))

    def test_memory(self):
        for name, lines in [
            ('one', 'x = bytes(10)\nwhile True:\n    x = x + x'),
            # Nothing of it is charged to the process itself.
            ('shared', 'import mmap\nkept = []\nwhile True:\n'
             '    kept.append(mmap.mmap(-1, 1 << 20))\n'
             '    kept[-1].write(b"x" * (1 << 20))'),
        ]:
            with self.subTest(name):
                outcome = self.misbehave(name, lines, concurrency=1)
                self.assertEqual((states.FAILED, 'function.out_of_memory'),
                                 (outcome.status, outcome.code), outcome)

    def test_disk(self):
        outcome = self.misbehave('disk', textwrap.dedent('''
            written = 0
            for path in ("/tmp/x", "/dev/shm/x"):
                with open(path, "wb", buffering=0) as f:
                    try:
                        while True:
                            written += f.write(b"x" * 65536)
                    except OSError as e:
                        assert e.errno == 28, e
            return written
            ''').strip())
        self.assertEqual(b'%d' % (2 * 64 << 20), outcome.response)

    def test_import(self):
        for source, code, words in [
            ('import nosuchmodule', 'build.import_failed', 'nosuchmodule'),
            ('def other(): pass', 'build.no_main', 'main'),
            ('import os\nos._exit(0)', 'build.import_failed', 'ended'),
            ('import mmap\nkept = []\nwhile True:\n'
             '    kept.append(mmap.mmap(-1, 1 << 20))\n'
             '    kept[-1].write(b"x" * (1 << 20))', 'build.import_failed',
             'ran out of memory'),
        ]:
            with self.subTest(source):
                error = self.assertRaises(
                    exception.BuildError, self.run_one,
                    self.version(source, concurrency=1))
                self.assertEqual(code, error.code)
                self.assertIn(words, error.detail)
        self.assertEqual([], self.containers())


class TestEngine(ExecutorTestCase):

    ECHO = 'def main(payload): return payload'

    def make_engine(self):
        return base.unsteady(self)

    def test_away_and_back(self):
        warm, cold = self.version(self.ECHO), self.version(self.ECHO)
        outcome, _ = self.run_one(warm, b'1')
        self.assertEqual(b'1', outcome.response)
        self.engine.kill()
        # What is warm needs no engine.
        outcome, start = self.run_one(warm, b'2')
        self.assertEqual((b'2', 'warm'), (outcome.response, start))
        # Another node may take the others.
        error = self.assertRaises(exception.Busy, self.run_one, cold)
        self.assertEqual('platform.engine_unavailable', error.code)
        self.engine.start()
        self.until(lambda: self.driver.engine.away is None, 'return')
        outcome, _ = self.run_one(cold, b'3')
        self.assertEqual(b'3', outcome.response)
        # The engine has ended what it found when it started.
        self.until(lambda: len(self.containers()) <= 1, 'no left-over')
        outcome, start = self.run_one(warm, b'4')
        self.assertEqual(b'4', outcome.response)
