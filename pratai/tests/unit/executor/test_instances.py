# SPDX-License-Identifier: Apache-2.0
"""How instances come to be, with threads for sandboxes."""

import asyncio
from concurrent import futures
import errno
import os
import resource
import threading
import time
import uuid

import fixtures

from pratai import exception
from pratai.drivers.runtime import base as runtime_base
from pratai.drivers.runtime import fake
from pratai.executor import call as calls
from pratai.executor import frames
from pratai.executor import instance
from pratai.executor import instances
from pratai.tests import base
from pratai.tests import small_disk

MODULE = 'def main(payload):\n    return payload\n'
SECONDS = 60


class Driver(fake.FakeDriver):
    """Has no image before it has fetched it."""

    def __init__(self, conf):
        super().__init__(conf)
        self.go = threading.Event()
        self.there = set()
        self.nowhere = set()
        self.fetched = []

    def start(self, spec):
        if spec.image['id'] not in self.there:
            raise exception.ImageMissing('It is not here.')
        return super().start(spec)

    def fetch(self, image):
        self.fetched.append(image['id'])
        if image['id'] in self.nowhere:
            return False
        assert self.go.wait(SECONDS)
        self.there.add(image['id'])
        return True


class InstancesTestCase(base.TestCase):

    def setUp(self):
        super().setUp()
        self.driver = Driver(self.conf)
        self.runtime, = self.driver.runtimes()

    def version(self, module=MODULE, **settings):
        name = uuid.uuid4().hex
        folder = os.path.join(self.state_path, 'images', name)
        os.makedirs(folder)
        with open(os.path.join(folder, 'new_module.py'), 'w') as file:
            file.write(module)
        return {'id': name, 'image': {'id': name}, 'memory': 128, 'cpus': 1,
                'timeout': 30, 'network': False, 'isolation': 'request',
                'concurrency': 10, 'runtime': self.runtime['name'],
                **settings}

    def run_in(self, coroutine):
        """Run it with instances that have one thread for sandboxes."""
        async def wrapped():
            with futures.ThreadPoolExecutor(1) as threads:
                self.instances = instances.Instances(
                    self.conf, self.driver,
                    {self.runtime['name']: self.runtime}, 8192, threads)
                try:
                    return await asyncio.wait_for(coroutine(), SECONDS)
                finally:
                    self.driver.go.set()
                    await self.instances.stop()
                    await asyncio.gather(*self.instances._starts)
        return asyncio.run(wrapped())

    async def call(self, version, **kwargs):
        outcome, _ = await self.instances.run(version, calls.Request(
            uuid.uuid4().hex, 1, b'1', 30, 1000, 1000), **kwargs)
        return outcome.response


class TestFetch(InstancesTestCase):

    def test_others_start_meanwhile(self):
        slow = [self.version() for _ in range(3)]
        quick = self.version()
        self.driver.there.add(quick['id'])

        async def calls_():
            waiting = [asyncio.ensure_future(self.call(version))
                       for version in slow]
            while len(self.driver.fetched) < 3:
                await asyncio.sleep(0.01)
            self.assertEqual(b'1', await self.call(quick))
            self.assertFalse(any(task.done() for task in waiting))
            self.driver.go.set()
            self.assertEqual([b'1'] * 3, await asyncio.gather(*waiting))
        self.run_in(calls_)

    def test_nowhere(self):
        version = self.version()
        self.driver.nowhere.add(version['id'])
        error = self.assertRaises(exception.ImageMissing, self.run_in,
                                  lambda: self.call(version))
        self.assertEqual('It is not here.', error.detail)
        self.assertEqual([version['id']], self.driver.fetched)


class TestFullDisk(InstancesTestCase):

    def test_another_node_may_have_room(self):
        version = self.version()
        self.driver.there.add(version['id'])
        place = os.path.join(self.state_path, 'run')
        os.makedirs(place, exist_ok=True)
        # Room for nothing, and for a directory without a socket.
        for inodes in (1, 2):
            small_disk.mount(self, place, 'nr_inodes=%d' % inodes)
            error = self.assertRaises(exception.NoSpace, self.run_in,
                                      lambda: self.call(version))
            self.assertEqual((503, 'platform.no_space'),
                             (error.status, error.code))
            self.assertEqual([], os.listdir(place))


