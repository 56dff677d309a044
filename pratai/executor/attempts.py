# SPDX-License-Identifier: Apache-2.0
"""Attempts at requests: from what was asked to what is reported."""

import asyncio
import logging
import time

from pratai import exception
from pratai import states
from pratai.executor import call as calls

LOG = logging.getLogger(__name__)

#: Seconds after which a request whose caller waits gets a row, so that it
#: can be seen, followed and cancelled while it runs.
SHOW_AFTER = 1.0


class Attempts:
    """Runs in the executor's event loop, but for :meth:`held`.

    :param report: called with each result, see ``Database.record``.
    :param missing: called with the id and image of a version whose image is
        not there. May block: it is called in a thread.
    """

    def __init__(self, conf, instances, report, host, incarnation, missing):
        self._conf = conf.executor
        self._instances = instances
        self._report = report
        self._missing = missing
        self._host = host
        self._incarnation = incarnation
        self._tasks = {}
        self._numbers = {}
        self._closed = False
        self._paused = False
        self._calls = {}
        self._cancelled = set()
        self._idle = asyncio.Event()
        self._idle.set()

    def is_closed(self):
        """:returns: whether no more is taken, because the service ends."""
        return self._closed

    def held(self):
        """:returns: ids of the requests in hand."""
        return list(self._tasks)

    def logs(self, request_id):
        """:returns: what a request has printed so far, or nothing."""
        call = self._calls.get(request_id)
        if call is None:
            return {'logs': '', 'truncated': False}
        return {'logs': call.logs, 'truncated': call.truncated}

    def cancel(self, request_id):
        """:returns: whether it is in hand: its end will be reported."""
        if request_id not in self._tasks:
            return False
        self._cancelled.add(request_id)
        call = self._calls.get(request_id)
        if call is not None:
            call.cancel()
        return True

    # -- from conductors

    def submit(self, spec, attempt):
        """Run an attempt and report it.

        :param attempt: id, attempt, version_id and payload (JSON text).
        """
        request_id = attempt['id']
        if request_id in self._tasks:
            # The message came twice, or the lease ran out and it came back
            # to us: then what is running is that attempt.
            self._numbers[request_id] = max(self._numbers[request_id],
                                            attempt['attempt'])
            return
        if (self._closed or self._paused
                or len(self._tasks) >= 4 * self._conf.max_running):
            self._give_back(spec, attempt, lost=False)
            return
        self._hold(request_id, attempt['attempt'],
                   asyncio.get_running_loop().create_task(
                       self._attempt(spec, attempt)))

    async def _attempt(self, spec, attempt):
        request_id = attempt['id']
        try:
            result = await self._run(spec, request_id, attempt['attempt'],
                                     attempt['payload'].encode())
        except exception.Unavailable as error:
            away = isinstance(error, exception.NodeUnavailable)
            if away:
                # Or it would go back and forth for as long as that lasts.
                await asyncio.sleep(error.retry_after)
            self._give_back(spec, attempt, lost=False,
                            error=error if away else None)
            return
        except exception.PrataiError as error:
            if isinstance(error, exception.BuildError):
                result = _failed_start(error)
            else:
                self._give_back(spec, attempt, lost=True, error=error)
                return
        if result['status'] is None:
            self._give_back(spec, attempt, lost=True, result=result)
            return
        self._report(dict(result, id=request_id,
                          attempt=self._numbers[request_id]))

    def _give_back(self, spec, attempt, lost, error=None, result=None):
        number = self._numbers.get(attempt['id'], attempt['attempt'])
        if attempt['id'] in self._cancelled:
            self._report(dict(
                _ended(states.CANCELLED, 'function.cancelled',
                       'Cancelled by its caller.'),
                id=attempt['id'], attempt=number))
            return
        said = result or {}
        self._report({
            'id': attempt['id'], 'attempt': number,
            'status': states.QUEUED, 'lost': lost,
            'code': error.code if error else said.get('code'),
            'detail': error.detail if error else said.get('detail'),
            'version_id': spec['id'], 'host': self._host})

    # -- from callers who wait

    async def serve(self, spec, request_id, payload, created_at, wait=True):
        """Run a request whose caller waits, and report it.

        :param payload: JSON text as bytes.
        :param created_at: when it was accepted, seconds since 1970.
        :param wait: whether it may wait for room.
        :returns: the result, see ``Database.record``, response as bytes.
        :raises exception.Unavailable: it cannot be run here now: nothing
            was recorded.
        """
        row = {'project_id': spec['project_id'],
               'function_id': spec['function_id'], 'version_id': spec['id'],
               'type': 'sync', 'event': 'webhook', 'created_at': created_at,
               'executor': self._host, 'executor_id': self._incarnation}
        record = {'id': request_id, 'attempt': 1, 'request': row,
                  'payload': payload.decode()}
        if self._closed or self._paused:
            raise exception.ExecutorClosing()
        self._hold(request_id, 1, asyncio.current_task())
        try:
            result = await self._run(spec, request_id, 1, payload, record,
                                     wait)
        except exception.Unavailable:
            raise
        except exception.PrataiError as error:
            result = (_failed_start(error)
                      if isinstance(error, exception.BuildError)
                      else _platform_error(error.code, error.detail))
        if result['status'] is None:
            result['status'] = states.ERROR
        self._report(dict(record, **result))
        return result

    def _show(self, record):
        self._report(dict(record, status=states.RUNNING,
                          started_at=time.time()))

    # -- both

    def _hold(self, request_id, attempt, task):
        self._tasks[request_id] = task
        self._numbers[request_id] = attempt
        self._idle.clear()
        task.add_done_callback(lambda task: self._let_go(request_id, task))

    def _let_go(self, request_id, task):
        self._tasks.pop(request_id, None)
        self._numbers.pop(request_id, None)
        self._cancelled.discard(request_id)
        if not self._tasks:
            self._idle.set()
        if not task.cancelled() and task.exception() is not None and \
                not isinstance(task.exception(), exception.PrataiError):
            LOG.error('Request %s: %s', request_id, task.exception(),
                      exc_info=task.exception())

    async def _run(self, spec, request_id, attempt, payload, record=None,
                   wait=True):
        """:param record: of a caller who waits: shown when it takes long."""
        show = None
        request = calls.Request(
            request_id, attempt, payload, spec['timeout'],
            self._conf.max_log, self._conf.max_response)

        def started(call):
            nonlocal show
            if record is not None:
                show = asyncio.get_running_loop().call_later(
                    SHOW_AFTER, self._show, record)
            self._calls[request_id] = call
            if request_id in self._cancelled:
                call.cancel()

        try:
            outcome, start = await self._instances.run(spec, request,
                                                       started, wait)
        except exception.ImageMissing as error:
            LOG.warning('%s', error.detail)
            asyncio.get_running_loop().run_in_executor(
                None, self._tell_missing, spec)
            raise exception.Unavailable(error.detail,
                                        code=error.code) from error
        finally:
            if show is not None:
                show.cancel()
            self._calls.pop(request_id, None)
        response = outcome.response
        if response is not None:
            try:
                response = response.decode()
            except UnicodeDecodeError:
                response = None
                outcome.status = states.FAILED
                outcome.code = 'function.bad_response'
                outcome.detail = 'The response is not JSON in UTF-8.'
        return {'status': outcome.status, 'code': outcome.code,
                'detail': outcome.detail, 'start': start,
                'duration': round(outcome.duration, 3),
                'started_at': outcome.started_at,
                'finished_at': outcome.finished_at, 'response': response,
                'logs': outcome.logs, 'truncated': outcome.truncated}

    def _tell_missing(self, spec):
        try:
            self._missing(spec['id'], spec['image'])
        except Exception as error:
            # The next request for it says so again.
            LOG.warning('No conductor could be told of it: %s', error)

    def pause(self, paused):
        """Take nothing more, or take it again."""
        self._paused = paused

    async def drain(self, seconds):
        """Take no more; wait until nothing is in hand, or the time is
        over."""
        self._closed = True
        try:
            await asyncio.wait_for(self._idle.wait(), seconds)
        except TimeoutError:
            LOG.warning('%d requests did not end within %g s of grace',
                        len(self._tasks), seconds)


def _ended(status, code, detail, logs=''):
    now = time.time()
    return {'status': status, 'code': code, 'detail': detail,
            'start': 'cold', 'duration': None, 'started_at': now,
            'finished_at': now, 'response': None, 'logs': logs,
            'truncated': False}


def _failed_start(error):
    """The import worked when the function was built, and now it does not."""
    return _ended(states.FAILED, error.code, error.detail,
                  getattr(error, 'output', ''))


def _platform_error(code, detail):
    return _ended(states.ERROR, code, detail)
