# SPDX-License-Identifier: Apache-2.0
"""Start one program in a sandbox of its own, or as near to it as can be had.

Used by the ``process`` runtime driver for runners, and good for any other
program, such as pip for the ``process`` builder::

    launcher = sandbox.Launcher(conf)      # probes what this node can do
    command = sandbox.Command(
        argv=[interpreter, '-I', '-m', 'pip', 'install',
              '--target', launcher.path(target, '/deps'), ...],
        binds=[sandbox.Bind(target, '/deps', writable=True),
               sandbox.Bind(requirements, '/requirements.txt')],
        prefixes=[runtime['properties']['prefix']],
        env={'PIP_NO_CACHE_DIR': '1'}, network=True, tmp_size=1 << 30,
        limits={'data': 1 << 30, 'nproc': 64, 'fsize': 1 << 30, 'cpu': 600},
        cgroup={'memory': 2 << 30, 'cpus': 1, 'pids': 128})
    process = launcher.spawn(command, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT)
    try:
        for line in process.stdout:
            ...
        code = process.wait(timeout=300)   # subprocess.TimeoutExpired
    finally:
        process.kill()                     # always, whatever happened
    sandbox.reclaim(target)                # what was written there is ours

Inside there are /usr read-only, a few files of /etc, a private /tmp and
/dev/shm, /proc, /dev, and what is bound; no other process, and no network
unless asked for, in a user namespace. When the service runs as root every
sandbox also has a user id of its own.

Where bubblewrap does not work (:attr:`Launcher.isolation` is 'none') the
program is a plain process with limits. Then paths inside are paths outside,
which is what :meth:`Launcher.path` is for.
"""

from concurrent import futures
import dataclasses
import logging
import os
import pathlib
import shutil
import stat
import subprocess

from pratai import exception
from pratai.drivers.runtime import bubblewrap
from pratai.drivers.runtime import cgroup
from pratai.drivers.runtime import processes
from pratai.drivers.runtime import seccomp
from pratai.drivers.runtime import uids
from pratai.drivers.runtime import userns

LOG = logging.getLogger(__name__)

ENVIRONMENT = {'PATH': '/usr/local/bin:/usr/bin:/bin', 'LANG': 'C.UTF-8',
               'HOME': '/tmp', 'TMPDIR': '/tmp'}
# Writes itself into the control groups named up to "--" and goes on.
ENTER_GROUPS = ('while [ "$1" != -- ]; do echo 0 > "$1" || exit 125; shift; '
                'done; shift; exec "$@"')
PROBES = 3          # before it is believed that there is no sandbox

# NOTE: a sandbox dies with the thread that started it (PR_SET_PDEATHSIG is
# about threads). These live as long as the service, whoever calls spawn().
# NOTE: pratai-standalone keeps its threads on one CPU; sandboxes get all.
_CPUS = os.sched_getaffinity(0)
_SPAWNER = futures.ThreadPoolExecutor(
    2, thread_name_prefix='sandbox',
    initializer=lambda: os.sched_setaffinity(0, _CPUS))


@dataclasses.dataclass(frozen=True)
class Bind:
    """A path of the node that is to be seen inside.

    :param writable: the program may write; when the service is root, the
        path itself (not what is in it) is given to the sandbox's user.
    """

    source: str
    destination: str
    writable: bool = False


@dataclasses.dataclass
class Command:
    """A program and the world it sees.

    :param argv: list of str; argv[0] an absolute path inside.
    :param binds: list of Bind.
    :param prefixes: directories that are seen read-only at the same path.
    :param env: in addition to, or instead of, what is in ENVIRONMENT.
        Nothing of the service's own environment is passed on.
    :param network: whether it shares the node's network.
    :param cwd: path inside; default /tmp.
    :param tmp_size: bytes for /tmp, and again for /dev/shm.
    :param scratch: directory of the node that stands for /tmp where there is
        no bubblewrap; made when missing, never removed. Default: /tmp.
    :param limits: of each process: names of prlimit(1) options ('data',
        'nproc', 'fsize', 'nofile', 'cpu', 'core', 'as') -> number.
    :param gives: paths of the node that are given to the sandbox's user
        when the service is root, as those of writable binds are.
    :param pass_fds: descriptors that it inherits, by the same numbers.
    :param cgroup: of all together: {'memory': bytes, 'cpus': number,
        'pids': number}, left out where groups are not to be had.
    """

    argv: list
    binds: list = dataclasses.field(default_factory=list)
    prefixes: list = dataclasses.field(default_factory=list)
    env: dict = dataclasses.field(default_factory=dict)
    network: bool = False
    cwd: str | None = None
    tmp_size: int = 64 << 20
    scratch: str | None = None
    limits: dict = dataclasses.field(default_factory=dict)
    cgroup: dict = dataclasses.field(default_factory=dict)
    gives: list = dataclasses.field(default_factory=list)
    pass_fds: list = dataclasses.field(default_factory=list)


