# SPDX-License-Identifier: Apache-2.0
"""Docker engines for tests: real ones, with everything of their own.

An engine has its own directories, socket, containerd and control group, so
any number of them run on one machine, beside the one that it may have. With
``network=True`` it gets a network namespace too, and the firewall rules that
Docker makes are made in there: nothing outside is changed.

What an engine started is ended by process id, also when the process that uses
it is killed: a guard sees the end of a pipe and does it then. By hand::

    python -m pratai.tests.integration.engine stop DIRECTORY
"""

import contextlib
import ctypes
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import fixtures

START_SECONDS = 120
STOP_SECONDS = 120
DAEMON = 'dockerd'
PREFIX = 'pratai-engine-'
CONTAINERD = '''
version = 2
root = "%(root)s/containerd"
state = "%(root)s/containerd-state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "%(root)s/containerd.sock"
'''
CLONE_NEWNET = 0x40000000


def why_not():
    """:returns: why no engine can be started here, or None."""
    if os.getuid():
        return 'Only root can start a Docker engine'
    for program in (DAEMON, 'containerd', 'runc'):
        if shutil.which(program, path=_path()) is None:
            return 'There is no %s on this machine' % program
    return None


def _path():
    return os.environ.get('PATH', '') + ':/usr/sbin:/sbin:/usr/bin:/bin'


class Engine(fixtures.Fixture):
    """A Docker engine; use it as a fixture, or start() and stop() it.

    :param root: directory for all it has; default: a new one that is removed
        at the end.
    :param args: further arguments of dockerd, such as
        ``['--insecure-registry=127.0.0.1:5000']``.
    :param network: give it a network namespace and let it make bridges and
        firewall rules there. Otherwise it has the networks "none" and
        "host" only.
    :param uplink: with network, a way out of the namespace to what the
        machine itself reaches.
    :ivar url: address of its socket, for ``docker -H``.
    """

    def __init__(self, root=None, args=(), network=False, uplink=False):
        super().__init__()
        self._given = root
        self.root = root
        self.args = list(args)
        self.network = network
        self.uplink = uplink
        self.process = None
        self.containerd = None
        self._guard = None

    @property
    def gateway(self):
        """Address of this machine as what is inside sees it; with uplink.
        """
        with open(self.path('uplink')) as f:
            return _addresses(int(f.read()))[0]

    # The life of the fixture.

    def _setUp(self):
        self.addCleanup(self.close)
        self.start()

    def start(self):
        """Start it, or start it again after kill(); returns when it answers.

        :raises RuntimeError: it does not; the end of its log says why.
        """
        if self.root is None:
            self.root = tempfile.mkdtemp(prefix=PREFIX, dir=_tmp())
        os.makedirs(self.root, exist_ok=True)
        self.url = 'unix://' + self.path('docker.sock')
        if self._guard is None:
            self._guard = subprocess.Popen(
                [sys.executable, os.path.abspath(__file__), 'guard',
                 self.root],
                stdin=subprocess.PIPE, start_new_session=True)
        inside = []
        if self.network:
            self._make_namespace()
            inside = ['nsenter', '--net=' + self.path('netns'), '--']
        # NOTE: apart from dockerd, as Debian's packages have it; one that
        # dockerd starts dies with it.
        if self.containerd is None or self.containerd.poll() is not None:
            self.containerd = self._spawn(inside + [
                'containerd', '--config', self._containerd_config()])
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path('docker.pid'))
        self.process = self._spawn(inside + self._command())
        self._wait()

    def _spawn(self, command):
        with open(self.path('dockerd.log'), 'ab') as log:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, env=dict(os.environ, PATH=_path()))

    def path(self, name):
        return os.path.join(self.root, name)

    def _command(self):
        command = [
            DAEMON, '--config-file=' + self._config(),
            '--data-root=' + self.path('data'),
            '--exec-root=' + self.path('exec'),
            '--containerd=' + self.path('containerd.sock'),
            '--pidfile=' + self.path('docker.pid'),
            '--host=' + self.url, '--bridge=none',
            '--cgroup-parent=' + _cgroup_name(self.root),
            '--exec-opt=native.cgroupdriver=cgroupfs']
        if not self.network:
            command += ['--iptables=false', '--ip6tables=false',
                        '--ip-forward=false', '--ip-masq=false']
        return command + self.args

    def _config(self):
        """Of its own, or it would read that of the machine."""
        with open(self.path('daemon.json'), 'w') as f:
            json.dump({}, f)
        return self.path('daemon.json')

    def _containerd_config(self):
        with open(self.path('containerd.toml'), 'w') as f:
            f.write(CONTAINERD % {'root': self.root})
        return self.path('containerd.toml')

    def _wait(self):
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if self.process.poll() is not None:
                raise RuntimeError('dockerd ended: ' + self.log())
            if time.monotonic() > deadline:
                raise RuntimeError('dockerd does not answer: ' + self.log())
            time.sleep(0.05)

    def log(self, size=2000):
        """:returns: the end of what it wrote."""
        with open(self.path('dockerd.log'), 'rb') as f:
            return f.read()[-size:].decode(errors='replace')

    def answers(self):
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(5)
                connection.connect(self.path('docker.sock'))
                connection.sendall(b'GET /_ping HTTP/1.0\r\n\r\n')
                return b' 200 ' in connection.recv(64)
        except OSError:
            return False

    def kill(self):
        """Kill dockerd without a chance; what it runs goes on."""
        self.process.kill()
        self.process.wait()

    def terminate(self):
        """Stop dockerd as an operator would; its containers end."""
        self.process.terminate()
        self.process.wait(STOP_SECONDS)

    def close(self):
        """End it and all it runs, and remove what it had."""
        if self.root is None:
            return
        stop(self.root, self.process)
        if self.containerd is not None:
            self.containerd.wait()
        if self._guard is not None:
            self._guard.stdin.write(b'done')
            self._guard.stdin.close()
            self._guard.wait()
            self._guard = None
        if self._given is None:
            shutil.rmtree(self.root, ignore_errors=True)
            self.root = None

    # Its network.

    def _make_namespace(self):
        path = self.path('netns')
        if os.path.exists(path):
            return
        open(path, 'w').close()
        _run('unshare', '--net=' + path, 'true')
        _run('nsenter', '--net=' + path, 'ip', 'link', 'set', 'lo', 'up')
        if self.uplink:
            _connect(self.root, path)

    @contextlib.contextmanager
    def inside(self):
        """The calling thread, and what it starts, in the engine's network.

        Without a network of its own that is where it is anyway.
        """
        if not self.network:
            yield
            return
        with open('/proc/thread-self/ns/net') as before, \
                open(self.path('netns')) as there:
            enter(there)
            try:
                yield
            finally:
                enter(before)


