# SPDX-License-Identifier: Apache-2.0
"""What the daemons have in common: a place in the service list, work that
is done every now and then, and an end on a signal."""

import atexit
import logging
import os
import signal
import threading
import time
import uuid

from pratai import exception
from pratai import rpc
from pratai import version

LOG = logging.getLogger(__name__)


class Periodic:
    """Calls a function every so many seconds, in a thread of its own.

    An error is logged once, and once more when it is over.

    :param at_once: whether the first call does not wait for its time.
    """

    def __init__(self, name, interval, function, at_once=False):
        self._name = name
        self._interval = interval
        self._function = function
        self._at_once = at_once
        self._stop = threading.Event()
        # One call after the other: what an older one tells is not news.
        self._turn = threading.Lock()
        self._failing = False
        self._thread = threading.Thread(target=self._loop, name=name,
                                        daemon=True)

    def start(self):
        self._thread.start()

    def stop(self):
        self._stop.set()
        self._thread.join()

    def _loop(self):
        if self._at_once:
            self.run_once()
        while not self._stop.wait(self._interval):
            self.run_once()

    def run_once(self):
        """:returns: whether the call went well."""
        with self._turn:
            return self._run_once()

    def _run_once(self):
        try:
            self._function()
        except Exception as error:
            if not self._failing:
                # What is away is no mistake of ours: no traceback.
                away = isinstance(error, (exception.Unavailable, rpc.Error))
                LOG.log(logging.WARNING if away else logging.ERROR,
                        '%s fails, and is tried again every %s s: %s',
                        self._name, self._interval, exception.text(error),
                        exc_info=None if away else error)
            self._failing = True
            return False
        if self._failing:
            LOG.info('%s works again', self._name)
        self._failing = False
        return True


class Registration:
    """A process's own row in the service list, for those with a database.

    :param shared: the processes of a host that serve the same WSGI
        application have one row: it is there while any of them is.
    :param probes: of what it works with (see health.probes): the row tells
        what is away.
    """

    def __init__(self, conf, database, binary, details=None, shared=False,
                 probes=()):
        self._db = database
        self._shared = shared
        self._probes = probes
        self._details = dict(details or {}, version=version.version_string())
        if shared:
            incarnation = uuid.uuid5(uuid.NAMESPACE_OID, '%s of %s' % (
                binary, conf.host)).hex
        else:
            incarnation = uuid.uuid4().hex
            self._details['pid'] = os.getpid()
        self._key = (binary, conf.host, incarnation)
        self._started_at = time.time()
        self._periodic = Periodic('Heartbeat of %s' % binary,
                                  conf.executor.heartbeat_interval,
                                  self._beat, at_once=True)

    def start(self):
        """Returns at once; the row is there when the database is."""
        self._periodic.start()

    def stop(self):
        self._periodic.stop()
        try:
            # NOTE: of those who share the row, the others put it back.
            self._db.service_remove(*self._key)
        except exception.Unavailable as error:
            LOG.warning('The service list keeps this process until it '
                        'counts as down: %s', error)

    def _beat(self):
        problems = [probe.problem() for probe in self._probes]
        details = dict(self._details,
                       problems=[one for one in problems if one])
        if not self._db.service_beat(*self._key, details):
            self._db.service_register(*self._key, self._started_at, details)


class AfterFork:
    """WSGI middleware that starts things in the process that serves.

    WSGI servers may load an application, and then fork the processes that
    serve it: threads do not come along. So parts are started when the first
    request comes in, whichever process that is in, and stopped when that
    process ends.

    :param parts: what has start() and stop(), in the order of their start.
    """

    def __init__(self, application, parts):
        self._application = application
        self._parts = parts
        self._pid = None
        self._lock = threading.Lock()
        # A fork while a request is served would copy a lock that is held.
        os.register_at_fork(after_in_child=self._forked)

    def _forked(self):
        self._lock = threading.Lock()
        self._pid = None

    def __call__(self, environ, start_response):
        if self._pid is None:
            self._start()
        return self._application(environ, start_response)

    def _start(self):
        with self._lock:
            if self._pid is None:
                for part in self._parts:
                    part.start()
                atexit.register(self._stop, os.getpid())
                self._pid = os.getpid()

    def _stop(self, pid):
        if pid != os.getpid():
            return  # a child that was forked later
        for part in reversed(self._parts):
            part.stop()


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
