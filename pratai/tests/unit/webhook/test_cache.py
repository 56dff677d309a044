# SPDX-License-Identifier: Apache-2.0

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
        asked, found = threading.Event(), []
        go = threading.Event()

        def asking():
            asked.set()
            self.asked.append(1)
            self.assertTrue(go.wait(60))
            return ask()

        def get():
            try:
                found.append(self.cache.get('a', asking))
            except ZeroDivisionError:
                found.append('error')
        threads = [threading.Thread(target=get) for _ in range(8)]
        threads[0].start()
        self.assertTrue(asked.wait(60))
        for thread in threads[1:]:
            thread.start()
        go.set()
        for thread in threads:
            thread.join(60)
        return found

    def test_one_asks_for_all(self):
        self.assertEqual(['A'] * 8, self._together(lambda: ('A', 10)))
        self.assertEqual([1], self.asked)

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

    def test_an_error_is_for_all_who_wait(self):
        found = self._together(lambda: 1 / 0)
        self.assertIn('error', found)
        self.assertEqual({'error'}, set(found))
