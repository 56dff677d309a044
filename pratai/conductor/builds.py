# SPDX-License-Identifier: Apache-2.0
"""Brings queued builds to executors."""

import collections
import logging

from pratai import rpc
from pratai.conductor import placement

LOG = logging.getLogger(__name__)


def choose(queued, executors, running, most):
    """Choose what to build next, and where: the executor with the fewest.

    Projects take turns: nobody waits for all that another one has queued.

    :param queued: dicts of id, project_id and runtime, oldest first.
    :param executors: dicts as of ``Database.executors_up``.
    :param running: dicts of executor_id and project_id of what is built.
    :param most: builds that one runs at once.
    :returns: (id of the build, executor), or None when there is nothing to
        do or nobody to do it.
    """
    busy = collections.Counter(one['executor_id'] for one in running)
    turns = collections.Counter(one['project_id'] for one in running)
    ranked = []
    for build in queued:
        turns[build['project_id']] += 1
        ranked.append((turns[build['project_id']], build))
    ranked.sort(key=lambda item: item[0])
    for _, build in ranked:
        free = [(busy[executor['incarnation']], executor['host'], executor)
                for executor in executors
                if busy[executor['incarnation']] < most
                and placement.takes(executor, dict(build, image=None))]
        if free:
            return build['id'], min(free, key=lambda item: item[:2])[2]
    return None


class Builds:

    def __init__(self, conf, database, executor_api, executors):
        self._conf = conf.conductor
        self._db = database
        self._executor = executor_api
        self._executors = executors

    def run_once(self):
        """Claim and send what executors have room for."""
        while self._db.build_queued():
            executors = self._executors()
            offered = {name for executor in executors
                       for name in executor['details']['runtimes']}
            chosen = choose(self._db.build_queued(offered), executors,
                            self._db.build_running(),
                            self._conf.builds_per_executor)
            if chosen is None:
                return
            build_id, executor = chosen
            builds = self._db.build_claim(executor['incarnation'], 1,
                                          self._conf.lease, build_id)
            if not builds:
                continue  # another conductor was faster
            try:
                self._executor.build(executor['host'],
                                     executor['incarnation'], builds)
            except rpc.Error as error:
                # Its lease runs out and it is tried again.
                LOG.warning('Cannot reach executor %s: %s',
                            executor['host'], error)
                return

    def sweep(self, is_loss=True):
        """Queue again what lost its executor, and send what is queued.

        :param is_loss: whether an executor that was not heard of is lost;
            one that has a new life always is.
        """
        alive = [item['incarnation'] for item in (
            self._executors() if is_loss
            else self._db.service_list('pratai-executor'))]
        lost = self._db.build_redrive(alive, self._conf.max_attempts,
                                      leases=is_loss)
        if lost:
            LOG.warning('%d builds lost their executor', lost)
        self.run_once()
