# SPDX-License-Identifier: Apache-2.0
"""Runs a command and lets nothing of it outlive whoever asked for it.

    keeper.py LOG USER COMMAND...

The output of the command goes to the file LOG; USER ('' for nobody else) is
who it runs as. Prints the process id of the command. When standard input
ends, which it also does when the process at its other end is killed, or when
the command ends, everything that descends from the command is killed.

Standard library only: it is started for every daemon of the tests.
"""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
import threading
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def _prctl(option, value):
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), 'prctl')


def descendants(root):
    """:returns: process ids below a process, itself left out."""
    children = {}
    for name in os.listdir('/proc'):
        if not name.isdigit():
            continue
        try:
            with open('/proc/%s/stat' % name) as file:
                fields = file.read().rsplit(')', 1)[1].split()
        except OSError:
            continue  # gone meanwhile
        if fields[0] != 'Z':
            children.setdefault(int(fields[1]), []).append(int(name))
    found, look = [], [root]
    while look:
        below = children.get(look.pop(), [])
        found += below
        look += below
    return found


def kill_all():
    """Kill whatever is below this process, until nothing is."""
    while pids := descendants(os.getpid()):
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.01)


def main(log, user, *command):
    # NOTE: daemons that fork twice, or leave their session, stay below this
    # process all the same.
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    identity = {}
    if user:
        entry = pwd.getpwnam(user)
        identity = {'user': entry.pw_uid, 'group': entry.pw_gid,
                    'extra_groups': []}
    with open(log, 'ab') as output:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True, **identity,
            # Should this process itself be killed.
            preexec_fn=lambda: _prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
    print(child.pid, flush=True)

    def watch():
        while os.read(0, 1):
            pass
        kill_all()

    threading.Thread(target=watch, daemon=True).start()
    status = child.wait()
    kill_all()
    # NOTE: not sys.exit: the thread may still wait for its input.
    os._exit(status if status >= 0 else 128 - status)


if __name__ == '__main__':
    main(*sys.argv[1:])
