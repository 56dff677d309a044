# SPDX-License-Identifier: Apache-2.0

import concurrent.futures
import queue
import threading
import time

from pratai import exception
from pratai.db import base as db_base
from pratai.tests import base
from pratai.webhook import acceptor


class Database:
    """Stands between the acceptor and a real database, to hold it up."""

    def __init__(self, database):
        self._database = database
        self.go = threading.Event()
        self.held = threading.Event()
        self.batches = []

    def request_add(self, rows, payloads):
        self.held.set()
        self.go.wait(60)
        self.batches.append(len(rows))
        self._database.request_add(rows, payloads)


class TestAcceptor(base.DatabaseTestCase):

    def setUp(self):
        super().setUp()
        self.gate = Database(self.db)
        self.hints = queue.SimpleQueue()
        self.acceptor = acceptor.Acceptor(
            self.conf, self.gate, lambda: self.hints.put(1))
        self.acceptor.start()
        self.addCleanup(self.acceptor.stop)
        self.addCleanup(self.gate.go.set)

    def accept(self, request_id=None):
        request_id = request_id or db_base.time_ordered_id()
        self.acceptor.accept(dict(
            id=request_id, project_id='p1', function_id='f', version_id='v',
            type='async', event='webhook', status='queued', attempt=0,
            failures=0, max_attempts=3, created_at=db_base.now()), b'{}')
        return request_id

    def count(self):
        return len(self.db.request_list('p1', {}, 1000))

    def test_many_in_one_commit(self):
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            futures = [pool.submit(self.accept) for _ in range(20)]
            # One batch is held at the gate, the rest gathers behind it.
            while len(self.acceptor._entries) < 10:
                time.sleep(0.001)
            self.gate.go.set()
            ids = {future.result() for future in futures}
        self.assertEqual(20, len(ids))
        self.assertEqual(20, self.count())
        self.assertEqual(20, sum(self.gate.batches))
        self.assertLessEqual(len(self.gate.batches), 12)
        self.assertEqual(1, self.hints.get(timeout=30))

    def test_in_the_database_when_it_returns(self):
        self.gate.go.set()
        request_id = self.accept()
        self.assertEqual('queued', self.db.request_get(request_id)['status'])

    def test_refused_when_it_cannot_be_kept(self):
        self.gate.go.set()
        request_id = self.accept()
        self.assertRaises(exception.Unavailable, self.accept, request_id)
        self.accept()
        self.assertEqual(2, self.count())

    def test_no_answer_in_time_is_not_accepted(self):
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            first = pool.submit(self.accept)
            self.assertTrue(self.gate.held.wait(60))
            self.acceptor._timeout = 0.2
            error = self.assertRaises(exception.Unavailable, self.accept)
            self.assertEqual('database.unavailable', error.code)
            self.gate.go.set()
            first.result()
        self.assertEqual(1, self.count())

    def test_a_hint_before_the_end(self):
        self.gate.go.set()
        for _ in range(3):
            # The last of them during the pause after the first hint.
            self.accept()
        self.acceptor.stop()
        self.assertFalse(self.acceptor._threads[1].is_alive())
        self.assertFalse(self.acceptor._untold)
        self.assertGreater(self.hints.qsize(), 0)

    def test_nothing_after_the_end(self):
        self.gate.go.set()
        self.acceptor.stop()
        self.assertRaises(exception.Unavailable, self.accept)
