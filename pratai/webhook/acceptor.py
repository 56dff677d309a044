# SPDX-License-Identifier: Apache-2.0
"""Puts async requests in the queue, many in one commit.

The row is the promise: a caller is answered 202 when the transaction with
its row is on the disk. One thread commits for all who wait, so that while
one commit is under way the rows for the next gather (group commit); measured
with SQLite on a 2-core machine, 16 rows in one transaction take no longer
than one row does.
"""

import logging
import threading
import time

from pratai import exception

LOG = logging.getLogger(__name__)

#: Rows, and bytes of payload, of one transaction.
MOST_ROWS = 256
MOST_BYTES = 16 * 1024 * 1024
#: Seconds from one hint to the next: a conductor does not look more often.
LINGER = 0.05
#: Seconds that the last hint may take when this is stopped.
LAST_HINT = 1.0
#: Callers that wait for the next commit.
MANY = 8


class _Entry:
    """A row that waits for its commit. ``done`` is a lock that the committer
    releases: an Event is made of several, and each costs its waiter."""

    __slots__ = ('row', 'payload', 'done', 'error', 'taken')

    def __init__(self, row, payload):
        self.row = row
        self.payload = payload
        self.done = threading.Lock()
        self.done.acquire()
        self.error = None
        self.taken = False


class Acceptor:
    """Two threads: one commits, one tells a conductor.

    :param hint: called after commits, in a thread of its own, because a
        broker that is away may hold it up.
    """

    def __init__(self, conf, database, hint):
        self._timeout = conf.webhook.commit_timeout
        self._db = database
        self._hint = hint
        self._entries = []
        self._change = threading.Condition()
        self._news = threading.Event()
        self._stopped = False
        self._untold = False
        self._ended = False
        self._hinting = True
        self._threads = [
            threading.Thread(target=self._commit_loop, name='committer',
                             daemon=True),
            threading.Thread(target=self._hint_loop, name='hints',
                             daemon=True)]

    def start(self):
        for thread in self._threads:
            thread.start()

    def stop(self):
        with self._change:
            self._stopped = True
            self._change.notify()
        self._threads[0].join()
        self._ended = True
        self._news.set()
        # Rows of the last moment are told of, if a broker is there.
        self._threads[1].join(LAST_HINT)

    def pressed(self):
        """:returns: whether many callers wait to be accepted."""
        return len(self._entries) >= MANY

    def accept(self, row, payload):
        """Returns when the request is in the database for good.

        :param row: the columns of ``requests``.
        :param payload: JSON text as bytes.
        :raises exception.Unavailable: it is not; nothing was accepted.
        """
        entry = _Entry(row, payload)
        with self._change:
            if self._stopped:
                raise exception.Unavailable('Pratai is being stopped.')
            self._entries.append(entry)
            self._change.notify()
        if not entry.done.acquire(timeout=self._timeout):
            with self._change:
                if not entry.taken:
                    self._entries.remove(entry)
            if entry.taken:
                # Under way: what becomes of it decides the answer.
                entry.done.acquire()
            else:
                entry.error = exception.Unavailable(
                    'The database does not answer in time.',
                    code='database.unavailable')
        if entry.error is not None:
            raise entry.error

    def _take(self):
        with self._change:
            while not self._entries and not self._stopped:
                self._change.wait()
            size = count = 0
            for entry in self._entries[:MOST_ROWS]:
                size += len(entry.payload)
                if count and size > MOST_BYTES:
                    break
                entry.taken = True
                count += 1
            taken = self._entries[:count]
            del self._entries[:count]
        return taken

    def _commit_loop(self):
        while True:
            entries = self._take()
            if not entries:
                return
            error = None
            try:
                self._db.request_add(
                    [entry.row for entry in entries],
                    [{'id': entry.row['id'], 'payload': entry.payload}
                     for entry in entries])
            except exception.PrataiError as problem:
                error = problem
            except Exception:
                LOG.exception('Requests cannot be accepted')
                error = exception.Unavailable(
                    'The request cannot be accepted now.')
            for entry in entries:
                entry.error = error
                entry.done.release()
            if error is None:
                self._untold = True
                self._news.set()

    def _hint_loop(self):
        while True:
            self._news.wait()
            self._news.clear()
            if self._untold:
                self._untold = False
                self._tell()
            if self._ended:
                return
            time.sleep(LINGER)

    def _tell(self):
        try:
            self._hint()
            self._hinting = True
        except Exception as error:
            if self._hinting:
                LOG.warning('No conductor can be told of new requests; they '
                            'are found by its sweep: %s', error)
            self._hinting = False
