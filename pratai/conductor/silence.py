# SPDX-License-Identifier: Apache-2.0

import time


class Silence:
    """Tells an executor that is lost from one that nobody could hear.

    When conductors, the database or the broker were away, or stood still,
    no executor could renew its leases: they have as long as a lease for it
    afterwards, and none is taken for lost meanwhile.

    :param database: a :class:`pratai.db.api.Database`.
    """

    def __init__(self, conf, database):
        self._db = database
        self._lease = conf.conductor.lease
        beat = conf.executor.heartbeat_interval
        # NOTE: not so long that one that could not be heard counts as down
        # before, see db.executors_up: others may have been heard a beat later,
        # and a sweep later is the next look.
        self._most = min(max(self._lease / 2, 2 * beat), max(
            conf.conductor.service_down_time - beat
            - conf.conductor.sweep_interval, beat))
        self._most_unseen = max(self._most,
                                2 * conf.conductor.sweep_interval)
        self._looked_at = time.time()
        self._believed_from = time.monotonic() + self._lease

    def look(self):
        """Find out who was heard of; called by each sweep.

        :raises exception.Unavailable: the database does not answer.
        """
        seconds = self._db.executors_silence()
        if (seconds is None or seconds > self._most
                or self._unseen() > self._most_unseen):
            self._believed_from = time.monotonic() + self._lease
        self._looked_at = time.time()

    def is_loss(self):
        """:returns: whether an executor of which nothing was heard is lost.
        """
        return (time.monotonic() >= self._believed_from
                and self._unseen() <= self._most_unseen)

    def _unseen(self):
        # By the clock that leases go by.
        return time.time() - self._looked_at
