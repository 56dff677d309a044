# SPDX-License-Identifier: Apache-2.0

import threading

import fixtures
from oslotest import base

from pratai.executor import reporter


class TestBatch(base.BaseTestCase):

    def test_by_count(self):
        self.assertEqual(reporter.BATCH, reporter.batch([{}] * 500))
        self.assertEqual(3, reporter.batch([{}] * 3))
        self.assertEqual(0, reporter.batch([]))

    def test_by_size(self):
        large = {'response': 'x' * (5 * 1024 * 1024)}
        self.assertEqual(1, reporter.batch([large] * 3))

    def test_one_too_large_goes_alone(self):
        huge = {'logs': 'x' * (9 * 1024 * 1024)}
        self.assertEqual(1, reporter.batch([huge, huge]))


class TestReporter(base.BaseTestCase):

    def test_kept_until_taken(self):
        self.useFixture(fixtures.MonkeyPatch(
            'pratai.executor.reporter.RETRY', 0.01))
        taken, again = [], threading.Event()
        failures = iter([True, True, False])

        def report(results):
            if next(failures, False):
                raise OSError('no conductor')
            taken.extend(result['id'] for result in results)
            again.set()

        one = reporter.Reporter(report)
        one.start()
        for name in 'abc':
            one.add({'id': name})
        self.assertTrue(again.wait(30))
        one.stop(30)
        self.assertEqual(['a', 'b', 'c'], taken)
        self.assertEqual([], one.pending())

    def test_what_goes_back_has_not_ended(self):
        one = reporter.Reporter(None)
        one.add({'id': 'a', 'status': 'queued'})
        self.assertFalse(one.ends('a'))
        one.add({'id': 'b', 'status': 'succeeded'})
        self.assertTrue(one.ends('b'))
        self.assertEqual(['a', 'b'], one.pending())

    def _batches(self, results, seconds):
        """:returns: how many results the first message has."""
        self.useFixture(fixtures.MonkeyPatch(
            'pratai.executor.reporter.LINGER_ANSWERED', 60))
        batches, sent = [], threading.Event()

        def report(results):
            batches.append(len(results))
            sent.set()

        one = reporter.Reporter(report)
        one.start()
        for result in results:
            one.add(result)
        went = sent.wait(seconds)
        one.stop(30)
        return went, batches

    def test_answered_ones_wait_for_company(self):
        self.assertEqual((False, [3]), self._batches(
            [{'id': name, 'request': {}} for name in 'abc'], 1))

    def test_others_take_them_along(self):
        went, batches = self._batches(
            [{'id': 'a', 'request': {}}, {'id': 'b'}], 60)
        self.assertTrue(went)
        self.assertEqual([2], batches)