def enter(namespace):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace.fileno(), CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _tmp():
    # NOTE: not tempfile's, which tests change to a directory of their own:
    # an engine may be for all of them. The path of a socket has room for
    # 107 bytes.
    path = os.environ.get('TMPDIR') or '/tmp'
    return path if len(path) < 40 else '/tmp'


def _run(*command, check=True):
    subprocess.run(command, check=check, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   env=dict(os.environ, PATH=_path()))


# The way out: a pair of interfaces, and rules of the machine. The number
# makes the addresses and names differ between engines.

def _connect(root, namespace):
    for number in range(100):
        link = 'prt%d' % number
        try:
            _run('ip', 'link', 'add', link, 'type', 'veth', 'peer', 'name',
                 link + 'p')
            break
        except subprocess.CalledProcessError:
            continue
    with open(os.path.join(root, 'uplink'), 'w') as f:
        f.write('%d' % number)
    outer, inner = _addresses(number)
    _run('ip', 'link', 'set', link + 'p', 'netns', namespace)
    _run('ip', 'addr', 'add', outer + '/30', 'dev', link)
    _run('ip', 'link', 'set', link, 'up')
    for words in (('addr', 'add', inner + '/30', 'dev', link + 'p'),
                  ('link', 'set', link + 'p', 'up'),
                  ('route', 'add', 'default', 'via', outer)):
        _run('nsenter', '--net=' + namespace, 'ip', *words)
    with open('/proc/sys/net/ipv4/ip_forward', 'w') as f:
        f.write('1')
    for rule in _rules(number):
        _run('iptables', '-w', '-t', rule[0], '-I', *rule[1:])


