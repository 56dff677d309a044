# SPDX-License-Identifier: Apache-2.0
"""The direct path: a request whose caller waits goes straight to the
executor where its function lives."""

import http.client
import logging
import queue
import select
import threading
import time
import urllib.parse

from pratai import exception
from pratai import rpc

LOG = logging.getLogger(__name__)

#: Answers of an executor to a ticket that it does not take (any more).
STALE = (401, 403)
IDLE_CONNECTIONS = 64
MOST_PLACES = 10000


class Answer:
    """What a function answered: HTTP status, body (bytes) and headers."""

    def __init__(self, status, body, headers):
        self.status = status
        self.body = body
        self.headers = headers


class DirectPath:
    """Places functions and brings requests to their executors.

    :param place: ``ConductorAPI.place``.
    """

    def __init__(self, conf, place):
        self._conf = conf
        self._place = place
        self._places = {}
        self._connections = {}
        self._room = threading.BoundedSemaphore(conf.webhook.max_waiting)

    def run(self, function, request_id, payload):
        """Run a request and wait for its answer.

        :param function: id, version_id and timeout of it count.
        :param payload: JSON text as bytes.
        :returns: an :class:`Answer`.
        :raises exception.Busy: there is no room for it now.
        :raises exception.Unavailable: no executor can be reached; it was
            not run.
        :raises exception.PrataiError: it may have been run, but the answer
            was lost: it is not repeated.
        """
        if not self._room.acquire(blocking=False):
            raise exception.Busy('Too many callers wait for a response.')
        try:
            answer = self._try(function, request_id, payload, fresh=False)
            if answer.status in STALE:
                answer = self._try(function, request_id, payload, fresh=True)
            return answer
        finally:
            self._room.release()

    def _try(self, function, request_id, payload, fresh):
        answer = None
        for executor in self._where(function, fresh):
            try:
                answer = self._ask(executor, function, request_id, payload)
            except _Unreachable as error:
                LOG.warning('Executor %s cannot be reached: %s',
                            executor['url'], error)
                self._places.pop(function['version_id'], None)
                continue
            if answer.status != 503:
                return answer
        if answer is None:
            raise exception.Unavailable('No executor can be reached.',
                                        code='executor.unavailable')
        return answer

    def _where(self, function, fresh):
        version_id = function['version_id']
        known = self._places.get(version_id)
        if known is None or fresh or known[1] < time.monotonic():
            try:
                place = self._place(function['id'])
            except rpc.Error as error:
                raise exception.Unavailable(
                    'No conductor answers.',
                    code='conductor.unavailable') from error
            known = (place['executors'],
                     time.monotonic() + place['seconds'])
            if len(self._places) > MOST_PLACES:
                self._places.clear()
            self._places[version_id] = known
        return known[0]

    def _ask(self, executor, function, request_id, payload):
        """:raises _Unreachable: the executor does not have the request."""
        connection = self._connect(executor['url'], function['timeout'])
        try:
            connection.request('POST', '/run', payload, {
                'x-ticket': executor['ticket'], 'x-request-id': request_id})
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise exception.PrataiError(
                'The executor was lost while the request ran.',
                code='platform.attempt_lost') from error
        self._pool(executor['url']).put(connection)
        return Answer(response.status, body, response.headers)

    def _pool(self, url):
        pool = self._connections.get(url)
        if pool is None:
            pool = self._connections.setdefault(
                url, queue.LifoQueue())
        return pool

    def _connect(self, url, timeout):
        # Waiting for room and for an instance to start may precede the run.
        timeout += (self._conf.executor.room_seconds
                    + self._conf.executor.start_timeout + 15)
        pool = self._pool(url)
        while True:
            try:
                connection = pool.get_nowait()
            except queue.Empty:
                break
            # NOTE: readable without a question is an end: the executor was
            # stopped. Found out before anything is sent, because what was
            # sent may have been run.
            if connection.sock is not None and not select.select(
                    [connection.sock], [], [], 0)[0] \
                    and pool.qsize() < IDLE_CONNECTIONS:
                connection.sock.settimeout(timeout)
                return connection
            connection.close()
        parts = urllib.parse.urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname, parts.port,
                                                timeout=timeout)
        try:
            connection.connect()
        except OSError as error:
            raise _Unreachable(error) from error
        return connection


class _Unreachable(Exception):
    pass
