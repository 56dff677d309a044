# SPDX-License-Identifier: Apache-2.0
"""When the dispatcher looks again for what it can send."""

import queue
import time

import fixtures

from pratai.conductor import dispatch
from pratai.tests import base

LIFE = 'life'


class Executors:
    """In place of ExecutorAPI: keeps what is cast to them."""

    def __init__(self):
        self.casts = queue.SimpleQueue()

    def run(self, host, incarnation, specs, attempts):
        self.casts.put(attempts)


class TestPace(base.DatabaseTestCase):

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.MonkeyPatch(
            'pratai.conductor.dispatch.LINGER', 0))
        self.useFixture(fixtures.MonkeyPatch(
            'pratai.conductor.dispatch.LONG_LINGER', 300))
        self.conf.set_override('service_down_time', 300, 'conductor')
        self.db.service_register(
            'pratai-executor', 'node', LIFE, time.time(),
            {'runtimes': ['python311']}, {'max_running': 100})
        self.echo = self.built(limit=8)
        self.executors = Executors()
        self.dispatcher = dispatch.Dispatcher(
            self.conf, self.db, self.executors, self.db.executors_up, None,
            lambda: True)

    def start(self):
        self.dispatcher.start()
        self.addCleanup(self.dispatcher.stop)

    def sent(self):
        return self.executors.casts.get(timeout=60)

    def end(self, attempts):
        """Have attempts end, and say so, as the manager does."""
        self.db.record([dict(id=item['id'], attempt=item['attempt'],
                             status='succeeded') for item in attempts])
        self.dispatcher.freed(len(attempts))

    def test_waits_until_there_is_room_for_some(self):
        self.queue(self.echo, 20)
        self.start()
        first = self.sent()
        self.assertEqual(8, len(first))
        self.end(first[:1])
        self.assertRaises(queue.Empty, self.executors.casts.get, timeout=0.5)
        self.end(first[1:2])
        self.assertEqual(2, len(self.sent()))

    def test_comes_at_once_while_little_runs(self):
        self.start()
        for _ in range(3):
            self.queue(self.echo)
            self.dispatcher.wake()
            self.assertEqual(1, len(self.sent()))

    def test_one_that_runs_little_does_not_wait_for_others(self):
        slow = self.built('slow', limit=60)
        self.queue(slow, 60)
        self.queue(self.echo, 20)
        self.start()
        first = self.sent()
        while len(first) < 68:
            first += self.sent()
        done = [item for item in first
                if item['version_id'] == self.echo['version_id']]
        self.end(done[:2])
        self.assertEqual(2, len(self.sent()))