def _disconnect(root):
    try:
        with open(os.path.join(root, 'uplink')) as f:
            number = int(f.read())
    except (OSError, ValueError):
        return
    _run('ip', 'link', 'del', 'prt%d' % number, check=False)
    for rule in _rules(number):
        _run('iptables', '-w', '-t', rule[0], '-D', *rule[1:], check=False)
    os.unlink(os.path.join(root, 'uplink'))


def _addresses(number):
    return ('10.213.%d.1' % number, '10.213.%d.2' % number)


def _rules(number):
    """Hide what is inside, and let it through where another engine of the
    machine has forbidden that."""
    link, inner = 'prt%d' % number, _addresses(number)[1] + '/32'
    return [('nat', 'POSTROUTING', '-s', inner, '-j', 'MASQUERADE'),
            ('filter', 'FORWARD', '-i', link, '-j', 'ACCEPT'),
            ('filter', 'FORWARD', '-o', link, '-j', 'ACCEPT')]


# Ending.

def stop(root, process=None):
    """End the engine that has a directory, and all that it runs.

    :param process: its dockerd, when it is a child of ours.
    """
    pid = _read_pid(os.path.join(root, 'docker.pid'), root)
    if process is not None and process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        process.kill()
        process.wait()
    elif pid:
        _end(pid, signal.SIGTERM, STOP_SECONDS)
        _end(pid, signal.SIGKILL, 5)
    # What was left by a dockerd that was killed: its containerd and their
    # helpers, then what ran in containers.
    for _ in range(100):
        left = [pid for pid in _pids() if _is_of(pid, root)]
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if not left:
            break
        time.sleep(0.05)
    _unmount(root)
    _disconnect(root)
    _remove_cgroups(root)


def _cgroup_name(root):
    return '/pratai-test-' + hashlib.sha256(
        os.path.realpath(root).encode()).hexdigest()[:12]


def _pids():
    return [int(name) for name in os.listdir('/proc') if name.isdigit()]


def _is_of(pid, root):
    """Whether a process is of an engine: its daemons name the directory in
    their command lines, and what runs in containers is in its group."""
    if pid == os.getpid():
        return False
    try:
        with open('/proc/%d/cmdline' % pid, 'rb') as f:
            words = f.read().split(b'\0')
        with open('/proc/%d/cgroup' % pid) as f:
            groups = f.read()
    except OSError:
        return False
    program = os.path.basename(words[0]).decode(errors='replace')
    if program == DAEMON or program.startswith(('containerd', 'docker-')):
        return any((root + '/').encode() in word for word in words)
    return any(line.split(':', 2)[2].startswith(_cgroup_name(root) + '/')
               for line in groups.splitlines())


def _read_pid(path, root):
    try:
        with open(path) as f:
            pid = int(f.read())
    except (OSError, ValueError):
        return None
    return pid if _is_of(pid, root) else None


def _end(pid, number, seconds):
    deadline = time.monotonic() + seconds
    try:
        os.kill(pid, number)
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.05)
    except OSError:
        pass


def _unmount(root):
    with open('/proc/self/mountinfo') as f:
        points = [line.split()[4] for line in f]
    for point in reversed(points):
        if point.startswith(root.rstrip('/') + '/'):
            _run('umount', '-l', point, check=False)


def _remove_cgroups(root):
    name = _cgroup_name(root).strip('/')
    bases = ['/sys/fs/cgroup']
    with contextlib.suppress(OSError):
        bases += [entry.path for entry in os.scandir('/sys/fs/cgroup')
                  if entry.is_dir(follow_symlinks=False)]
    for base in bases:
        for path, _, _ in os.walk(os.path.join(base, name), topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(path)


def _guard(root):
    """Wait for the end of whoever uses the engine, then stop it."""
    if sys.stdin.buffer.read() != b'done':
        stop(root)
        if os.path.basename(root).startswith(PREFIX):
            shutil.rmtree(root, ignore_errors=True)


if __name__ == '__main__':
    {'guard': _guard, 'stop': stop}[sys.argv[1]](sys.argv[2])
