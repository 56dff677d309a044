# SPDX-License-Identifier: Apache-2.0
"""One request in one instance: the executor's half of the conversation."""

import contextlib
import dataclasses
import os
import secrets
import signal
import socket
import time

from pratai import states
from pratai.executor import frames

#: Seconds in which a child of a healthy runner takes a request. Longer only
#: when something in the sandbox keeps the runner from forking.
ACCEPT_TIMEOUT = 10.0
#: Seconds after which the log is read while the request runs. Until then it
#: gathers in the pipe, which saves quick requests a third of the work here.
WATCH_LOG = 0.05
#: Bits of the number of a call: all languages have integers of that size.
NUMBER_BITS = 53
CUT = '\n[the log was cut here: it is longer than %d bytes]\n'
PIPE_CHUNK = 65536


@dataclasses.dataclass
class Request:
    """What is to be run: ``payload`` is JSON text as bytes, ``timeout`` in
    seconds."""

    id: str
    attempt: int
    payload: bytes
    timeout: float
    max_log: int
    max_response: int


@dataclasses.dataclass
class Outcome:
    """How an attempt ended; times in seconds since 1970, duration in ms.

    ``status`` is a final state of requests, or None when the platform lost
    the attempt and another one may do.
    """

    status: str
    code: str = None
    detail: str = None
    response: bytes = None
    logs: str = ''
    truncated: bool = False
    started_at: float = None
    finished_at: float = None
    duration: float = None


