# SPDX-License-Identifier: Apache-2.0
"""Brings queued builds to executors."""

import logging

from pratai import rpc

LOG = logging.getLogger(__name__)


def assign(executors, running, most):
    """Choose the executor for the next build: the one with the fewest.

    :param executors: {incarnation: host}.
    :param running: {incarnation: builds it runs}.
    :param most: builds that one runs at once.
    :returns: an incarnation, or None when all are busy.
    """
    free = [(running.get(incarnation, 0), host, incarnation)
            for incarnation, host in executors.items()
            if running.get(incarnation, 0) < most]
    return min(free)[2] if free else None


class Builds:

    def __init__(self, conf, database, executor_api, executors):
        self._conf = conf.conductor
        self._db = database
        self._executor = executor_api
        self._executors = executors

    def run_once(self):
        """Claim and send what executors have room for."""
        while self._db.build_queued():
            hosts = {item['incarnation']: item['host']
                     for item in self._executors()
                     if not item['details'].get('draining')}
            incarnation = assign(hosts, self._db.build_running(),
                                 self._conf.builds_per_executor)
            if incarnation is None:
                return
            builds = self._db.build_claim(incarnation, 1, self._conf.lease)
            if not builds:
                return
            try:
                self._executor.build(hosts[incarnation], incarnation, builds)
            except rpc.Error as error:
                # Its lease runs out and it is tried again.
                LOG.warning('Cannot reach executor %s: %s',
                            hosts[incarnation], error)
                return

    def sweep(self):
        """Queue again what lost its executor, and send what is queued."""
        alive = [item['incarnation'] for item in self._executors()]
        lost = self._db.build_redrive(alive, self._conf.max_attempts)
        if lost:
            LOG.warning('%d builds lost their executor', lost)
        self.run_once()
