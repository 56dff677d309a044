# SPDX-License-Identifier: Apache-2.0
"""An executor: event loop, data port, RPC server, heartbeat."""

import asyncio
import concurrent.futures
import fcntl
import logging
import os
import resource
import secrets
import socket
import threading
import time
import uuid

import uvicorn

from pratai import drivers
from pratai import exception
from pratai import rpc
from pratai import service
from pratai import version
from pratai.conductor import rpcapi as conductor_rpcapi
from pratai.executor import attempts
from pratai.executor import builds
from pratai.executor import data
from pratai.executor import instances
from pratai.executor import manager
from pratai.executor import reporter
from pratai.executor import rpcapi

LOG = logging.getLogger(__name__)

#: Seconds between looks for instances that were idle for too long.
EXPIRE_INTERVAL = 5.0
#: For those whose instance has just been ended to be told.
END_SECONDS = 5.0
#: For a conductor to take what is given back.
REPORT_SECONDS = 5.0
#: For a pass of a conductor that began before it knew that this one stops.
SETTLE_SECONDS = 0.2


def node_memory(conf):
    """:returns: MB that requests of this node may be promised."""
    if conf.executor.memory:
        return conf.executor.memory
    total = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    return total * 3 // 4 // (1024 * 1024)


class ExecutorService:
    """Owns the instances and builds of a node."""

    def __init__(self, conf, transport):
        self._conf = conf
        self._transport = transport
        self._conductor = conductor_rpcapi.ConductorAPI(transport)
        self._own = rpcapi.ExecutorAPI(transport)
        self._incarnation = uuid.uuid4().hex
        self._started_at = time.time()
        self._key = secrets.token_hex(32)
        self._driver = drivers.load(drivers.RUNTIME,
                                    conf.executor.runtime_driver, conf)
        self._builder = drivers.load(drivers.BUILDER, conf.builder.driver,
                                     conf, self._driver)
        self._runtimes = {}
        self._find_runtimes()
        self._memory = node_memory(conf)
        self._stopped = threading.Event()
        self._draining = False
        self._state = 'enabled'
        self._registered = False
        self._known = False     # to conductors, at any time in this life
        self._took_over = False
        # NOTE: sandboxes end with the thread that started them (see the
        # process driver): threads of this pool live as long as it does.
        self._threads = concurrent.futures.ThreadPoolExecutor(
            8, thread_name_prefix='sandbox')
        self._loop = asyncio.new_event_loop()
        self._reporter = reporter.Reporter(self._conductor.report)
        self._beat = service.Periodic(
            'Heartbeat of pratai-executor', conf.executor.heartbeat_interval,
            self._heartbeat)
        # Apart from the heartbeat, which nothing may keep waiting.
        self._look = service.Periodic(
            'Look for runtimes', conf.executor.heartbeat_interval,
            self._look_for_runtimes)
        self._handover = service.Periodic(
            'Handover from the former life', conf.executor.heartbeat_interval,
            self._take_over, at_once=True)
        self._collect = service.Periodic(
            'Collection of images', conf.builder.collect_interval,
            lambda: self._builds.collect())
        self._thread = threading.Thread(target=self._run_loop,
                                        name='executor', daemon=True)

    # -- start

    def start(self):
        """Serve; returns when the data port is open.

        :raises OSError: the data port is taken, or the state directory.
        """
        self._lock_state()
        # An instance takes a few descriptors, and so does every caller.
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self._driver.reconcile()
        self._socket = self._listen()
        self._thread.start()
        self._run(self._prepare())
        self._reporter.start()
        self._server = rpc.Server(self._transport, rpc.EXECUTOR,
                                  self._conf.host, self._manager)
        self._server.start()
        self._beat.run_once()
        self._beat.start()
        self._handover.start()
        if self._driver.runtimes_change:
            self._look.start()
        self._collect.start()

    def _lock_state(self):
        # What another one has there would be taken for left-overs.
        os.makedirs(self._conf.state_path, mode=0o755, exist_ok=True)
        self._state_lock = open(os.path.join(self._conf.state_path,
                                             'executor.lock'), 'w')
        try:
            fcntl.flock(self._state_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OSError('Another executor uses the directory %s.'
                          % self._conf.state_path) from error

    def _listen(self):
        host = self._conf.executor.data_host
        family = socket.AF_INET6 if ':' in host else socket.AF_INET
        # NOTE: asyncio turns Nagle's algorithm off for sockets that say that
        # they are TCP only; with it on, every answer takes 40 ms longer.
        listener = socket.socket(family, socket.SOCK_STREAM,
                                 socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, self._conf.executor.data_port))
        except OSError as error:
            raise OSError('The data port %s:%d: %s' % (
                host, self._conf.executor.data_port, error.strerror)
            ) from error
        listener.listen(1024)
        self._url = data.url(self._conf, listener.getsockname()[1])
        return listener

    def _run_loop(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _run(self, coroutine):
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _prepare(self):
        self._instances = instances.Instances(
            self._conf, self._driver, self._runtimes, self._memory,
            self._threads)
        self._attempts = attempts.Attempts(
            self._conf, self._instances, self._reporter.add,
            self._conf.host, self._incarnation,
            self._conductor.image_missing)
        self._builds = builds.Builds(
            self._conf, self._builder, self._runtimes, self._instances,
            self._conductor, self._loop, self._stopped)
        self._manager = manager.ExecutorManager(
            self._incarnation, self._attempts, self._builds, self._instances,
            self._reporter, self._loop)
        config = uvicorn.Config(
            data.DataPort(self._attempts, self._instances.is_retired,
                          self._key, self._conf.webhook.max_body + data.SPARE),
            http='httptools', ws='none', lifespan='off', loop='none',
            log_config=None, access_log=False, server_header=False,
            date_header=False, proxy_headers=False,
            timeout_keep_alive=3600)
        self._http = uvicorn.Server(config)
        self._http_task = self._loop.create_task(
            self._http._serve(sockets=[self._socket]))
        self._expiry = self._loop.create_task(self._expire())

    async def _expire(self):
        while True:
            await asyncio.sleep(EXPIRE_INTERVAL)
            self._instances.expire(drain=self._state == 'draining')

    # -- heartbeat

    def _details(self):
        described = self._driver.describe()
        return {'pid': os.getpid(), 'version': version.version_string(),
                'runtime_driver': self._conf.executor.runtime_driver,
                'isolation': described['isolation'],
                'available': described.get('available', True),
                'limits': described['limits'],
                'warnings': described['warnings'],
                'runtimes': sorted(self._runtimes),
                'memory': self._memory,
                'memory_used': self._instances.memory_used,
                'running': self._instances.running,
                'instances': len(self._instances),
                'draining': self._draining,
                'paused': self._state != 'enabled',
                'drained': self._is_drained()}

    def _is_drained(self):
        return (self._state == 'draining' and not self._instances.running
                and not len(self._instances) and not self._attempts.held()
                and not self._builds.held() and not self._reporter.pending())

    def _find_runtimes(self):
        """:returns: whether they are others than before."""
        try:
            found = {item['name']: item for item in self._driver.runtimes()}
        except exception.SandboxError as error:
            LOG.debug('Runtimes: %s', error.detail)     # the driver warned
            return False
        before = dict(self._runtimes)
        # NOTE: others hold this very dict, and read it meanwhile.
        self._runtimes.update(found)
        for name in before.keys() - found.keys():
            del self._runtimes[name]
        return found != before

    def _look_for_runtimes(self):
        if self._find_runtimes():
            self._registered = False    # until the next heartbeat

    def _heartbeat(self):
        if not self._registered:
            self._register()
            return
        held = list(dict.fromkeys(self._attempts.held()
                                  + self._reporter.pending()))
        answer = self._conductor.heartbeat(
            self._conf.host, self._incarnation, self._details(), held,
            self._builds.held())
        if not answer['known']:
            self._register()
        elif answer['state'] != self._state:
            LOG.info('This executor is to be %s', answer['state'])
            self._state = answer['state']
            self._loop.call_soon_threadsafe(
                self._attempts.pause, self._state != 'enabled')
            # Conductors wait for word that it knows.
            self._heartbeat()

    def _register(self):
        # NOTE: first, because runtimes may be found while this waits.
        self._registered = True
        try:
            self._register_now()
        except BaseException:
            self._registered = False
            raise

    def _register_now(self):
        self._conductor.register(
            self._conf.host, self._incarnation, self._started_at,
            self._details(),
            {'data_url': self._url, 'key': self._key,
             'max_running': self._conf.executor.max_running},
            [{key: item[key] for key in
              ('name', 'language', 'version', 'description')}
             for item in self._runtimes.values()])
        self._known = True

    def _take_over(self):
        """What a former life had in hand is lost, but for what was sent to
        it and that it never had: that is in our queue, and goes back."""
        if self._took_over or not self._known:
            return
        self._own.flush(self._conf.host)
        self._manager.give_back()
        if not self._reporter.wait_for_returns(REPORT_SECONDS):
            return      # the next time
        self._conductor.take_over(self._conf.host, self._incarnation)
        self._took_over = True

    # -- end

    def stop(self):
        """Finish what runs, for at most the grace time, report, and end."""
        self._draining = True
        if self._driver.runtimes_change:
            self._look.stop()
        self._collect.stop()
        grace = self._conf.executor.shutdown_grace
        self._beat.run_once()
        self._run(self._attempts.drain(grace))
        # What a conductor sends that looked before it could know is given
        # back; without us it would count as lost.
        time.sleep(SETTLE_SECONDS)
        self._handover.stop()
        self._server.stop()
        if self._known:
            self._manager.give_back()
        self._stopped.set()
        self._run(self._instances.close())
        self._builds.stop()
        # What still runs ends with its instance, and is told and reported
        # like all that ends.
        self._run(self._instances.stop())
        self._run(self._attempts.drain(END_SECONDS))
        self._reporter.stop(grace)
        self._beat.stop()
        try:
            self._conductor.leave(self._conf.host, self._incarnation)
        except Exception as error:
            LOG.warning('No conductor takes the goodbye: %s', error)
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._threads.shutdown()
        self._state_lock.close()

    async def _end(self):
        self._expiry.cancel()
        self._http.should_exit = True
        self._http.force_exit = True
        await self._http_task
        # One may have been on its way.
        await self._instances.stop()
