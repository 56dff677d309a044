# SPDX-License-Identifier: Apache-2.0

from concurrent import futures
import threading

import fixtures
from oslotest import base

from pratai.webhook import cache


class TestCache(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.now = 1000.0
        self.useFixture(fixtures.MonkeyPatch(
            'pratai.webhook.cache.time.monotonic', lambda: self.now))
        self.cache = cache.Cache(3)
        self.asked = []

    def ask(self, key, seconds=10):
        def asking():
            self.asked.append(key)
            return key.upper(), seconds
        return self.cache.get(key, asking)

    def test_asked_once_while_it_is_good(self):
        self.assertEqual(['A', 'A'], [self.ask('a'), self.ask('a')])
        self.assertEqual(['a'], self.asked)
        self.now += 10
        self.assertEqual('A', self.ask('a'))
        self.assertEqual(['a', 'a'], self.asked)

    def test_nothing_is_kept_for_no_time(self):
        self.ask('a', seconds=0)
        self.ask('a', seconds=0)
        self.assertEqual(['a', 'a'], self.asked)

    def test_forget(self):
        self.ask('a')
        self.cache.forget('a')
        self.cache.forget('b')
        self.ask('a')
        self.assertEqual(['a', 'a'], self.asked)

    def test_an_error_is_not_kept(self):
        self.assertRaises(ZeroDivisionError, self.cache.get, 'a',
                          lambda: 1 / 0)
        self.assertEqual('A', self.ask('a'))

    def test_bounded(self):
        for key in 'abcdefgh':
            self.ask(key)
            self.assertLessEqual(len(self.cache._known), 3)
        self.assertEqual('H', self.ask('h'))
        self.assertEqual(list('abcdefgh'), self.asked)

    def _together(self, ask):
        """Have eight threads want one value; :returns: what they got."""
        found, go = [], threading.Event()
        waiting = threading.Semaphore(0)

        class Future(futures.Future):

            def result(self, timeout=None):
                waiting.release()
                return super().result(timeout)
        self.useFixture(fixtures.MonkeyPatch(
            'pratai.webhook.cache.concurrent.futures.Future', Future))

        def asking():
            self.asked.append(1)
            waiting.release()
            self.assertTrue(go.wait(60))
            return ask()

        def get():
            try:
                found.append(self.cache.get('a', asking))
            except ZeroDivisionError:
                found.append('error')
        threads = [threading.Thread(target=get) for _ in range(8)]
        for thread in threads:
            thread.start()
        # One asks, seven wait for it.
        for _ in threads:
            self.assertTrue(waiting.acquire(timeout=60))
        go.set()
        for thread in threads:
            thread.join(60)
        self.assertEqual([1], self.asked)
        return found

    def test_one_asks_for_all(self):
        self.assertEqual(['A'] * 8, self._together(lambda: ('A', 10)))

    def test_an_error_is_for_all_who_wait(self):
        self.assertEqual(['error'] * 8, self._together(lambda: 1 / 0))

    def test_forgotten_while_somebody_asks(self):
        go, asked = threading.Event(), threading.Event()
        found = []

        def old():
            asked.set()
            self.assertTrue(go.wait(60))
            return 'old', 10
        thread = threading.Thread(
            target=lambda: found.append(self.cache.get('a', old)))
        thread.start()
        self.assertTrue(asked.wait(60))
        self.cache.forget('a')
        self.assertEqual('A', self.ask('a'))
        go.set()
        thread.join(60)
        self.assertEqual(['old'], found)
        self.assertEqual('A', self.cache.get('a', None))

    def test_others_ask_meanwhile(self):
        go = threading.Event()
        asked = threading.Event()

        def slow():
            asked.set()
            go.wait(60)
            return 'slow', 10
        thread = threading.Thread(target=self.cache.get, args=('s', slow))
        thread.start()
        self.assertTrue(asked.wait(60))
        self.assertEqual('A', self.ask('a'))
        go.set()
        thread.join(60)
        self.assertEqual('slow', self.cache.get('s', None))