class Call:
    """Runs one request over one connection to a child of the runner.

    :ivar done: future of the :class:`Outcome`.
    """

    def __init__(self, instance, request, loop):
        self.done = loop.create_future()
        self._instance = instance
        self._request = request
        # NOTE: earlier requests had the same connection, and what they left
        # may write to it still. It cannot guess this one's number.
        self._number = secrets.randbits(NUMBER_BITS)
        self._loop = loop
        self._reader = frames.Reader(request.max_response)
        self._reusable = True
        self._log = bytearray()
        self._dropped = False
        self._connection = None
        self._pipe = None
        self._pid = None
        self._ending = None
        self._begun = None
        self._watching = False
        self._timer = None
        self._sender = None
        self._task = None
        self._start_time = time.time()
        self._start_clock = time.perf_counter()

    def start(self, connection):
        """Send the request. :raises OSError: the connection is of no use."""
        self._connection = connection
        self._pipe, write_end = os.pipe()
        try:
            os.set_blocking(self._pipe, False)
            socket.send_fds(connection, [b'R'], [write_end])
        finally:
            os.close(write_end)
        request = self._request
        frame = frames.pack(
            {'request_id': request.id, 'attempt': request.attempt,
             'timeout': request.timeout, 'call': self._number},
            request.payload)
        try:
            sent = connection.send(frame)
        except BlockingIOError:
            sent = 0
        # NOTE: by number: the loop would ask a socket object for a text that
        # takes four system calls to make.
        self._loop.add_reader(connection.fileno(), self._readable)
        self._timer = self._loop.call_later(WATCH_LOG, self._watch_log)
        if sent < len(frame):
            self._sender = self._loop.create_task(
                self._send_rest(memoryview(frame)[sent:]))

    async def _send_rest(self, rest):
        try:
            await self._loop.sock_sendall(self._connection, rest)
        except OSError:
            pass  # the reader sees the end of the connection

    # -- what the caller may do

    @property
    def logs(self):
        """What was printed so far, as text."""
        text = self._log.decode(errors='replace').replace('\0', '\ufffd')
        if self._dropped:
            text += CUT % self._request.max_log
        return text

    @property
    def began(self):
        """Whether the function may have run."""
        return self._pid is not None

    @property
    def truncated(self):
        return self._dropped

    def cancel(self):
        """Kill it; the outcome is ``cancelled``."""
        self._end_by_kill(states.CANCELLED, 'function.cancelled',
                          'Cancelled by its caller.')

    # -- what happens

    def _watch_log(self):
        """It takes longer: read what it prints while it runs."""
        self._loop.add_reader(self._pipe, self._printed)
        self._watching = True
        if self._pid is None:
            self._timer = self._loop.call_later(ACCEPT_TIMEOUT,
                                                self._not_accepted)
        else:
            self._start_timeout()

    def _start_timeout(self):
        spent = time.perf_counter() - self._begun
        self._timer = self._loop.call_later(
            self._request.timeout - spent, self._timed_out)

    def _printed(self):
        """:returns: whether there was anything in the pipe."""
        try:
            data = os.read(self._pipe, PIPE_CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self._close_pipe()
            return False
        room = max(0, self._request.max_log - len(self._log))
        self._log += data[:room]
        if len(data) > room:
            self._dropped = True
        return True

    def _readable(self):
        try:
            data = self._connection.recv(PIPE_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b''
        if not data:
            self._loop.remove_reader(self._connection.fileno())
            self._end_of_connection()
            return
        try:
            received = self._reader.feed(data)
        except frames.ProtocolError as error:
            self._kill()
            self._finish(Outcome(
                states.FAILED, 'function.crashed',
                'The function wrote to the connection of its runner (%s).'
                % error))
            return
        ours = [(header, body) for header, body in received
                if header.get('call') == self._number]
        if len(ours) < len(received):
            # Others write to it: this is the last request that it gets.
            self._reusable = False
        for header, body in ours:
            self._frame(header, body)

    def _frame(self, header, body):
        kind = header.get('type')
        if kind == 'started' and self._pid is None:
            if isinstance(header.get('pid'), int):
                self._pid = header['pid']
                self._instance.began(self._pid, self._start_clock)
            self._begun = time.perf_counter()
            if self._watching and self._timer is not None:
                self._timer.cancel()
                self._start_timeout()
        elif kind == 'last':
            self._reusable = False
        elif kind == 'result' and self._ending is None:
            if header.get('status') == states.SUCCEEDED:
                outcome = Outcome(states.SUCCEEDED, response=body)
            else:
                outcome = Outcome(
                    states.FAILED,
                    frames.clean(header.get('code', 'function.failed'), 64),
                    frames.clean(header.get('detail', ''), 2000))
                if outcome.code == 'function.out_of_memory':
                    outcome.detail = '%s. The function may use %d MB.' % (
                        outcome.detail.rstrip('.'),
                        self._instance.spec['memory'])
            self._finish(outcome,
                         reusable=self._reusable and self._reader.empty)

    def _timed_out(self):
        self._end_by_kill(
            states.TIMEOUT, 'function.timeout',
            'The function did not end within %g seconds.'
            % self._request.timeout)

    def _not_accepted(self):
        self._instance.misbehaved('no child takes requests')
        self.fail_platform('The instance took no request for %g seconds.'
                           % ACCEPT_TIMEOUT)

    def _end_by_kill(self, status, code, detail):
        if self._ending is not None or self.done.done():
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._ending = Outcome(status, code, detail)
        if self._pid is None:
            # From now on no child can say that it has begun: one that has
            # not dies of saying so, before it runs the function.
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RD)
            self._readable()
        self._kill()
        self._task = self._loop.create_task(self._after_kill())

    async def _after_kill(self):
        if self._pid is not None:
            said = await self._instance.exit_of(self._pid)
            if said is None and not self.done.done():
                self._instance.misbehaved('a child could not be killed')
        self._finish(self._ending)

    def _kill(self):
        if self._pid is not None:
            self._instance.kill(self._pid)

    def _end_of_connection(self):
        if self._ending is None and not self.done.done():
            # No result: the child died, or closed what it must not close.
            if self._timer is not None:
                self._timer.cancel()
            self._task = self._loop.create_task(self._explain())

    async def _explain(self):
        if self._pid is None:
            self.fail_platform('The instance ended before the request ran.')
            return
        # It may have closed the connection and live on.
        self._kill()
        said = await self._instance.exit_of(self._pid)
        if self.done.done():
            return
        if said is None:
            self._instance.misbehaved('a child ended without a word')
            said = {}
        self._finish(await self._explanation(said))

    async def _explanation(self, said):
        number, status = said.get('signal'), said.get('status')
        memory = 'It may use %d MB.' % self._instance.spec['memory']
        if number == signal.SIGKILL and await self._instance.oom_killed():
            return Outcome(states.FAILED, 'function.out_of_memory',
                           'The function ran out of memory. ' + memory)
        if number == signal.SIGXCPU:
            return Outcome(states.FAILED, 'function.timeout',
                           'The function used more CPU time than it may.')
        if number == signal.SIGKILL:
            return Outcome(
                states.FAILED, 'function.exited',
                'The function closed the connection of its runner, or was '
                'killed.')
        if isinstance(number, int) and number:
            try:
                name = signal.Signals(number).name
            except ValueError:
                name = 'signal %d' % number
            return Outcome(states.FAILED, 'function.crashed',
                           'The function crashed with %s.' % name)
        return Outcome(
            states.FAILED, 'function.exited',
            'The process of the function exited%s before main() returned.'
            % (' with status %s' % status if isinstance(status, int)
               else ''))

    # -- the end

    def fail_platform(self, detail):
        """The platform lost this attempt; the function is not to blame."""
        self._finish(Outcome(None, 'platform.instance_lost', detail))

    def instance_gone(self):
        """The instance was destroyed, for whatever reason."""
        if self.done.done():
            return
        if self._ending is not None:
            self._finish(self._ending)
        else:
            self.fail_platform('The instance was lost while the request '
                               'ran.')

    def _finish(self, outcome, reusable=False):
        if self.done.done():
            return
        if self._timer is not None:
            self._timer.cancel()
        if self._connection is not None:
            self._loop.remove_reader(self._connection.fileno())
        if self._sender is not None:
            # Before the number of the connection is given to another one.
            self._sender.cancel()
            self._loop.remove_writer(self._connection.fileno())
        self._drain()
        outcome.duration = (time.perf_counter() - self._start_clock) * 1000
        outcome.started_at = self._start_time
        outcome.finished_at = time.time()
        outcome.logs, outcome.truncated = self.logs, self._dropped
        self.done.set_result(outcome)
        self._instance.finished(self, self._connection, reusable)

    def _drain(self):
        """Take what was printed before the end and is in the pipe still."""
        for _ in range(64):
            if self._pipe is None or not self._printed():
                break
        self._close_pipe()

    def _close_pipe(self):
        if self._pipe is not None:
            if self._watching:
                self._loop.remove_reader(self._pipe)
            os.close(self._pipe)
            self._pipe = None
