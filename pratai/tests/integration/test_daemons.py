# SPDX-License-Identifier: Apache-2.0
"""What the other tests start leaves nothing behind."""

import os
import signal
import subprocess
import sys

from oslotest import base

from pratai.tests.integration import daemon
from pratai.tests.integration import keeper

# A command that leaves its session and its parent behind, as daemons do.
DAEMON = '''
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    with open(sys.argv[1], 'w') as file:
        file.write('%d' % os.getpid())
time.sleep(600)
'''
# Starts the keeper as daemon.py does, and waits for its own end.
TEST = '''
import subprocess, sys, time
one = subprocess.Popen([sys.executable] + sys.argv[1:],
                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
print(one.pid, one.stdout.readline().decode(), flush=True)
time.sleep(600)
'''


class TestKeeper(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        path = self.create_tempfiles([('pid', '')])[0]
        log = self.create_tempfiles([('log', '')])[0]
        self.test = subprocess.Popen(
            [sys.executable, '-c', TEST, keeper.__file__, log, '',
             sys.executable, '-c', DAEMON, path], stdout=subprocess.PIPE)
        self.addCleanup(self.test.stdout.close)
        self.addCleanup(self.test.wait)
        self.addCleanup(self.test.kill)
        self.keeper, self.child = [
            int(word) for word in self.test.stdout.readline().split()]

        def daemonized():
            with open(path) as file:
                return file.read()

        self.daemon = int(daemon.until(daemonized))

    def assertGone(self, *pids):
        for pid in pids:
            daemon.until(self._is_gone, pid)

    @staticmethod
    def _is_gone(pid):
        return not os.path.exists('/proc/%d' % pid)

    def test_the_test_is_killed(self):
        self.test.kill()
        self.assertGone(self.keeper, self.child, self.daemon)

    def test_the_command_is_killed(self):
        os.kill(self.child, signal.SIGKILL)
        self.assertGone(self.daemon)

    def test_the_keeper_is_killed(self):
        os.kill(self.keeper, signal.SIGKILL)
        self.assertGone(self.child)
        os.kill(self.daemon, signal.SIGKILL)
