# SPDX-License-Identifier: Apache-2.0
"""Brings queued requests to executors.

Nothing is remembered that the database does not hold, but for how to be
gentle: which functions an executor has just refused.
"""

import logging
import math
import threading
import time

from pratai import exception
from pratai import rpc
from pratai import states
from pratai.conductor import placement

LOG = logging.getLogger(__name__)

#: Functions looked at in one pass.
FUNCTIONS = 200
#: Seconds for which a refusal by an executor is respected.
BACKOFF = 0.5
#: Seconds from one pass to the next. Nobody waits for an async request to
#: start, and a pass costs the same for one request as for many.
LINGER = 0.05
#: The same while all functions that wait have much in hand: until a quarter
#: of it is reported, or for so many seconds at most. With several conductors
#: each hears of a part only.
LONG_LINGER = 0.1
#: Seconds from one pass to the next while callers press.
MOST_PATIENCE = 0.5
#: Seconds for which what is known of a version is believed: it never
#: changes, but its image may be built again, on another node.
SPEC_SECONDS = 10
#: Seconds after which a node that is unfit again is so for another reason.
UNFIT_AGAIN = 3600


class Dispatcher:
    """One thread that claims in batches and casts.

    :param executors: callable that returns the executors that are up.
    :param rebuild: called with the spec of a version whose image is lost.
    :param is_loss: callable; whether an executor of which nothing was heard
        is lost.
    :param pressed: callable; while it is true nothing is sent for a while,
        because those who wait to be accepted need the CPU more.
    """

    def __init__(self, conf, database, executor_api, executors, rebuild,
                 is_loss, pressed=lambda: False):
        self._conf = conf.conductor
        self._db = database
        self._executor = executor_api
        self._executors = executors
        self._rebuild = rebuild
        self._is_loss = is_loss
        self._pressed = pressed
        self._unfit = {}
        self._wake = threading.Event()
        self._room_again = threading.Event()
        self._freed = 0
        self._enough = math.inf
        self._stopped = False
        self._specs = {}
        self._after = ''
        self._refused = {}
        self._thread = threading.Thread(target=self._loop, name='dispatcher',
                                        daemon=True)

    def start(self):
        self._thread.start()

    def stop(self):
        self._stopped = True
        self._wake.set()
        self._room_again.set()
        self._thread.join()

    def wake(self):
        self._wake.set()

    def freed(self, count):
        """Executors have reported so many requests."""
        # NOTE: threads may lose a count of each other's: see LONG_LINGER.
        self._freed += count
        if self._freed >= self._enough:
            self._room_again.set()
        self._wake.set()

    def refused(self, version_id, host):
        """An executor had no room for a version: leave it in peace."""
        self._refused[version_id, host] = time.monotonic() + BACKOFF

    def forget(self, version_ids):
        for version_id in version_ids:
            self._specs.pop(version_id, None)

    def _loop(self):
        again = failing = False
        last = -math.inf
        while not self._stopped:
            self._wake.wait(0 if again else self._pause())
            self._room_again.wait(max(0.0, last + LONG_LINGER
                                      - time.monotonic()))
            time.sleep(max(0.0, last + LINGER - time.monotonic()))
            self._give_way(last + MOST_PATIENCE)
            self._wake.clear()
            self._room_again.clear()
            self._freed, self._enough = 0, math.inf
            last = time.monotonic()
            try:
                again = not self._stopped and self.run_once()
                failing = False
            except Exception as error:
                # The database or the broker is away: the queue is safe in
                # the former, the sweep comes back for it.
                if not failing:
                    away = isinstance(error, (exception.Unavailable,
                                              rpc.Error))
                    LOG.warning('Cannot dispatch now: %s', error,
                                exc_info=None if away else error)
                again, failing = False, True

    def _give_way(self, until):
        while (self._pressed() and not self._stopped
               and time.monotonic() < until):
            time.sleep(LINGER)

    def _pause(self):
        return BACKOFF if self._refused else self._conf.sweep_interval

    def run_once(self):
        """Claim and send what executors have room for.

        :returns: whether some was sent, and there are functions that were
            not looked at.
        """
        now = time.monotonic()
        for key, until in list(self._refused.items()):
            if until <= now:
                self._refused.pop(key, None)
        functions = self._next_functions()
        if not functions:
            self._look_after(0)
            return False
        waiting, more_wait = functions, len(functions) == FUNCTIONS
        executors = {item['host']: item for item in self._executors()}
        running = self._db.running_counts()
        room = self._room(executors, running)
        sent = False
        while functions and any(left > 0 for left in room.values()):
            # Shared out evenly; what one does not need is for the others.
            share = max(1, sum(left for left in room.values() if left > 0)
                        // len(functions))
            more = []
            for function_id in functions:
                if self._function(function_id, executors, running, room,
                                  share):
                    more.append(function_id)
            sent = sent or bool(more)
            functions = more
        self._look_after(0 if more_wait else min(
            self._running(function_id, running) // 4
            for function_id in waiting))
        return sent and more_wait

    def _look_after(self, count):
        """The next pass need not wait once so many are reported."""
        self._enough = count
        if self._freed >= count:
            self._room_again.set()

    @staticmethod
    def _running(function_id, running):
        return sum(count for (function, _), count in running.items()
                   if function == function_id)

    def _next_functions(self):
        """:returns: functions with requests waiting, from where the last
            pass ended, so that everybody's turn comes."""
        found = self._db.queued_functions(self._after, FUNCTIONS)
        if len(found) < FUNCTIONS and self._after:
            found += [item for item in
                      self._db.queued_functions('', FUNCTIONS - len(found))
                      if item not in found]
        self._after = found[len(found) // 2] if len(found) > 1 else ''
        return found

    def _room(self, executors, running):
        held = {}
        for (_, incarnation), count in running.items():
            held[incarnation] = held.get(incarnation, 0) + count
        # NOTE: twice what it runs at once, so that an executor has the next
        # ones at hand when it reports the last.
        return {host: 2 * item['private']['max_running']
                - held.get(item['incarnation'], 0)
                for host, item in executors.items()
                if placement.is_open(item)}

    def _function(self, function_id, executors, running, room, share):
        spec = self._current(function_id)
        if spec is None:
            return False
        mine = self._running(function_id, running)
        hosts = [host for host in placement.order(spec['id'], room)
                 if placement.takes(executors[host], spec)]
        if not hosts:
            self.stranded(spec, executors)
        hosts = [host for host in hosts
                 if (spec['id'], host) not in self._refused]
        sent = False
        for host, count in placement.shares(
                min(spec['concurrency'] - mine, share), hosts, room):
            claimed = self._send(spec, executors[host],
                                 min(count, self._conf.batch), room)
            if claimed:
                key = function_id, executors[host]['incarnation']
                running[key] = running.get(key, 0) + claimed
                sent = True
        return sent

    def _current(self, function_id):
        """:returns: the spec of the function's current version, which is
            what its requests run, whenever they were accepted; None when
            they cannot run now."""
        version_id, status = self._db.current_version(function_id)
        if version_id is None:
            self._db.cancel_deleted(function_id)
            return None
        if status == states.ERROR:
            self._db.give_up_queued(
                function_id, 'function.in_error',
                'The function could not be built again after its image was '
                'lost.')
            return None
        return self.spec(version_id)

    def stranded(self, spec, executors):
        """No executor takes a version: see that one can, in time.

        :param executors: {host: executor} of those that are up.
        """
        node = (spec['image'] or {}).get('node')
        if node is None:
            return
        away = None
        if node not in executors:
            if not self._is_loss():
                return
            away = self._db.executor_away_for(node)
        if away is None:
            away = self._unfit_for(node)
        if placement.is_stranded(executors, spec, away,
                                 self._conf.rebuild_after):
            self._rebuild(spec['id'], spec['image'])

    def _unfit_for(self, node):
        """:returns: seconds for which a node was seen not to take what only
            it has."""
        now = time.monotonic()
        since, last = self._unfit.get(node, (now, now))
        if now - last > UNFIT_AGAIN:
            since = now     # that was another time
        self._unfit[node] = since, now
        return now - since

    def spec(self, version_id):
        """:returns: what executors need to know of a version, or None."""
        spec, until = self._specs.get(version_id, (None, 0))
        now = time.monotonic()
        if until < now:
            spec = self._db.version_spec(version_id)
            if spec is not None:
                if len(self._specs) > 10000:
                    self._specs.clear()
                self._specs[version_id] = spec, now + SPEC_SECONDS
        return spec

    def _send(self, spec, executor, count, room):
        claimed = self._db.claim(
            spec['function_id'], executor['incarnation'], executor['host'],
            count, self._conf.lease, spec['id'])
        if not claimed:
            return 0
        room[executor['host']] -= len(claimed)
        attempts = [dict(item, payload=item['payload'].decode())
                    for item in claimed]
        try:
            self._executor.run(executor['host'], executor['incarnation'],
                               [spec], attempts)
        except rpc.Error as error:
            LOG.warning('Cannot reach executor %s: %s', executor['host'],
                        error)
            self._db.record([
                {'id': item['id'], 'attempt': item['attempt'],
                 'status': 'queued'} for item in attempts])
            self.refused(spec['id'], executor['host'])
            return 0
        return len(claimed)
