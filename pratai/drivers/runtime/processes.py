# SPDX-License-Identifier: Apache-2.0
"""Processes of sandboxes: starting, finding and killing them for good."""

import itertools
import logging
import os
import re
import select
import signal
import subprocess
import threading
import time

from pratai import exception

LOG = logging.getLogger(__name__)

START_SECONDS = 10
KILL_SECONDS = 5

_NUMBERS = itertools.count(1)

# Reads names of directories until its stdin ends, which is when we do. Then
# it kills what our records in them name, and empties our control groups.
JANITOR = '''
trap '' TERM INT HUP
owner=$1
directories=
while IFS= read -r directory; do directories="$directories
$directory"; done
IFS='
'
for directory in $directories; do
    for entry in "$directory/$owner"-*; do
        if [ -f "$entry" ]; then
            while IFS=: read -r pid start; do
                IFS= read -r line < "/proc/$pid/stat" || continue
                IFS=' '
                set -- ${line##*) }
                [ "${20}" = "$start" ] && kill -9 "$pid"
            done < "$entry"
            rm -f "$entry"
        elif [ -d "$entry" ]; then
            for attempt in 1 2 3 4 5 6 7 8 9 10; do
                while IFS= read -r pid; do
                    kill -9 "$pid"
                done < "$entry/cgroup.procs"
                rmdir "$entry" && break
                sleep 0.1
            done
        fi
    done
    if [ -f "$directory/cgroup.procs" ]; then rmdir "$directory"; fi
done
'''
_JANITOR = None
_JANITOR_LOCK = threading.Lock()


def stay_behind(owner, directories):
    """Have our sandboxes killed when this process dies, however it does.

    :param owner: what the names of records and control groups begin with.
    :param directories: list of where they are.

    PR_SET_PDEATHSIG is not enough: what has just been started has not asked
    for it yet, and for root it does not get through bubblewrap. That is told
    when its parent dies, and dies, but by then it has no CAP_KILL, so the
    kernel does not pass it on to a program of another user.
    """
    global _JANITOR
    with _JANITOR_LOCK:
        if _JANITOR is None:
            _JANITOR = subprocess.Popen(
                ['/bin/sh', '-c', JANITOR, 'sh', owner],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, start_new_session=True, cwd='/',
                env={})
        _JANITOR.stdin.writelines(path.encode() + b'\n'
                                  for path in directories)
        _JANITOR.stdin.flush()


def content(data, fds):
    """A descriptor that data can be read from; it is added to fds.

    :param data: bytes, less than a pipe holds (64 kB).
    """
    reader, writer = os.pipe()
    fds.append(reader)
    os.write(writer, data)
    os.close(writer)
    return reader


def _stat(pid):
    """:returns: the fields of /proc/<pid>/stat from the state on, or None."""
    try:
        with open('/proc/%d/stat' % pid) as f:
            return f.read().rpartition(')')[2].split()
    except OSError:
        return None


def identity(pid):
    """:returns: '<pid>:<start time>', which no other process ever has."""
    fields = _stat(pid)
    return '%d:%s' % (pid, fields[19] if fields else '')


def lives(ident):
    """:returns: whether a process that was identified runs."""
    pid = int(ident.partition(':')[0])
    fields = _stat(pid)
    return bool(fields) and fields[0] not in 'ZX' and identity(pid) == ident


def _kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass


def _pids():
    return [int(name) for name in os.listdir('/proc') if name.isdigit()]


def descendants(pid):
    """:returns: list of the processes below one, zombies left out."""
    children = {}
    for other in _pids():
        fields = _stat(other)
        if fields and fields[0] not in 'ZX':
            children.setdefault(int(fields[1]), []).append(other)
    found = []
    todo = [pid]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def kill_tree(pid, seconds=KILL_SECONDS):
    """Kill what is below a process, as long as there is anything, and then it.

    The process has to be a subreaper, as runners are: what lost its parent
    is found below it.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            below = descendants(pid)
        except OSError:         # no descriptor left to look with
            time.sleep(0.02)
            continue
        if not below:
            break
        for other in below:
            _kill(other)
        time.sleep(0.002)
    _kill(pid)


def kill_user(uid, seconds=KILL_SECONDS):
    """Kill all that runs as a user, which has to be one of our own range."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        alive = False
        try:
            pids = _pids()
        except OSError:         # as above
            time.sleep(0.02)
            continue
        for pid in pids:
            try:
                if os.stat('/proc/%d' % pid).st_uid != uid:
                    # NOTE: a process that is not dumpable looks like root's.
                    with open('/proc/%d/status' % pid) as f:
                        if '\nUid:\t%d\t' % uid not in f.read():
                            continue
                fields = _stat(pid)
            except OSError:
                continue
            if fields and fields[0] not in 'ZX':
                alive = True
                _kill(pid)
        if not alive:
            return
        time.sleep(0.002)


