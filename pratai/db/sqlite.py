# SPDX-License-Identifier: Apache-2.0
"""What SQLite needs to be a good database for many threads."""

import contextlib
import os
import threading

import sqlalchemy as sa
from sqlalchemy import pool

# NOTE: one for the process, whatever engines it has: SQLite has one writer
# at a time, and its own way of waiting (sleep and look again) costs tens of
# milliseconds where a lock costs microseconds.
WRITER = threading.Lock()
_writing = threading.local()


def tune(engine):
    """Give an engine of oslo.db what SQLite needs.

    - A pool. oslo.db opens a connection for every transaction, and SQLite
      writes its whole log back whenever the last connection closes.
    - Write-ahead logging with synchronous=FULL: readers do not wait, and
      what was committed is on the disk.
    - BEGIN IMMEDIATE for writers: a transaction that reads before it writes
      would otherwise fail when somebody else wrote in between.
    - A file that nobody else on the machine may read: payloads are in it.
    """
    # NOTE: many rows in one statement. sqlite3 gives the interpreter's lock
    # away for every statement, and gets it back in competition with all
    # threads that serve callers; a statement a row made group commit slow.
    engine.dialect.use_insertmanyvalues_wo_returning = True
    engine.pool = pool.QueuePool(
        engine.pool._creator, pool_size=8, max_overflow=56,
        dialect=engine.dialect, _dispatch=engine.pool.dispatch)
    sa.event.listen(engine, 'do_connect', _make)
    sa.event.listen(engine, 'connect', _connect)
    sa.event.listen(engine, 'begin', _begin)


def _make(dialect, record, arguments, named):
    path = arguments[0]
    if path == ':memory:' or named.get('uri'):
        return
    # NOTE: SQLite makes it as the umask says, and the files beside it like
    # it. Only where there is none: to close a file drops the locks of its
    # process on it. What goes wrong, SQLite says.
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _connect(connection, record):
    cursor = connection.cursor()
    for pragma in ('busy_timeout=30000', 'journal_mode=WAL',
                   'synchronous=FULL', 'cache_size=-8000',
                   'foreign_keys=ON'):
        cursor.execute('PRAGMA %s' % pragma)
    cursor.close()


def _begin(connection):
    if getattr(_writing, 'on', False):
        # oslo.db's own listener has just said BEGIN; nothing was read yet.
        connection.connection.execute('ROLLBACK')
        connection.connection.execute('BEGIN IMMEDIATE')


class Writing:
    """Context in which this thread is the one that writes."""

    def __enter__(self):
        WRITER.acquire()
        _writing.on = True

    def __exit__(self, *exc_info):
        _writing.on = False
        WRITER.release()
