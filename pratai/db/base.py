# SPDX-License-Identifier: Apache-2.0

import contextlib
import datetime
import functools
import os
import random
import time

from oslo_db import api as db_api
from oslo_db import exception as db_exception
from oslo_db.sqlalchemy import enginefacade
import sqlalchemy as sa
from sqlalchemy import exc as sa_exc

from pratai import exception
from pratai.db import sqlite

#: What to do with a transaction that lost against another one: again, up to
#: so many times, after a random part of 20, 40, ... ms.
_again = db_api.wrap_db_retry(
    retry_interval=0.02, max_retries=8, inc_retry_interval=True,
    max_retry_interval=1, retry_on_deadlock=True)


def retried(method):
    """Decorator for methods of which all is one transaction that writes: it
    is done again when the database chose it as the victim of a deadlock.

    :raises exception.Unavailable: that happened too often.
    """
    method = _again(method)

    @functools.wraps(method)
    def call(*args, **kwargs):
        try:
            return method(*args, **kwargs)
        except db_exception.DBDeadlock as error:
            raise _unavailable() from error
    return call


@enginefacade.transaction_context_provider
class _Context:
    """What enginefacade hangs a transaction on; one for each."""


class Base:
    """Transactions of one database.

    :param conf: its ``[database]`` group is that of oslo.db.
    :ivar url: that of ``connection``, parsed.
    :raises exception.Invalid: there is no URL in an option that takes one.
    """

    def __init__(self, conf):
        self.conf = conf
        self._facade = enginefacade.transaction_context()
        options = dict(conf.database)
        options.pop('backend', None)
        self._facade.append_on_engine_create(_calm)
        urls = {name: _url(conf, name)
                for name in ('connection', 'slave_connection')}
        self.url = urls['connection']
        self.is_sqlite = conf.database.connection.startswith('sqlite')
        if self.is_sqlite:
            self._facade.append_on_engine_create(sqlite.tune)
        elif conf.database.connection.startswith('mysql'):
            self._facade.append_on_engine_create(_tune_mysql)
            for name, url in urls.items():
                options[name] = _with_charset(url)
        known = ('connection', 'slave_connection', 'sqlite_synchronous',
                 'mysql_sql_mode', 'mysql_wsrep_sync_wait',
                 'connection_recycle_time', 'max_pool_size', 'max_retries',
                 'retry_interval', 'max_overflow', 'connection_debug',
                 'connection_trace', 'pool_timeout',
                 'connection_parameters')
        # NOTE: thread_checkin sleeps for nothing after each transaction, to
        # let other green threads go on, of which there are none here.
        self._facade.configure(
            thread_checkin=False,
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


def _calm(engine):
    """Let the pool of an engine say no more of a connection that is lost
    than whoever used it does: when it cannot roll back on it, it drops it
    and adds a traceback of its own."""
    log = engine.pool.logger
    getattr(log, 'logger', log).addFilter(_is_news)


def _is_news(record):
    error = record.exc_info and record.exc_info[1]
    # What drivers call it, by PEP 249.
    return not any(kind.__name__ in ('OperationalError', 'InterfaceError')
                   for kind in type(error).__mro__)


def _url(conf, name):
    """:returns: the URL in an option of ``[database]``; None if not set."""
    text = conf.database[name]
    try:
        return text and sa.make_url(text)
    except (sa_exc.ArgumentError, ValueError):
        # NOTE: a ValueError, of a port, repeats what may be of a password.
        raise exception.Invalid('[database] %s is not a URL.' % name) from None


def _with_charset(url):
    """:returns: the URL of a MySQL or MariaDB with a character set that has
        room for all of Unicode. What is called utf8 there, in oslo.db's
        default and in DevStack, has none beyond three bytes, such as emoji.
    """
    if not url or url.query.get('charset', 'utf8') not in ('utf8',
                                                           'utf8mb3'):
        return url
    return url.update_query_dict(
        {'charset': 'utf8mb4'}).render_as_string(hide_password=False)


def _tune_mysql(engine):
    """Give an engine of oslo.db what MySQL and MariaDB need.

    - READ COMMITTED. By default they lock the gaps between rows as well, so
      that claims of one function and new requests of it wait for each other,
      and often end in a deadlock.
    """
    @sa.event.listens_for(engine, 'connect')
    def connect(connection, record):
        with connection.cursor() as cursor:
            cursor.execute(
                'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED')


@contextlib.contextmanager
def _translate():
    try:
        yield
    except db_exception.DBDeadlock:
        raise  # see retried()
    except (db_exception.DBConnectionError, db_exception.CantStartEngineError,
            sa_exc.OperationalError, sa_exc.TimeoutError) as error:
        raise _unavailable() from error


def _unavailable():
    return exception.Unavailable('The database does not answer.',
                                 code='database.unavailable')


def now():
    """:returns: the time as all tables hold it: UTC, without a zone."""
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)


_chances = {}


def _chance():
    """:returns: a generator that no other process has.

    Ids have to differ, and need not be secrets: for the numbers of the system
    every thread would give the interpreter's lock away. The module's own one
    would be the same in all workers of a server that forks without Python's
    knowledge, as uWSGI does.
    """
    pid = os.getpid()
    if pid not in _chances:
        _chances.clear()
        _chances[pid] = random.Random()
    return _chances[pid]


def time_ordered_id(moment=None):
    """An id that sorts by time: 48 bits of milliseconds, 80 of chance.

    The layout is that of RFC 9562, version 7, written without dashes.

    :param moment: as :func:`now` gives it; None for now.
    """
    stamp = time.time_ns() // 1000000
    if moment is not None:
        stamp = int(moment.replace(
            tzinfo=datetime.UTC).timestamp() * 1000)
    value = (stamp << 80) | _chance().getrandbits(80)
    value = value & ~(0xf << 76) | (7 << 76)
    value = value & ~(0x3 << 62) | (2 << 62)
    return '%032x' % value


def text(value, most):
    """:returns: text of a function's making as every database takes it: no
        NUL, no half characters, at most so many characters; None stays.
    """
    if value is None:
        return None
    value = value.replace('\0', '\N{REPLACEMENT CHARACTER}')
    return value.encode(errors='replace').decode()[:most]


def as_dict(row, *leave_out):
    """:returns: the columns of a model as a dict."""
    return {column.name: getattr(row, column.name)
            for column in row.__table__.columns
            if column.name not in leave_out}