class Launcher:
    """Starts programs in sandboxes.

    Making one runs a sandbox to see what works here (some 20 ms). Safe to
    use from several threads; several may share a state directory.

    :ivar isolation: 'bubblewrap' or 'none'.
    :ivar warnings: list of sentences about what is missing.
    :raises exception.SandboxError: bubblewrap is demanded and does not work.
    """

    def __init__(self, conf):
        self.conf = conf
        self.root = os.getuid() == 0
        self.state_path = os.path.abspath(conf.state_path)
        self.records = processes.Records(
            os.path.join(self.state_path, 'sandboxes'))
        self.warnings = []
        self.uids = None
        if self.root:
            self.uids = uids.pool(conf.process.uid_first,
                                  conf.process.uid_count)
        self.setpriv = shutil.which('setpriv')
        self.prlimit = shutil.which('prlimit')
        if not self.prlimit or (self.root and not self.setpriv):
            raise exception.SandboxError(
                'prlimit and setpriv of util-linux are needed')
        self.cgroups = self._find_cgroups()
        self.seccomp = seccomp.program()
        self.bwrap = None
        self.has_userns = True
        self.isolation = 'none'
        if conf.process.isolation != 'none':
            self._find_bubblewrap()
        groups = self.cgroups.bases.values() if self.cgroups else ()
        processes.stay_behind(self.records.owner,
                              [self.records.path, *groups])
        if self.isolation == 'none':
            self.warnings.append(
                'Functions are not isolated: they can read what their user '
                'can read, use the network of this node and see its '
                'processes. Do not run code of people you do not trust.')

    def _find_cgroups(self):
        if not self.conf.process.cgroups:
            return None
        try:
            return cgroup.Cgroups(self.state_path,
                                  self.conf.process.cgroup_parent)
        except OSError as e:
            self.warnings.append(
                'There are no control groups (%s): memory, CPU and processes '
                'are limited for each process, not for an instance as a '
                'whole.' % e)
            return None

    def _find_bubblewrap(self):
        self.bwrap = shutil.which(self.conf.process.bwrap)
        reason = '%s is not installed' % self.conf.process.bwrap
        if self.bwrap:
            self.isolation = 'bubblewrap'
            for _ in range(PROBES):
                reason = self.probe(['/usr/bin/env', 'true'])
                if not reason:
                    break
            if reason and self.root:
                # As with user.max_user_namespaces = 0.
                self.has_userns = False
                reason = self.probe(['/usr/bin/env', 'true'])
                if not reason:
                    self.warnings.append(
                        'Sandboxes have no user namespaces of their own: '
                        'this system gives none.')
        if not reason:
            return
        self.isolation = 'none'
        if self.conf.process.isolation == 'bubblewrap':
            raise exception.SandboxError(
                'Bubblewrap does not work here: %s' % reason)
        self.warnings.append('Bubblewrap does not work here: %s.' % reason)

    def probe(self, argv, prefixes=()):
        """Run a harmless program in a sandbox.

        :returns: None if it ended with 0, or what went wrong.
        """
        try:
            process = self.spawn(
                Command(argv, prefixes=list(prefixes)),
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        except exception.SandboxError as e:
            return e.detail
        try:
            code = process.wait(timeout=10)
            text = process.stderr.read(4096).decode(errors='replace').strip()
            return (text or 'exit code %d' % code) if code else None
        except subprocess.TimeoutExpired:
            return 'no end in 10 seconds'
        finally:
            process.kill()
            process.stderr.close()

    def missing(self):
        """:returns: a sentence when nothing can be started now; else None."""
        if self.isolation == 'bubblewrap':
            if not os.path.exists(self.bwrap):
                return 'Bubblewrap is gone: there is no %s.' % self.bwrap
        elif self.root:
            # Without mounts, users of sandboxes have to get at our files.
            for path in (self.state_path,
                         *pathlib.PurePath(self.state_path).parents):
                if not os.path.exists(path):
                    return 'Nothing can run: there is no %s.' % path
                if not os.stat(path).st_mode & 0o001:
                    return ('Nothing can run: other users cannot pass '
                            'through %s.' % path)
        return None

    def path(self, source, destination):
        """:returns: where inside a bound source is found."""
        return destination if self.isolation == 'bubblewrap' else source

    def spawn(self, command, stdin=subprocess.DEVNULL, stdout=None,
              stderr=None):
        """Start a program.

        Blocks until it was started (some milliseconds), not until it ends.

        :param stdin: as with subprocess.Popen, as are stdout and stderr.
        :returns: a processes.Process.
        :raises exception.SandboxError: NodeUnavailable: nothing can.
        """
        missing = self.missing()
        if missing:
            raise exception.NodeUnavailable(missing)
        return _SPAWNER.submit(
            self._spawn, command, stdin, stdout, stderr).result()

    def _spawn(self, command, stdin, stdout, stderr):
        process = processes.Process(self.records, self.uids)
        try:
            if self.cgroups and command.cgroup:
                process.group = self.cgroups.create(
                    self.records.owner + '-%d' % process.number,
                    **command.cgroup)
            self._give(command, process)
            if self.isolation == 'bubblewrap':
                self._spawn_sandboxed(command, process, stdin, stdout, stderr)
            else:
                process.start(
                    self._enter(process) + self._become(command, process),
                    stdin, stdout, stderr, self._environment(command),
                    pass_fds=command.pass_fds,
                    cwd=command.cwd or command.scratch or '/tmp')
        except (OSError, subprocess.SubprocessError) as e:
            process.kill()
            process.close()
            # No process, no memory, no control group: that may pass.
            raise exception.NodeUnavailable(
                'A sandbox cannot be started: %s' % e, retry_after=1) from e
        except exception.SandboxError:
            process.kill()
            process.close()
            raise
        return process

    def _give(self, command, process):
        """Let the sandbox's user write where it may."""
        paths = command.gives + [bind.source for bind in command.binds
                                 if bind.writable]
        if self.isolation == 'none' and command.scratch:
            os.makedirs(command.scratch, mode=0o700, exist_ok=True)
            paths.append(command.scratch)
        if self.root:
            for path in paths:
                os.chown(path, process.uid, process.uid)

    def _environment(self, command):
        env = dict(ENVIRONMENT)
        if self.isolation == 'none' and command.scratch:
            env['HOME'] = env['TMPDIR'] = command.scratch
        env.update(command.env)
        return env

    @staticmethod
    def _enter(process):
        if process.group is None:
            return []
        return (['/bin/sh', '-c', ENTER_GROUPS, 'sh'] + process.group.procs
                + ['--'])

    def _become(self, command, process):
        """argv that drops what root has, sets limits and runs the program."""
        argv = []
        if self.root:
            argv += [self.setpriv, '--reuid', str(process.uid),
                     '--regid', str(process.uid), '--clear-groups',
                     '--inh-caps=-all', '--bounding-set=-all', '--']
        if self.setpriv and self.isolation == 'none':
            # NOTE: changing the user forgets the signal, so it comes after.
            argv += [self.setpriv, '--pdeathsig', 'KILL', '--no-new-privs',
                     '--']
        if command.limits:
            argv += [self.prlimit]
            argv += ['--%s=%d:%d' % (name, value, value)
                     for name, value in command.limits.items()]
            argv += ['--']
        return argv + command.argv

    def _spawn_sandboxed(self, command, process, stdin, stdout, stderr):
        uid = process.uid if self.root else os.getuid()
        gid = process.uid if self.root else os.getgid()
        contents = {
            '/etc/passwd': 'function:x:%d:%d::/tmp:/bin/sh\n' % (uid, gid),
            '/etc/group': 'function:x:%d:\n' % gid}
        fds = []
        try:
            files = {}
            for path, text in contents.items():
                files[path] = processes.content(text.encode(), fds)
            seccomp_fd = None
            if self.seccomp:
                seccomp_fd = processes.content(self.seccomp, fds)
            userns_fd = None
            if self.root and self.has_userns:
                userns_fd = userns.make(uid)
                fds.append(userns_fd)
            info, info_fd = os.pipe()
            process.info = info
            fds.append(info_fd)
            binds = [(b.source, b.destination, b.writable)
                     for b in command.binds]
            binds += [(path, path, False)
                      for path in command.prefixes + self.conf.process.bind
                      if not bubblewrap.within_system(path)]
            argv = self._enter(process) + bubblewrap.arguments(
                self.bwrap, binds, command.network, command.cwd or '/tmp',
                command.tmp_size, self.root, files, seccomp_fd, info_fd,
                userns_fd)
            process.start(argv + self._become(command, process),
                          stdin, stdout, stderr, self._environment(command),
                          pass_fds=fds + command.pass_fds, cwd='/')
        finally:
            for fd in fds:
                os.close(fd)
        process.find_inner()

    def reconcile(self):
        """Kill what a former life of this state directory left running."""
        self.records.reconcile()
        for group in self.cgroups.left_over() if self.cgroups else ():
            name = os.path.basename(next(iter(group.paths.values())))
            if not self.records.owner_lives(name.rpartition('-')[0]):
                group.kill()
                group.remove()


def reclaim(path):
    """Take over a tree that a sandbox wrote: ours, and readable for all.

    Links are not followed. Anything but files, directories and links is
    removed.
    """
    uid, gid = os.getuid(), os.getgid()
    os.chown(path, uid, gid)
    os.chmod(path, 0o755)
    for _, directories, files, fd in os.fwalk(path, follow_symlinks=False):
        for name in directories + files:
            mode = os.lstat(name, dir_fd=fd).st_mode
            if stat.S_ISLNK(mode):
                os.chown(name, uid, gid, dir_fd=fd, follow_symlinks=False)
            elif stat.S_ISDIR(mode):
                os.chown(name, uid, gid, dir_fd=fd, follow_symlinks=False)
                os.chmod(name, 0o755, dir_fd=fd)
            elif stat.S_ISREG(mode):
                os.chown(name, uid, gid, dir_fd=fd, follow_symlinks=False)
                os.chmod(name, 0o755 if mode & 0o100 else 0o644, dir_fd=fd)
            else:
                os.unlink(name, dir_fd=fd)
