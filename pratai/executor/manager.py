# SPDX-License-Identifier: Apache-2.0
"""What an executor does when a conductor calls; see rpcapi."""

import asyncio
import collections

from pratai import states


class ExecutorManager:
    """Brings calls, which come in threads, to the event loop.

    :param incarnation: of this life. Attempts meant for a former one were
        never begun, and go back; its builds were given up when this one
        registered.
    :param reporter: takes what goes back.
    """

    def __init__(self, incarnation, attempts, builds, instances, reporter,
                 loop):
        self._incarnation = incarnation
        self._attempts = attempts
        self._builds = builds
        self._instances = instances
        self._reporter = reporter
        self._loop = loop
        self._foreign = collections.deque()
        self._gives_back = False

    def run(self, incarnation, specs, attempts):
        """Run attempts and report them.

        :param specs: the versions that are needed.
        :param attempts: dicts of id, attempt, version_id, payload (text).
        """
        if incarnation == self._incarnation:
            self._loop.call_soon_threadsafe(self._submit, specs, attempts)
            return
        self._foreign.extend(attempts)
        if self._gives_back:
            self.give_back()

    def give_back(self):
        """Give back what was meant for a former life, and go on to do so.

        Not before conductors know of this one: they would send it to the
        former one again, and again.
        """
        self._gives_back = True
        # NOTE: run() looks after it has added: what is not found here is
        # found there.
        while self._foreign:
            try:
                attempt = self._foreign.popleft()
            except IndexError:
                return      # another thread was faster
            self._reporter.add({
                'id': attempt['id'], 'attempt': attempt['attempt'],
                'status': states.QUEUED, 'lost': False})

    def flush(self):
        """What was sent before this call was taken before it."""

    def _submit(self, specs, attempts):
        specs = {spec['id']: spec for spec in specs}
        for attempt in attempts:
            self._attempts.submit(specs[attempt['version_id']], attempt)

    def build(self, incarnation, builds):
        if incarnation == self._incarnation:
            for build in builds:
                self._builds.submit(build)

    def cancel(self, request_id):
        """:returns: whether it was in hand; its end will be reported."""
        return (self._in_loop(self._attempts.cancel, request_id)
                or self._reporter.ends(request_id))

    def logs(self, request_id):
        """:returns: {'logs', 'truncated'} of a request so far."""
        return self._in_loop(self._attempts.logs, request_id)

    def forget(self, version_ids):
        """Drop what is kept of versions that are gone."""
        self.retire(version_ids)
        self._builds.forget(version_ids)

    def retire(self, version_ids):
        """Stop the instances of versions that have a successor, which has
        the same image."""
        self._loop.call_soon_threadsafe(self._instances.retire, version_ids)

    def _in_loop(self, function, *args):
        async def run():
            return function(*args)
        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()