class Records:
    """Which sandboxes a service started, so that its next life can tell.

    A file each, named '<owner>-<number>': lines of :func:`identity`.
    """

    def __init__(self, path):
        self.path = path
        self.owner = identity(os.getpid()).replace(':', '.')
        os.makedirs(path, mode=0o700, exist_ok=True)

    def _file(self, number):
        return os.path.join(self.path, '%s-%d' % (self.owner, number))

    def add(self, number, *pids):
        # Never empty in between: whoever ends our sandboxes reads it.
        with open(self._file(number), 'a') as f:
            f.writelines(identity(pid) + '\n' for pid in pids)

    def remove(self, number):
        try:
            os.unlink(self._file(number))
        except FileNotFoundError:
            pass

    @staticmethod
    def owner_lives(owner):
        """:param owner: the part of a name before the last '-'."""
        return (re.fullmatch(r'\d+\.\d+', owner) is not None
                and lives(owner.replace('.', ':')))

    def reconcile(self):
        """Kill what is recorded by owners that are no more."""
        for name in os.listdir(self.path):
            if self.owner_lives(name.rpartition('-')[0]):
                continue
            path = os.path.join(self.path, name)
            try:
                with open(path) as f:
                    idents = f.read().split()
                for ident in idents:
                    if re.fullmatch(r'\d+:\d+', ident) and lives(ident):
                        LOG.info('Killing process %s of a former life', ident)
                        kill_tree(int(ident.partition(':')[0]))
                os.unlink(path)
            except OSError as e:
                LOG.warning('Record %s of a sandbox: %s', path, e)


class Process:
    """A program in its sandbox.

    :ivar pid: of the program, as the node numbers it.
    :ivar uid: the user id that is its own, or None.
    :ivar stdin: file of Popen, as are stdout and stderr.
    """

    def __init__(self, records, uids):
        self.number = next(_NUMBERS)
        self.records = records
        self.uids = uids
        self.uid = uids.take() if uids else None
        self.group = None
        self.popen = None
        self.pid = None
        self.info = None
        self.oom_kills = 0
        self._lock = threading.Lock()
        self._gone = False

    stdin = property(lambda self: self.popen and self.popen.stdin)
    stdout = property(lambda self: self.popen and self.popen.stdout)
    stderr = property(lambda self: self.popen and self.popen.stderr)

    def start(self, argv, stdin, stdout, stderr, env, **kwargs):
        """Become a process: Popen, in a session of its own."""
        self.popen = subprocess.Popen(
            argv, stdin=stdin, stdout=stdout, stderr=stderr, env=env,
            start_new_session=True, **kwargs)
        self.pid = self.popen.pid
        self.records.add(self.number, self.pid)

    def find_inner(self):
        """Learn from bubblewrap which process the program is.

        :raises exception.NodeUnavailable: there is none, with what bubblewrap
            said if its stderr is a pipe.
        """
        text = b''
        deadline = time.monotonic() + START_SECONDS
        poll = select.poll()
        poll.register(self.info, select.POLLIN)
        while not (match := re.search(rb'"child-pid": (\d+)\D', text)):
            left = deadline - time.monotonic()
            data = b''
            if left > 0 and poll.poll(left * 1000):
                data = os.read(self.info, 4096)
            if not data:
                raise exception.NodeUnavailable(
                    'A sandbox cannot be started: %s' % self._complaint(),
                    retry_after=1)
            text += data
        self.pid = int(match.group(1))
        self.records.add(self.number, self.pid, self.popen.pid)

    def close(self):
        """Close its pipes."""
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                stream.close()

    def _complaint(self):
        self.popen.kill()
        text = ''
        if self.stderr:
            text = self.stderr.read(4096).decode(errors='replace').strip()
        return text or 'exit code %s' % self.popen.wait()

    def poll(self):
        """:returns: exit code, 128 + signal for one that was killed, or
        None while it runs."""
        code = self.popen.poll()
        return 128 - code if code is not None and code < 0 else code

    def wait(self, timeout=None):
        """:returns: as poll().

        :raises subprocess.TimeoutExpired:
        """
        self.popen.wait(timeout)
        return self.poll()

    def count_oom_kills(self):
        """:returns: how many of its processes were killed for memory."""
        with self._lock:
            if self.group is not None and not self._gone:
                self.oom_kills = self.group.oom_kills()
            return self.oom_kills

    def kill(self):
        """Kill everything in the sandbox and free what it held.

        Blocks until it is gone; may be repeated.
        """
        self.count_oom_kills()
        with self._lock:
            if self._gone:
                return
            self._gone = True
            if self.popen is not None:
                self._kill_processes()
            if self.group is not None:
                self.group.kill()
                self.group.remove()
            if self.info is not None:
                os.close(self.info)
            self.records.remove(self.number)
            if self.uid is not None:
                self.uids.give(self.uid)

    def _kill_processes(self):
        if self.popen.poll() is None:
            if self.pid != self.popen.pid:
                # The kernel ends all of a pid namespace with its first
                # process, and bubblewrap ends when it has.
                _kill(self.pid)
                try:
                    self.popen.wait(KILL_SECONDS)
                except subprocess.TimeoutExpired:
                    LOG.warning('Process %d would not die', self.pid)
            else:
                kill_tree(self.pid)
            self.popen.kill()
            try:
                self.popen.wait(KILL_SECONDS)
            except subprocess.TimeoutExpired:
                LOG.error('Process %d would not die', self.popen.pid)
        if self.pid == self.popen.pid:
            if self.uid is not None:
                kill_user(self.uid)
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except OSError:
                pass
