# SPDX-License-Identifier: Apache-2.0
"""One life of one instance: start, requests, end.

Runs in the executor's event loop. What the runner says is believed for its
own request only; deadlines are kept on this side.
"""

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import time

from pratai import exception
from pratai.drivers.builder import files
from pratai.drivers.runtime import base as runtime_base
from pratai.drivers.runtime import listening
from pratai.executor import call
from pratai.executor import control
from pratai.executor import frames

LOG = logging.getLogger(__name__)

#: Children that wait for a request that has not come yet.
SPARES = 4
#: Seconds between looks whether a sandbox that starts is still alive.
LOOK = 0.25
#: Looks at one that ends.
ENDS = 5
#: How it ends when it is killed: by itself in another way.
KILLED = (128 + signal.SIGKILL, 128 + signal.SIGTERM, -signal.SIGKILL,
          -signal.SIGTERM)
#: This process, or the node, has no more of something.
EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS)
#: Seconds in which a runner has to report a child that it was told to kill.
KILL_GRACE = 3.0
#: Ends of children that are remembered until somebody asks.
MOST_EXITS = 256


class Instance:
    """A runner in a sandbox, of one version.

    :param spec: the version, as ``Database.version_spec`` gives it.
    :param runtime: the runtime, as the driver gives it.
    :param threads: executor for what blocks; its threads must live as long
        as the instance, because some drivers tie it to them.
    :param on_death: called with the instance when it ended by itself.
    """

    def __init__(self, instance_id, spec, runtime, driver, conf, threads,
                 on_death=None):
        self.id = instance_id
        self.spec = spec
        self.ready = False
        self.dead = False
        self.running = 0
        self.served = 0
        self.last_used = time.monotonic()
        self._runtime = runtime
        self._driver = driver
        self._conf = conf
        self._threads = threads
        self._on_death = on_death
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.create_future()
        self.control = None
        self.configure = None
        self.listener = None
        self._sandbox = None
        self._calls = set()
        self._idle = []
        self._exits = {}
        self._run_dir = os.path.join(conf.state_path, 'run', instance_id)
        self._dir_fd = None

    # -- start

    async def start(self):
        """Start the sandbox and import the function.

        :raises exception.BuildError: the function's code cannot be used:
            no ``main``, or an import that fails or never ends.
        :raises exception.SandboxError: the platform cannot start it;
            NodeUnavailable: not on this node, or not now; ImportKilled.
        """
        server = await self._listen()
        try:
            if self._driver.sends_listener:
                self.listener = listening.listen(self._run_dir)
            await self._launch()
            await asyncio.wait_for(self._until_ready(self._started),
                                   self._conf.executor.start_timeout)
        except TimeoutError:
            await self.stop()
            raise exception.BuildError(
                'build.import_timeout',
                'The import of the function did not end within %g seconds.'
                % self._conf.executor.start_timeout) from None
        except BaseException:
            await self.stop()
            raise
        finally:
            server.close()
            if self.listener is not None:
                self.listener.close()
        self.ready = True

    async def _listen(self):
        try:
            os.makedirs(self._run_dir, mode=0o700)
            # NOTE: the socket is reached through its directory's descriptor:
            # a path of a Unix socket may have 107 bytes only.
            self._dir_fd = os.open(self._run_dir,
                                   os.O_RDONLY | os.O_DIRECTORY)
            return await self._loop.create_unix_server(
                lambda: control.Control(self, self._started),
                self._path('control.sock'))
        except OSError as error:
            await self.stop()
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise exception.NoSpace(
                    'There is no room on the disk of this node: %s.'
                    % error.strerror) from error
            raise exception.NodeUnavailable(
                'This node cannot start an instance: %s.' % error.strerror
            ) from error

    def _path(self, name):
        return '/proc/self/fd/%d/%s' % (self._dir_fd, name)

    async def _launch(self):
        spec = self.spec
        launch = runtime_base.Spec(
            instance_id=self.id, run_dir=self._run_dir, image=spec['image'],
            runtime=self._runtime, memory=spec['memory'], cpus=spec['cpus'],
            network=spec['network'], timeout=spec['timeout'],
            concurrency=self._concurrency())
        self.configure = dict(
            self._driver.settings(launch), type='configure',
            module='new_module', entry='main', isolation=spec['isolation'],
            concurrency=launch.concurrency, spares=SPARES,
            max_response=self._conf.executor.max_response)
        try:
            await self._spawn(launch)
        except exception.ImageMissing:
            # NOTE: not in those threads: a registry that is slow would hold
            # up all that starts on this node.
            if not await self._loop.run_in_executor(
                    None, self._driver.fetch, launch.image):
                raise
            await self._spawn(launch)

    async def _spawn(self, launch):
        # Through a thread: starting a process blocks for milliseconds.
        self._sandbox = await self._loop.run_in_executor(
            self._threads, self._driver.start, launch)

    def _concurrency(self):
        return min(self.spec['concurrency'],
                   self._conf.executor.instance_concurrency)

    async def _until_ready(self, started):
        while True:
            done, _ = await asyncio.wait({started}, timeout=LOOK)
            header, body = started.result() if done else (None, b'')
            if header:
                break
            state = await (self._inspect_end() if done else self._inspect())
            if done:
                # It was configured, so it was the import that ended it, or
                # somebody outside.
                if state['exit_code'] in KILLED and not state['oom_killed']:
                    raise ImportKilled('The instance was killed while it '
                                       'imported the function.')
                output = frames.clean(state['output'], 65536)
                why = 'The process ended while it imported the function.'
                if state['oom_killed']:
                    why = ('The function ran out of memory while it was '
                           'imported. It may use %d MB.'
                           % self.spec['memory'])
                raise ImportFailed('build.import_failed', why, output)
            if not state['running']:
                raise exception.SandboxError(
                    'The sandbox ended while it started: %s'
                    % (state['output'][-500:].strip()
                       or 'exit code %s' % state['exit_code']))
        if header.get('type') == 'ready':
            return
        raise ImportFailed(
            frames.clean(header.get('code', 'build.import_failed'), 64),
            frames.clean(header.get('detail'), 2000),
            frames.clean(body.decode(errors='replace'), 65536))

    async def _inspect(self):
        return await self._loop.run_in_executor(
            self._threads, self._driver.inspect, self._sandbox)

    async def _inspect_end(self):
        """As _inspect, of one whose end is seen a moment later."""
        for _ in range(ENDS):
            state = await self._inspect()
            if not state['running']:
                break
            await asyncio.sleep(LOOK / ENDS)
        return state

    def give_up(self, error):
        """Nobody waits for it to start any more.

        Not by cancelling who starts it: a sandbox that is on its way would
        be left behind.

        :param error: what start() raises, if it has not ended yet.
        """
        if not self._started.done():
            self._started.set_exception(error)

    # -- requests

    def run(self, request):
        """Start to run a request.

        The caller has counted it in ``running`` already, so that nobody
        else is given its place.

        :param request: a :class:`pratai.executor.call.Request`.
        :returns: the call; its ``done`` is a future of the outcome.
        :raises exception.NodeUnavailable: the node has nothing to reach it
            with.
        """
        self.served += 1
        current = call.Call(self, request, self._loop)
        self._calls.add(current)
        try:
            connection = self._connection()
            current.start(connection)
        except OSError as error:
            current.fail_platform('The instance cannot be reached: %s'
                                  % error)
            if error.errno in (errno.ECONNREFUSED, errno.ENOENT):
                self._destroy_soon()
            if error.errno in EXHAUSTED:
                raise exception.NodeUnavailable(
                    'The instance cannot be reached: %s' % error) from error
        return current

    def _connection(self):
        while self._idle:
            connection = self._idle.pop()
            self._loop.remove_reader(connection.fileno())
            return connection
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.setblocking(False)
            connection.connect(self._path('runner.sock'))
        except BaseException:
            connection.close()
            raise
        return connection

    def finished(self, current, connection, reusable):
        """A call has its outcome; called by it."""
        self._calls.discard(current)
        self.running -= 1
        self.last_used = time.monotonic()
        if (reusable and not self.dead
                and self.spec['isolation'] == 'instance'):
            self._idle.append(connection)
            # Readable while nothing was asked: the process is gone, or it
            # babbles.
            self._loop.add_reader(connection.fileno(), self._drop_idle,
                                  connection)
        elif connection is not None:
            connection.close()

    def _drop_idle(self, connection):
        self._loop.remove_reader(connection.fileno())
        if connection in self._idle:
            self._idle.remove(connection)
        connection.close()

    def kill(self, pid):
        """Have a child killed with all that it left behind."""
        if self.control is not None:
            self.control.send({'type': 'kill', 'pid': pid})

    def began(self, pid, since):
        """A child took a request: what was heard of an earlier child with
        its number is of no interest any more.

        :param since: ``time.perf_counter()`` when it was sent the request.
            What was heard later is about this child: it was quick.
        """
        future = self._exits.get(pid)
        if future is not None and future.done() and \
                future.result()['heard_at'] < since:
            del self._exits[pid]

    async def exit_of(self, pid):
        """:returns: the runner's word on how a child ended, or None."""
        future = self._exits.get(pid)
        if future is None:
            future = self._exits[pid] = self._loop.create_future()
        try:
            return await asyncio.wait_for(asyncio.shield(future), KILL_GRACE)
        except TimeoutError:
            return None
        finally:
            self._exits.pop(pid, None)

    async def oom_killed(self):
        """:returns: whether the sandbox ran out of memory as a whole."""
        return (await self._inspect())['oom_killed']

    # -- end

    def heard(self, header):
        """The runner said something on the control connection."""
        if header.get('type') != 'exited':
            return
        pid = header.get('pid')
        future = self._exits.get(pid)
        if future is None:
            future = self._exits[pid] = self._loop.create_future()
            if len(self._exits) > MOST_EXITS:
                self._exits.pop(next(iter(self._exits)))
        if not future.done():
            future.set_result(dict(header, heard_at=time.perf_counter()))
        if not header.get('clean', True):
            LOG.warning('Instance %s left processes behind that cannot be '
                        'killed; it is destroyed', self.id)
            self._destroy_soon()

    def lost_control(self):
        """The control connection ended: so did the runner."""
        if not self.dead:
            self._destroy_soon()

    def misbehaved(self, why):
        LOG.warning('Instance %s misbehaves (%s); it is destroyed', self.id,
                    why)
        self._destroy_soon()

    def _destroy_soon(self):
        if not self.dead:
            self.dead = True
            task = self._loop.create_task(self._died())
            self._death = task  # keeps the task alive

    async def _died(self):
        if self._on_death is not None:
            self._on_death(self)
        await self.stop()

    def lose_calls(self):
        """What runs is lost, whatever its end looks like from here on."""
        for current in list(self._calls):
            current.instance_gone()

    async def stop(self):
        """Kill everything in the sandbox and remove what it had."""
        self.dead = True
        self.ready = False
        for connection in list(self._idle):
            self._drop_idle(connection)
        if self.control is not None:
            self.control.close()
        if self._sandbox is not None:
            sandbox, self._sandbox = self._sandbox, None
            try:
                await self._loop.run_in_executor(
                    self._threads, self._driver.stop, sandbox)
            except Exception:
                LOG.exception('Cannot stop instance %s', self.id)
        self.lose_calls()
        if self._dir_fd is not None:
            os.close(self._dir_fd)
            self._dir_fd = None
        # By name, which takes no descriptors: there may be none left.
        for name in ('control.sock', 'runner.sock'):
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(self._run_dir, name))
        files.remove(self._run_dir)


class ImportKilled(exception.SandboxError):
    """The runner was killed at the import; a function may end like that."""


class ImportFailed(exception.BuildError):
    """The runner could not import the function; ``output`` has the
    traceback."""

    def __init__(self, code, detail, output):
        super().__init__(code, detail)
        self.output = output
