# SPDX-License-Identifier: Apache-2.0
"""Control groups of sandboxes, version 1 and 2.

A sandbox gets one group (version 2) or one a controller (version 1) below
``<parent>/pratai-<key of the state directory>/``. A program enters it by
writing 0 into each of the ``procs`` files before it becomes the sandbox.
"""

import contextlib
import hashlib
import logging
import os
import signal
import threading
import time

LOG = logging.getLogger(__name__)

ROOT = '/sys/fs/cgroup'
CONTROLLERS = ('memory', 'cpu', 'pids')
PERIOD = 100000                 # microseconds
TRIES = 5
# What not every kernel has. Without the others there is no limit.
OPTIONAL = ('memory.swap.max', 'memory.memsw.limit_in_bytes',
            'cpu.cfs_quota_us')

# NOTE: what is made in a version 2 group before that gives it controllers
# has none: it must not be seen half made, by any Cgroups of this process.
_LOCK = threading.Lock()


def _read(path):
    try:
        with open(path) as f:
            return f.read()
    except OSError:
        return ''


def _write(path, value):
    # NOTE: control files are there or they are not; never make one.
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, str(value).encode())
    finally:
        os.close(fd)


class Group:
    """The control group of one sandbox.

    :param paths: controller name (or 'unified') -> directory
    """

    def __init__(self, paths):
        self.paths = paths
        self.procs = [os.path.join(path, 'cgroup.procs')
                      for path in dict.fromkeys(paths.values())]

    def pids(self):
        """:returns: set of ids of the processes in the group."""
        return {int(pid) for path in self.procs
                for pid in _read(path).split()}

    def oom_kills(self):
        """:returns: how many processes were killed for lack of memory."""
        if 'unified' in self.paths:
            text = _read(os.path.join(self.paths['unified'], 'memory.events'))
        else:
            text = _read(os.path.join(self.paths.get('memory', ''),
                                      'memory.oom_control'))
        return sum(int(line.split()[1]) for line in text.splitlines()
                   if line.startswith('oom_kill '))

    def kill(self, seconds=5.0):
        """Kill what is in the group until it is empty.

        :returns: whether it is.
        """
        deadline = time.monotonic() + seconds
        while True:
            pids = self.pids()
            if not pids:
                return True
            self._kill(pids)
            if time.monotonic() > deadline:
                return False
            time.sleep(0.002)

    def _kill(self, pids):
        if 'unified' in self.paths:
            try:
                _write(os.path.join(self.paths['unified'], 'cgroup.kill'), 1)
                return
            except OSError:             # before Linux 5.14
                pass
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass

    def remove(self):
        """Remove the group, which has to be empty; may be repeated.

        The one it is in goes too if it was the last.
        """
        for path in dict.fromkeys(self.paths.values()):
            # NOTE: a group stays busy for a moment after its last process.
            for pause in (0.001, 0.005, 0.02, 0.1, 0):
                try:
                    os.rmdir(path)
                except FileNotFoundError:
                    pass
                except OSError:
                    time.sleep(pause)
                    continue
                break
            else:
                LOG.warning('Control group %s cannot be removed', path)
                continue
            _tidy(os.path.dirname(path))


def _tidy(path):
    try:
        os.rmdir(path)
    except OSError:
        pass