class TestExhausted(InstancesTestCase):
    """What is nobody's fault who asks."""

    def refused(self, version):
        error = self.assertRaises(exception.NodeUnavailable, self.run_in,
                                  lambda: self.call(version))
        self.assertIn('Too many open files', error.detail)

    def test_start(self):
        version = self.version()

        def start(spec):
            raise OSError(errno.EMFILE, 'Too many open files')

        self.driver.start = start
        self.refused(version)

    def test_nothing_stays(self):
        """However far it gets."""
        version = self.version()
        self.driver.there.add(version['id'])
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, before)

        async def call(more):
            lowest = os.open(self.state_path, os.O_RDONLY)
            os.close(lowest)
            resource.setrlimit(resource.RLIMIT_NOFILE,
                               (lowest + more, before[1]))
            try:
                await self.call(version)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, before)

        for more in range(5):
            error = self.assertRaises(exception.NodeUnavailable, self.run_in,
                                      lambda more=more: call(more))
            self.assertIn('Too many open files', error.detail)
            self.assertEqual([], os.listdir(
                os.path.join(self.state_path, 'run')))

    def test_run(self):
        version = self.version()
        self.driver.there.add(version['id'])

        def connection(instance_):
            raise OSError(errno.EMFILE, 'Too many open files')

        self.useFixture(fixtures.MonkeyPatch(
            'pratai.executor.instance.Instance._connection', connection))
        self.refused(version)
        self.assertEqual((0, 0), (self.instances.running,
                                  self.instances.memory_used))


class _Talkative(fake._Runner):
    """Says more than the answer."""

    def _run(self, call, body):
        return self.say(call, super()._run(call, body))


class TalkativeDriver(Driver):

    def start(self, spec):
        runner = _Talkative(spec.instance_id, spec.run_dir)
        runner.say = self.say
        runner.start()
        return runtime_base.Sandbox(spec.instance_id, os.getpid(), runner)


class TestReuse(InstancesTestCase):
    """Which processes, here threads, get another request."""

    MODULE = ('import threading\n\n\ndef main(payload):\n'
              '    return threading.current_thread().name\n')
    FORGED = {'type': 'result', 'status': 'succeeded'}

    def names(self, say):
        """:returns: the answers to two requests, one after the other."""
        self.driver = TalkativeDriver(self.conf)
        self.driver.say = say
        version = self.version(self.MODULE, isolation='instance')

        async def calls_():
            return [await self.call(version) for _ in range(2)]
        names = self.run_in(calls_)
        self.assertEqual([b'"fake-'] * 2, [name[:6] for name in names])
        return names

    def test_as_usual(self):
        first, second = self.names(lambda call, answer: answer)
        self.assertEqual(first, second)

    def test_not_again(self):
        for name, say in {
            'it says so': lambda call, answer: frames.pack(
                {'type': 'last', 'call': call}) + answer,
            'forged': lambda call, answer: frames.pack(
                self.FORGED, b'"forged"') + answer,
            'forged with a number': lambda call, answer: frames.pack(
                dict(self.FORGED, call=call ^ 1), b'"forged"') + answer,
            'after the answer': lambda call, answer: answer + frames.pack(
                self.FORGED, b'"forged"'),
            'half a frame': lambda call, answer: answer + b'\0',
        }.items():
            with self.subTest(name):
                first, second = self.names(say)
                self.assertNotEqual(first, second)


class TestRoom(InstancesTestCase):
    """What a caller hears who finds no room."""

    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.state_path, 'go')
        self.module = (
            'import os, time\n'
            'def main(payload):\n'
            '    while not os.path.exists(%r):\n'
            '        time.sleep(0.01)\n'
            '    return payload\n' % self.path)

    def second(self, error, **settings):
        """Call while another call runs, and do not wait."""
        version = self.version(self.module, **settings)
        self.driver.there.add(version['id'])

        async def calls_():
            first = asyncio.ensure_future(self.call(version))
            while not self.instances.running:
                await asyncio.sleep(0.01)
            try:
                await self.call(version, wait=False)
            except exception.Busy as refused:
                found = refused.code
            os.mkdir(self.path)
            self.assertEqual(b'1', await first)
            return found
        self.assertEqual(error, self.run_in(calls_))

    def test_no_room(self):
        self.conf.set_override('room_seconds', 10 * SECONDS, 'executor')
        self.second('service.busy', memory=8192)

    def test_limit_of_the_function(self):
        """It is waited for, because it is the same on every node."""
        self.conf.set_override('room_seconds', 0.1, 'executor')
        self.second('function.busy', concurrency=1)


class TestExits(base.TestCase):
    """What the runner says of children whose numbers come again."""

    def setUp(self):
        super().setUp()
        driver = Driver(self.conf)

        async def make():
            return instance.Instance('name', {'id': 'v'}, None, driver,
                                     self.conf, None)
        self.loop = asyncio.new_event_loop()
        self.addCleanup(self.loop.close)
        self.instance = self.loop.run_until_complete(make())

    def hear(self, status):
        self.instance.heard({'type': 'exited', 'pid': 7, 'status': status})

    def exit_status(self):
        return self.loop.run_until_complete(
            self.instance.exit_of(7))['status']

    def test_a_quick_child(self):
        """Its end is heard of before its beginning."""
        sent = time.perf_counter()
        self.hear(3)
        self.instance.began(7, sent)
        self.hear(None)     # the answer to a kill that came too late
        self.assertEqual(3, self.exit_status())

    def test_an_earlier_child(self):
        self.hear(3)
        self.instance.began(7, time.perf_counter())
        self.hear(4)
        self.assertEqual(4, self.exit_status())
