# SPDX-License-Identifier: Apache-2.0
"""What the daemons have in common: a place in the service list, work that
is done every now and then, and an end on a signal."""

import logging
import os
import signal
import threading
import time
import uuid

from pratai import version

LOG = logging.getLogger(__name__)


class Periodic:
    """Calls a function every so many seconds, in a thread of its own.

    An error is logged once, and once more when it is over.
    """

    def __init__(self, name, interval, function):
        self._name = name
        self._interval = interval
        self._function = function
        self._stop = threading.Event()
        self._failing = False
        self._thread = threading.Thread(target=self._loop, name=name,
                                        daemon=True)

    def start(self):
        self._thread.start()

    def stop(self):
        self._stop.set()
        self._thread.join()

    def _loop(self):
        while not self._stop.wait(self._interval):
            self.run_once()

    def run_once(self):
        """:returns: whether the call went well."""
        try:
            self._function()
        except Exception as error:
            if not self._failing:
                LOG.exception('%s fails, and is tried again every %s s: %s',
                              self._name, self._interval, error)
            self._failing = True
            return False
        if self._failing:
            LOG.info('%s works again', self._name)
        self._failing = False
        return True


class Registration:
    """A process's own row in the service list, for those with a database."""

    def __init__(self, conf, database, binary, details=None):
        self._db = database
        self._key = (binary, conf.host, uuid.uuid4().hex)
        self._details = dict(details or {}, pid=os.getpid(),
                             version=version.version_string())
        self._started_at = time.time()
        self._periodic = Periodic('Heartbeat of %s' % binary,
                                  conf.executor.heartbeat_interval,
                                  self._beat)

    def start(self):
        self._register()
        self._periodic.start()

    def stop(self):
        self._periodic.stop()
        self._db.service_remove(*self._key)

    def _register(self):
        self._db.service_register(*self._key, self._started_at,
                                  self._details)

    def _beat(self):
        if not self._db.service_beat(*self._key, self._details):
            self._register()


def wait_for_signal():
    """Sleep until SIGTERM or SIGINT; call it in the main thread.

    :returns: the signal's name.
    """
    # NOTE: sigwait neither polls nor runs Python code in a handler.
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    received = signal.sigwait(signals)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
    return signal.Signals(received).name