class Cgroups:
    """Where groups can be made.

    :param state_path: groups of different state directories are kept apart.
    :param parent: path from the root of the hierarchy, or '' to choose.
    :param wanted: names of controllers.
    :ivar controllers: set of those of them that there are.
    :raises OSError: when groups cannot be made here; its text says why.
    """

    def __init__(self, state_path, parent='', root=ROOT, wanted=CONTROLLERS):
        self.root = root
        self.parent = parent
        self.wanted = wanted
        self.name = 'pratai-' + hashlib.sha256(
            os.path.realpath(state_path).encode()).hexdigest()[:12]
        for left in reversed(range(TRIES)):
            try:
                self._set_up()
                break
            except FileNotFoundError:
                # A former life may be removing them at this moment.
                if not left:
                    raise
        for path in self.bases.values():
            _tidy(path)

    def _set_up(self):
        if os.path.exists(os.path.join(self.root, 'cgroup.controllers')):
            bases, controllers = self._unified()
        else:
            bases = self._version1()
            controllers = set(bases)
        if not controllers:
            raise FileNotFoundError('no control group controllers in %s'
                                    % self.root)
        # Whole, because other threads make groups at the same time.
        self.bases, self.controllers = bases, controllers

    def _version1(self):
        bases = {}
        for controller in self.wanted:
            hierarchy = os.path.join(self.root, controller)
            if not os.path.exists(os.path.join(hierarchy, 'cgroup.procs')):
                continue
            base = os.path.join(
                hierarchy, (self.parent or 'pratai').strip('/'), self.name)
            os.makedirs(base, exist_ok=True)
            bases[controller] = base
        return bases

    def _unified(self):
        parent = self.parent or _delegated(self.root) or 'pratai'
        path = self.root
        for part in [p for p in parent.split('/') if p] + [self.name, None]:
            self._delegate(path)
            if part is not None:
                path = os.path.join(path, part)
                os.makedirs(path, exist_ok=True)
        return {'unified': path}, set(self.wanted).intersection(
            _read(os.path.join(path, 'cgroup.subtree_control')).split())

    def _delegate(self, path):
        """Let children of a version 2 group have our controllers."""
        has = set(_read(os.path.join(path, 'cgroup.controllers')).split())
        wanted = has.intersection(self.wanted).difference(
            _read(os.path.join(path, 'cgroup.subtree_control')).split())
        if not wanted:
            return
        text = ' '.join('+' + name for name in sorted(wanted))
        control = os.path.join(path, 'cgroup.subtree_control')
        try:
            _write(control, text)
        except FileNotFoundError:
            raise               # the last sandbox took it with it
        except OSError:
            # NOTE: a group either holds processes or divides its means. In
            # one that is delegated to us, its processes are ours to move.
            leaf = os.path.join(path, 'pratai-service')
            with contextlib.suppress(FileExistsError):
                os.mkdir(leaf)
            for pid in _read(os.path.join(path, 'cgroup.procs')).split():
                try:
                    _write(os.path.join(leaf, 'cgroup.procs'), pid)
                except ProcessLookupError:
                    pass
            _write(control, text)

    def create(self, name, memory=None, cpus=None, pids=None):
        """Make the group of one sandbox.

        :param memory: bytes; swap is not given in addition.
        :param cpus: how many processors' time, a number.
        :param pids: processes and threads.
        :raises OSError:
        """
        for attempt in range(50):
            group = None
            try:
                with _LOCK:
                    if attempt:
                        self._set_up()
                    group = self._make(name)
                self._limit(group.paths, memory, cpus, pids)
                return group
            except FileNotFoundError:
                # The last group took the one it was in with it; another
                # process may be doing so, or making it, at this moment.
                if group is not None:
                    group.remove()
                time.sleep(0.001 * attempt)
            except FileExistsError:
                Group(self._paths(name)).remove()
            except OSError:
                Group(self._paths(name)).remove()
                raise
        raise OSError('the control group %s cannot be made' % name)

    def _paths(self, name):
        return {controller: os.path.join(base, name)
                for controller, base in self.bases.items()}

    def _make(self, name):
        group = Group(self._paths(name))
        for path in dict.fromkeys(group.paths.values()):
            os.mkdir(path)
        return group

    def _limit(self, paths, memory, cpus, pids):
        """:raises FileNotFoundError: a controller is not there yet."""
        quota = None if cpus is None else int(cpus * PERIOD)
        if 'unified' in paths:
            values = [('memory', 'memory.max', memory),
                      ('memory', 'memory.swap.max',
                       None if memory is None else 0),
                      ('cpu', 'cpu.max', quota and
                       '%d %d' % (quota, PERIOD)),
                      ('pids', 'pids.max', pids)]
            paths_of = dict.fromkeys(CONTROLLERS, paths['unified'])
        else:
            values = [('memory', 'memory.limit_in_bytes', memory),
                      ('memory', 'memory.memsw.limit_in_bytes', memory),
                      ('cpu', 'cpu.cfs_quota_us', quota),
                      ('pids', 'pids.max', pids)]
            paths_of = paths
        for controller, file, value in values:
            if value is None or controller not in self.controllers:
                continue
            path = os.path.join(paths_of[controller], file)
            if file not in OPTIONAL or os.path.exists(path):
                _write(path, value)

    def left_over(self):
        """:returns: list of the Groups there are below our own."""
        names = set()
        for base in self.bases.values():
            with contextlib.suppress(FileNotFoundError):
                names.update(name for name in os.listdir(base)
                             if os.path.isdir(os.path.join(base, name)))
        return [Group({controller: os.path.join(base, name)
                       for controller, base in self.bases.items()})
                for name in sorted(names)]


def _delegated(root):
    """:returns: our own version 2 group if systemd gave it to us, or None."""
    for line in _read('/proc/self/cgroup').splitlines():
        if not line.startswith('0::/'):
            continue
        path = line[4:].strip('/')
        if os.path.basename(path) == 'pratai-service':
            path = os.path.dirname(path)
        for name in ('user.delegate', 'trusted.delegate'):
            try:
                if os.getxattr(os.path.join(root, path), name) == b'1':
                    return path
            except OSError:
                pass
    return None


def group_of(pid, name, root=ROOT, proc='/proc'):
    """Find the control group of a process that somebody else made.

    :param name: what the path has to contain, or it is another's.
    :returns: a Group to count in, or None: it cannot be seen from here.
    """
    groups = {}
    for line in _read(os.path.join(proc, str(pid), 'cgroup')).splitlines():
        _, controllers, path = line.split(':', 2)
        groups.update(dict.fromkeys(controllers.split(','), path))
    for controller, key, folder in (('memory', 'memory', 'memory'),
                                    ('', 'unified', '')):
        path = os.path.join(root, folder,
                            groups.get(controller, '').strip('/'))
        if name in groups.get(controller, '') and os.path.isdir(path):
            return Group({key: path})
    return None
