# SPDX-License-Identifier: Apache-2.0

import contextlib
import datetime
import os
import time

from oslo_db import exception as db_exception
from oslo_db.sqlalchemy import enginefacade
from sqlalchemy import exc as sa_exc

from pratai import exception
from pratai.db import sqlite


@enginefacade.transaction_context_provider
class _Context:
    """What enginefacade hangs a transaction on; one for each."""


class Base:
    """Transactions of one database.

    :param conf: its ``[database]`` group is that of oslo.db.
    """

    def __init__(self, conf):
        self.conf = conf
        self._facade = enginefacade.transaction_context()
        options = dict(conf.database)
        options.pop('backend', None)
        self.is_sqlite = conf.database.connection.startswith('sqlite')
        if self.is_sqlite:
            self._facade.append_on_engine_create(sqlite.tune)
        known = ('connection', 'slave_connection', 'sqlite_synchronous',
                 'mysql_sql_mode', 'mysql_wsrep_sync_wait',
                 'connection_recycle_time', 'max_pool_size', 'max_retries',
                 'retry_interval', 'max_overflow', 'connection_debug',
                 'connection_trace', 'pool_timeout',
                 'connection_parameters')
        self._facade.configure(
            **{name: options[name] for name in known if name in options})

    @contextlib.contextmanager
    def reader(self):
        """A session that reads.

        :raises exception.Unavailable: the database does not answer.
        """
        with _translate(), self._facade.reader.using(_Context()) as session:
            yield session

    @contextlib.contextmanager
    def writer(self):
        """A session whose changes are committed at the end, or none.

        :raises exception.Unavailable: the database does not answer.
        """
        with contextlib.ExitStack() as stack:
            stack.enter_context(_translate())
            if self.is_sqlite:
                stack.enter_context(sqlite.Writing())
            yield stack.enter_context(
                self._facade.writer.using(_Context()))

    def engine(self):
        return self._facade.writer.get_engine()

    def dispose(self):
        """Close the connections; for the end of a process and of tests."""
        self._facade.dispose_pool()


@contextlib.contextmanager
def _translate():
    try:
        yield
    except (db_exception.DBConnectionError, db_exception.CantStartEngineError,
            db_exception.DBDeadlock, sa_exc.OperationalError,
            sa_exc.TimeoutError) as error:
        raise exception.Unavailable(
            'The database does not answer.',
            code='database.unavailable') from error


def now():
    """:returns: the time as all tables hold it: UTC, without a zone."""
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)


def time_ordered_id(moment=None):
    """An id that sorts by time: 48 bits of milliseconds, 80 of chance.

    The layout is that of RFC 9562, version 7, written without dashes.

    :param moment: as :func:`now` gives it; None for now.
    """
    stamp = time.time_ns() // 1000000
    if moment is not None:
        stamp = int(moment.replace(
            tzinfo=datetime.UTC).timestamp() * 1000)
    random = int.from_bytes(os.urandom(10), 'big')
    value = (stamp << 80) | random
    value = value & ~(0xf << 76) | (7 << 76)
    value = value & ~(0x3 << 62) | (2 << 62)
    return '%032x' % value


def as_dict(row, *leave_out):
    """:returns: the columns of a model as a dict."""
    return {column.name: getattr(row, column.name)
            for column in row.__table__.columns
            if column.name not in leave_out}
