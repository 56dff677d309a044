# SPDX-License-Identifier: Apache-2.0
"""The direct path: a request whose caller waits goes straight to the
executor where its function lives."""

import collections
import json
import logging
import threading

from pratai import exception
from pratai import rpc
from pratai.webhook import cache
from pratai.webhook import connection as connections

LOG = logging.getLogger(__name__)

#: Answers of an executor to a ticket that it does not take (any more).
STALE = (401, 403)
IDLE_CONNECTIONS = 64
MOST_PLACES = 10000
#: Seconds in which an executor's data port has to be reached.
CONNECT_TIMEOUT = 5


class DirectPath:
    """Places functions and brings requests to their executors.

    :param place: ``ConductorAPI.place``.
    """

    def __init__(self, conf, place):
        self._conf = conf
        self._place = place
        self._places = cache.Cache(MOST_PLACES)
        self._connections = {}
        self._room = threading.BoundedSemaphore(conf.webhook.max_waiting)

    def run(self, function, request_id, payload):
        """Run a request and wait for its answer.

        :param function: id, version_id and timeout of it count.
        :param payload: JSON text as bytes.
        :returns: a :class:`pratai.webhook.connection.Answer`.
        :raises exception.Busy: there is no room for it now.
        :raises exception.Unavailable: no executor can be reached; it was
            not run.
        :raises exception.PrataiError: it may have been run, but the answer
            was lost: it is not repeated.
        """
        if not self._room.acquire(blocking=False):
            raise exception.Busy('Too many callers wait for a response.')
        try:
            gone = set()
            answer = self._try(function, request_id, payload, gone)
            if answer is None or answer.status in STALE or _gone(answer):
                answer = self._try(function, request_id, payload, gone,
                                   fresh=True)
            if answer is None:
                raise exception.Unavailable('No executor can be reached.',
                                            code='executor.unavailable')
            return answer
        finally:
            self._room.release()

    def _try(self, function, request_id, payload, gone, fresh=False):
        """:param gone: URLs that are not tried again; more are added.
        :returns: the first answer that is not 503, or is because of the
            function's own limit, or the last one; None when no executor is
            reached."""
        executors = [one for one in self._where(function, fresh)
                     if one['url'] not in gone]
        if len(executors) == 1:
            return self._reach(executors[0], function, request_id, payload,
                               gone)
        last, full = None, []
        for executor in executors:
            # Before anybody waits for room, all are asked who has some.
            answer = self._reach(executor, function, request_id, payload,
                                 gone, wait=False)
            if answer is None:
                continue
            last = answer
            code = _refusal(answer)
            if code is None or code == exception.FunctionBusy.code:
                return answer
            if code == exception.Busy.code:
                full.append(executor)
        if full:
            last = self._reach(full[0], function, request_id, payload,
                               gone) or last
        return last

    def _reach(self, executor, function, request_id, payload, gone,
               wait=True):
        """:returns: what an executor answers; None when it is not reached.
        """
        try:
            return self._ask(executor, function, request_id, payload, wait)
        except _Unreachable as error:
            LOG.warning('Executor %s cannot be reached: %s', executor['url'],
                        error)
            gone.add(executor['url'])
            self._places.forget(function['version_id'])
            return None

    def _where(self, function, fresh):
        if fresh:
            self._places.forget(function['version_id'])
        return self._places.get(function['version_id'],
                                lambda: self._ask_place(function))

    def _ask_place(self, function):
        try:
            place = self._place(function['id'])
        except rpc.Error as error:
            raise exception.Unavailable(
                'No conductor answers.',
                code='conductor.unavailable') from error
        return place['executors'], place['seconds']

    def _ask(self, executor, function, request_id, payload, wait):
        """:param wait: whether it may wait for room there.
        :raises _Unreachable: the executor does not have the request."""
        # Waiting for room and for an instance to start may precede the run.
        timeout = (function['timeout'] + self._conf.executor.room_seconds
                   + self._conf.executor.start_timeout + 15)
        headers = {'x-ticket': executor['ticket'],
                   'x-request-id': request_id}
        if not wait:
            headers['x-wait'] = 'no'
        connection = self._connection(executor['url'])
        try:
            answer = connection.post('/run', headers, payload, timeout)
        except connections.Lost as error:
            connection.close()
            raise exception.PrataiError(
                'The executor was lost while the request ran.',
                code='platform.attempt_lost') from error
        pool = self._pool(executor['url'])
        if answer.headers.get('connection') == 'close':
            # It is being stopped: ask again where the function lives.
            self._places.forget(function['version_id'])
            connection.close()
        elif len(pool) < IDLE_CONNECTIONS:
            pool.append(connection)
        else:
            connection.close()
        return answer

    def _pool(self, url):
        pool = self._connections.get(url)
        if pool is None:
            pool = self._connections.setdefault(url, collections.deque())
        return pool

    def _connection(self, url):
        pool = self._pool(url)
        while True:
            try:
                connection = pool.pop()
            except IndexError:
                break
            if connection.is_usable():
                return connection
            connection.close()
        try:
            return connections.Connection(url, CONNECT_TIMEOUT)
        except OSError as error:
            raise _Unreachable(error) from error


def _refusal(answer):
    """:returns: the code of the error when it is 503, else None."""
    if answer.status != 503:
        return None
    try:
        return json.loads(answer.body)['code']
    except (ValueError, TypeError, KeyError):
        return exception.Unavailable.code


def _gone(answer):
    """:returns: whether to ask where the function lives now."""
    return _refusal(answer) not in (None, exception.Busy.code,
                                    exception.FunctionBusy.code)


class _Unreachable(Exception):
    pass
