# SPDX-License-Identifier: Apache-2.0
"""Daemons that tests start for themselves.

Each listens on loopback addresses only, on ports and with data of its own,
and ends with the test process, however that ends (see :mod:`keeper`).
"""

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile

import fixtures

from pratai.tests.functional import standalone
from pratai.tests.integration import keeper

PATIENCE = standalone.PATIENCE
free_ports = standalone.free_ports
until = standalone.until
# NOTE: taken before tests get temporary directories of their own, which end
# with a test and are closed to other users.
TEMP = tempfile.gettempdir()


class Daemon(fixtures.Fixture):
    """A command that runs until it is stopped.

    What a subclass says: ``NEEDS``, ``command()``, ``is_ready()``, and what
    has to be there before it starts: ``prepare()``. Once set up it runs;
    kill(), stop() and start() it again on the same data.
    """

    #: Programs without which it cannot run, and the Debian package of each.
    NEEDS = {}
    #: Who it runs as when the tests run as root; None for root itself.
    USER = None
    #: Where else to look for programs.
    PLACES = ('/usr/sbin', '/sbin', '/usr/local/sbin')

    name = None

    @classmethod
    def missing(cls):
        """:returns: why it cannot run here; None when it can."""
        for program, package in cls.NEEDS.items():
            if cls.find(program) is None:
                return '%s is not installed (Debian: %s)' % (program, package)
        if cls.USER and os.geteuid() == 0:
            try:
                subprocess.run(['true'], user=cls.USER, check=True)
            except OSError as error:
                return '%s may not run programs here: %s' % (cls.USER, error)
        return None

    @classmethod
    def find(cls, program):
        """:returns: the path of a program, or None."""
        return shutil.which(program, path=os.pathsep.join(
            [os.environ.get('PATH', os.defpath), *cls.PLACES]))

    @property
    def user(self):
        """:returns: who it runs as when that is not who runs the tests."""
        return self.USER if self.USER and os.geteuid() == 0 else ''

    def _setUp(self):
        self.path = tempfile.mkdtemp(prefix='pratai-test-', dir=TEMP)
        self.addCleanup(shutil.rmtree, self.path, ignore_errors=True)
        self.own(self.path)
        self.log = os.path.join(self.path, 'log')
        self._keeper = None
        self.pid = None
        self.addCleanup(self.stop)
        self.prepare()
        self.start()

    def own(self, path):
        """Give a file to whom the daemon runs as."""
        if self.user:
            entry = pwd.getpwnam(self.user)
            os.chown(path, entry.pw_uid, entry.pw_gid)

    def run(self, *command, **kwargs):
        """Run a command to its end as the daemon's user.

        :returns: its output.
        """
        identity = {}
        if self.user:
            entry = pwd.getpwnam(self.user)
            identity = {'user': entry.pw_uid, 'group': entry.pw_gid,
                        'extra_groups': []}
        done = subprocess.run(
            command, env=self.environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            cwd=self.path, timeout=PATIENCE, **identity, **kwargs)
        assert not done.returncode, done.stdout
        return done.stdout

    # -- what subclasses say

    def prepare(self):
        """Make what has to be there before the first start."""

    def command(self):
        """:returns: the command line, a list."""
        raise NotImplementedError

    def environment(self):
        """:returns: its environment variables."""
        return dict(os.environ)

    def is_ready(self):
        """:returns: whether it serves; may raise OSError."""
        return True

    # -- its life

    def start(self, wait=True):
        """Start it; returns when it serves.

        :param wait: False returns at once.
        """
        self._keeper = subprocess.Popen(
            [sys.executable, '-I', '-S', keeper.__file__, self.log,
             self.user, *self.command()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=self.environment(), cwd=self.path, start_new_session=True)
        self.pid = int(self._keeper.stdout.readline())
        if wait:
            self.wait()

    def wait(self):
        """Wait until it serves."""
        until(self._is_ready)

    def _is_ready(self):
        assert self.is_running(), '%s ended: %s' % (
            type(self).__name__, self.tail())
        try:
            return self.is_ready()
        except OSError:
            return False

    def is_running(self):
        return self._keeper is not None and self._keeper.poll() is None

    def tail(self, characters=3000):
        """:returns: the end of what it has written."""
        with open(self.log, errors='replace') as log:
            return log.read()[-characters:]

    def signal(self, number):
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            pass

    def kill(self):
        """SIGKILL: it has no time for anything."""
        if self._keeper is not None:
            self.signal(signal.SIGKILL)
            self._ended()

    def stop(self, seconds=60):
        """SIGTERM, and SIGKILL for what is left after so many seconds.

        :returns: whether it ended by itself.
        """
        if self._keeper is None:
            return True
        self.signal(signal.SIGTERM)
        in_time = True
        try:
            self._keeper.wait(seconds)
        except subprocess.TimeoutExpired:
            in_time = False
        self._ended()
        return in_time

    def _ended(self):
        self._keeper.stdin.close()
        self._keeper.wait(PATIENCE)
        self._keeper.stdout.close()
        self._keeper = None


_shared = {}


def shared(cls):
    """:returns: the one daemon of a class that all tests of this process
        share; for tests that do not kill it."""
    if cls not in _shared:
        one = cls()
        one.setUp()
        atexit.register(one.cleanUp)
        _shared[cls] = one
    return _shared[cls]
