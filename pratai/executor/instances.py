# SPDX-License-Identifier: Apache-2.0
"""The instances of a node: carries out what :mod:`pool` decides."""

import asyncio
import collections
import dataclasses
import logging
import time
import uuid

from pratai import exception
from pratai.executor import instance
from pratai.executor import pool

LOG = logging.getLogger(__name__)


#: How often a request is brought to an instance that ends before it takes it;
#: what runs beside it may have killed everything there.
TRIES = 3
#: Seconds for those that start to give up, when all of them end.
GIVE_UP_SECONDS = 5
#: Versions that are known to be retired.
MOST_RETIRED = 1000


@dataclasses.dataclass(eq=False)
class _Waiter:
    spec: dict
    future: asyncio.Future


class Instances:
    """Runs in the executor's event loop, all of it.

    :param runtimes: {name: runtime} of the driver.
    :param memory: MB that may be promised.
    """

    def __init__(self, conf, driver, runtimes, memory, threads):
        self._conf = conf
        self._driver = driver
        self._runtimes = runtimes
        self._threads = threads
        self._limits = pool.Limits(
            memory=memory, max_running=conf.executor.max_running,
            max_instances=conf.executor.max_instances,
            instance_concurrency=conf.executor.instance_concurrency)
        self._instances = {}
        self._versions = collections.Counter()
        self._waiters = []
        self._starts = set()
        self._checked = set()
        self._retired = collections.OrderedDict()
        self._closed = False
        self.memory_used = 0
        self.running = 0

    def __len__(self):
        return len(self._instances)

    async def run(self, spec, request, on_start=None, wait=True):
        """Run a request of a version in an instance.

        :param on_start: called with the call once it runs.
        :param wait: whether it may wait for room, and not only for an
            instance to start.
        :returns: (:class:`pratai.executor.call.Outcome`, 'cold' or 'warm')
        :raises exception.Busy: there was no room in time; FunctionBusy:
            because the function runs as often as it may.
        :raises exception.Unavailable: all of them end.
        :raises exception.SandboxError: no instance can be started.
        :raises exception.BuildError: the function cannot be imported.
        """
        for left in reversed(range(TRIES)):
            chosen = await self._acquire(spec, wait)
            start = 'warm' if chosen.served else 'cold'
            try:
                call = chosen.run(request)
                if on_start is not None:
                    on_start(call)
                outcome = await call.done
            finally:
                self._release(spec)
                self._end_retired(chosen)
            if outcome.status is not None or call.began or not left:
                return outcome, start

    async def _acquire(self, spec, wait):
        if self._closed:
            raise exception.ExecutorClosing()
        waiter = _Waiter(spec, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        self._serve()
        try:
            # An instance that starts has its own time limit, and those who
            # wait for it wait as long.
            # Its own limit is no matter of this node: no other one is asked.
            patience = (self._conf.executor.room_seconds
                        if wait or self._is_at_limit(spec) else 0)
            if self._is_starting(spec):
                patience += self._conf.executor.start_timeout
            if not waiter.future.done():
                await asyncio.wait({waiter.future}, timeout=patience)
            if not waiter.future.done():
                if self._is_at_limit(spec):
                    raise exception.FunctionBusy(
                        'The function runs as many requests at once as its '
                        'limit allows.')
                raise exception.Busy(
                    'There is no room to run the function now.')
            return waiter.future.result()
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def _is_at_limit(self, spec):
        return self._versions[spec['id']] >= spec['concurrency']

    def _is_starting(self, spec):
        return any(not one.ready and one.spec['id'] == spec['id']
                   for one in self._instances.values())

    def _serve(self):
        """Give those who wait what there is, the oldest first."""
        stuck = set()
        for waiter in list(self._waiters):
            spec = waiter.spec
            if spec['id'] in stuck:
                continue
            waiting = sum(1 for other in self._waiters
                          if other.spec['id'] == spec['id'])
            decision = pool.decide(
                spec, self._views(), self.memory_used, self.running,
                self._versions[spec['id']], waiting - 1, self._limits)
            if decision.action == pool.USE:
                self._waiters.remove(waiter)
                chosen = self._instances[decision.instance]
                self._reserve(spec, chosen)
                waiter.future.set_result(chosen)
                continue
            stuck.add(spec['id'])
            if decision.action == pool.START:
                if decision.evict is not None:
                    self._drop(self._instances[decision.evict])
                self._start(spec)

    def _reserve(self, spec, chosen):
        chosen.running += 1
        self.running += 1
        self.memory_used += spec['memory']
        self._versions[spec['id']] += 1

    def _release(self, spec):
        self.running -= 1
        self.memory_used -= spec['memory']
        self._versions[spec['id']] -= 1
        if not self._versions[spec['id']]:
            del self._versions[spec['id']]
        if self._waiters:
            self._serve()

    def _views(self):
        return [pool.View(one.id, one.spec['id'], one.ready, one.running,
                          one.last_used)
                for one in self._instances.values() if not one.dead]

    # -- start and end

    def _new(self, spec, on_death=None):
        runtime = self._runtimes.get(spec['runtime'])
        if runtime is None:
            raise exception.SandboxError('This node has no runtime %s.'
                                         % spec['runtime'])
        return instance.Instance(uuid.uuid4().hex, spec, runtime,
                                 self._driver, self._conf, self._threads,
                                 on_death)

    def _start(self, spec):
        try:
            new = self._new(spec, self._gone)
        except exception.SandboxError as error:
            self._fail(spec, error)
            return
        self._instances[new.id] = new
        task = asyncio.get_running_loop().create_task(self._started(new))
        self._starts.add(task)
        task.add_done_callback(self._starts.discard)

    async def _started(self, new):
        try:
            await new.start()
        except Exception as error:
            self._instances.pop(new.id, None)
            if isinstance(error, OSError):
                error = exception.NodeUnavailable(
                    'This node cannot start an instance: %s' % error)
            elif not isinstance(error, exception.PrataiError):
                LOG.exception('Cannot start an instance')
                error = exception.SandboxError(
                    'The instance cannot be started.')
            self._fail(new.spec, error)
        self._serve()
        self._end_retired(new)

    def _fail(self, spec, error):
        """Nobody who waits for this version gets an instance, unless it has
        others."""
        if any(one.ready and one.spec['id'] == spec['id']
               for one in self._instances.values()):
            return
        for waiter in [one for one in self._waiters
                       if one.spec['id'] == spec['id']]:
            self._waiters.remove(waiter)
            if not waiter.future.done():
                waiter.future.set_exception(error)

    def _gone(self, dead):
        self._instances.pop(dead.id, None)
        self._serve()

    def _drop(self, one):
        self._instances.pop(one.id, None)
        task = asyncio.get_running_loop().create_task(one.stop())
        self._starts.add(task)
        task.add_done_callback(self._starts.discard)

    async def check(self, spec):
        """Start an instance of a version to see that it can be imported.

        :raises exception.BuildError: it cannot, and why; or the version was
            retired meanwhile.
        :raises exception.SandboxError: the platform cannot start it.
        """
        new = self._new(spec)
        self._checked.add(new)
        self._end_retired_check(new)
        try:
            await new.start()
        finally:
            self._checked.discard(new)
            await new.stop()

    def _end_retired_check(self, one):
        if one.spec['id'] in self._retired:
            one.give_up(exception.BuildError(
                'build.cancelled', 'The function was deleted meanwhile.'))

    def expire(self, drain=False):
        """Stop what was idle for too long; to drain, all that is idle."""
        for name in pool.expired(
                self._views(), time.monotonic(),
                0 if drain else self._conf.executor.idle_seconds):
            self._drop(self._instances[name])
        self._serve()

    def retire(self, version_ids):
        """Stop the instances of versions that nobody is to run any more;
        those that run something end with it."""
        for version_id in version_ids:
            self._retired[version_id] = None
            if len(self._retired) > MOST_RETIRED:
                self._retired.popitem(last=False)
        for one in list(self._instances.values()):
            self._end_retired(one)
        for one in self._checked:
            self._end_retired_check(one)

    def is_retired(self, version_id):
        """:returns: whether no new request is to run it."""
        return version_id in self._retired

    def _end_retired(self, one):
        if (one.spec['id'] in self._retired and one.ready and not one.running
                and one.id in self._instances):
            self._drop(one)

    async def close(self):
        """Nothing begins any more; who waits for that is told."""
        self._closed = True
        while self._waiters:
            waiter = self._waiters.pop()
            if not waiter.future.done():
                waiter.future.set_exception(exception.ExecutorClosing())
        for one in (*self._instances.values(), *self._checked):
            one.give_up(exception.ExecutorClosing())

    async def stop(self):
        """Stop all of them; what they run is lost, not failed."""
        await self.close()
        for one in self._instances.values():
            one.lose_calls()
        if self._starts:
            await asyncio.wait(self._starts, timeout=GIVE_UP_SECONDS)
        doomed = list(self._instances.values())
        self._instances.clear()
        await asyncio.gather(*(one.stop() for one in doomed))
