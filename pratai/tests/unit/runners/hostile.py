# SPDX-License-Identifier: Apache-2.0
"""Functions that misbehave: the module that runner tests run.

Each takes the payload {"do": name, ...}. Python 2.7 and 3.
"""

from __future__ import print_function

import ctypes
import errno
import logging
import os
import resource
import signal
import socket
import stat
import sys
import tempfile
import threading
import time

LOG = logging.getLogger('pratai')
COUNTER = []
RUN_DIR = '/run/pratai'


def main(payload=None):
    if not isinstance(payload, dict) or 'do' not in payload:
        return payload
    arguments = dict((str(k), v) for k, v in payload.items())
    return globals()['do_' + arguments.pop('do')](**arguments)


# Well-behaved ones, to look around with.

def do_echo(value=None):
    return value


def do_count():
    COUNTER.append(1)
    return len(COUNTER)


def do_write(lines=3):
    for number in range(lines):
        print('out', number)
        sys.stderr.write('err %d\n' % number)
        LOG.info('log %d', number)
        os.write(1, b'raw\n')
    sys.stdout.write('no newline ')
    LOG.critical('at once')
    sys.stdout.write(u'caf\xe9 \u20ac' if sys.version_info[0] > 2
                     else u'caf\xe9 \u20ac'.encode('utf-8'))


def do_levels():
    for name in ('debug', 'info', 'warning', 'error', 'critical'):
        getattr(LOG, name)(u'%s caf\xe9', name)
    try:
        raise ValueError('inner')
    except ValueError:
        LOG.exception('caught')


def do_where():
    return {'cwd': os.getcwd(), 'tmp': tempfile.gettempdir(),
            'env': os.environ.get('TMPDIR'), 'files': os.listdir('.'),
            'uid': os.getuid(), 'pid': os.getpid(),
            'environ': dict(os.environ)}


def do_wait(seconds=60):
    print('waiting')
    sys.stdout.flush()
    time.sleep(seconds)


def do_alive(pids):
    """:returns: those of pids that run."""
    return [pid for pid in pids if os.path.exists('/proc/%d' % pid)]


def do_look(paths):
    """:returns: path -> None if it can be read, else the name of the error.
    """
    found = {}
    for path in paths:
        try:
            if os.path.isdir(path):
                os.listdir(path)
            else:
                with open(path, 'rb') as f:
                    f.read(1)
            found[path] = None
        except EnvironmentError as e:
            found[path] = errno.errorcode[e.errno]
    return found


def do_touch(paths):
    found = {}
    for path in paths:
        try:
            with open(path, 'w'):
                found[path] = None
        except EnvironmentError as e:
            found[path] = errno.errorcode[e.errno]
    return found


def do_connect(host, port):
    try:
        socket.create_connection((host, port), 5).close()
    except EnvironmentError as e:
        return errno.errorcode.get(e.errno, str(e))


def do_listdir(path):
    return sorted(os.listdir(path))


def do_limits():
    return dict((name, resource.getrlimit(getattr(resource, name)))
                for name in ('RLIMIT_DATA', 'RLIMIT_NPROC', 'RLIMIT_FSIZE',
                             'RLIMIT_NOFILE', 'RLIMIT_CORE'))


def do_status():
    with open('/proc/self/status') as f:
        return dict(line.rstrip('\n').split(':\t', 1) for line in f
                    if ':\t' in line)


# Ends.

def do_exit(code=None):
    sys.exit(code)


def do_builtin_exit(code=None):
    exit(code)


def do_hard_exit(code=0):
    os._exit(code)


def do_raise(kind='ValueError', text='no'):
    raise getattr(__builtins__, kind, None) or __builtins__[kind](text)


class Odd(BaseException):
    def __str__(self):
        raise RuntimeError('no words')

    __repr__ = __str__


def do_odd():
    raise Odd()


def do_long_error():
    raise ValueError('x' * 100000 + '\n' + 'y' * 100000)


def do_unicode_error():
    raise ValueError(u'caf\xe9\nsecond line')


def do_recurse():
    do_recurse()


def do_segfault():
    ctypes.string_at(0)


def do_abort():
    os.abort()


def do_stop_self():
    os.kill(os.getpid(), signal.SIGSTOP)


def do_ignore_signals(then='wait'):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP,
                   signal.SIGXCPU, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
    print('ignoring')
    sys.stdout.flush()
    while True:
        time.sleep(1)


# Answers.

def do_answer(kind):
    cycle = []
    cycle.append(cycle)
    deep = []
    for _ in range(100000):
        deep = [deep]

    class Liar(dict):
        def __iter__(self):
            raise KeyError('liar')
        items = iteritems = keys = __iter__

    answers = {
        'nan': float('nan'), 'infinity': [float('inf')],
        'bytes': b'\xff\xfe', 'set': set([1]), 'cycle': cycle, 'deep': deep,
        'object': object(), 'function': main, 'key': {(1, 2): 3},
        'liar': Liar(a=1), 'generator': (n for n in range(3)),
        'surrogate': u'\ud800', 'zero': u'a\0b', 'none': None,
    }
    return answers[kind]


def do_large(size):
    return 'x' * size


# Resources.

def do_eat():
    everything = []
    while True:
        everything.append(bytearray(4 << 20))


def do_eat_much():
    return len(bytearray(1 << 40))


def do_eat_and_catch():
    try:
        do_eat()
    except MemoryError:
        return 'caught'


def do_eat_shared():
    """Memory that no limit of a process counts."""
    import mmap
    everything = []
    while True:
        area = mmap.mmap(-1, 16 << 20)
        area.write(b'x' * (16 << 20))
        everything.append(area)


def do_raise_limits():
    refused = []
    for name in ('RLIMIT_DATA', 'RLIMIT_NPROC', 'RLIMIT_FSIZE',
                 'RLIMIT_NOFILE'):
        which = getattr(resource, name)
        try:
            resource.setrlimit(which, (resource.RLIM_INFINITY,) * 2)
        except (ValueError, EnvironmentError):
            refused.append(name)
    return refused


def do_large_file(size):
    with open('large', 'wb') as f:
        while size > 0:
            f.write(b'\0' * min(size, 1 << 20))
            size -= 1 << 20
    return os.path.getsize('large')


def do_fill(path):
    """Write until there is no room."""
    written = 0
    try:
        with open(os.path.join(path, 'filler'), 'wb') as f:
            while True:
                f.write(b'\0' * (1 << 20))
                f.flush()
                written += 1 << 20
    except EnvironmentError:
        return written


def do_files(count=2000):
    held = []
    try:
        for _ in range(count):
            held.append(os.dup(0))
    except EnvironmentError as e:
        return errno.errorcode[e.errno]


def do_threads(count=4):
    for _ in range(count):
        threading.Thread(target=time.sleep, args=(3600,)).start()
    return count


def do_print_forever():
    while True:
        print('x' * 1000)


# Processes.

def _daemon(run):
    """Double fork with setsid.

    :returns: pid.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.setsid()
        grandchild = os.fork()
        if grandchild:
            os.write(writer, str(grandchild).encode())
            os._exit(0)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        try:
            run()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    return int(os.read(reader, 20))


def do_daemons(count=3):
    return [_daemon(lambda: time.sleep(3600)) for _ in range(count)]


def do_daemons_then_hang():
    do_daemons()
    do_ignore_signals()


def do_orphans_without_reaper():
    """Undo what would keep orphans below us."""
    libc = ctypes.CDLL(None)
    libc.prctl(36, 0, 0, 0, 0)
    return do_daemons()


def do_escape():
    """A process that is a child of the runner, not of ours.

    :returns: its id; None where the number of clone() is not known.
    """
    number = {'x86_64': 56, 'aarch64': 220}.get(os.uname()[4])
    if number is None:
        return None
    reader, writer = os.pipe()
    # clone() with CLONE_PARENT; it shares nothing, so this is a fork.
    if not ctypes.CDLL(None).syscall(number, 0x8000 | signal.SIGCHLD, 0, 0,
                                     0, 0):
        os.write(writer, str(os.getpid()).encode())
        time.sleep(3600)
        os._exit(0)
    return [int(os.read(reader, 20))]


def do_fall_through(how, seconds=0):
    """Fork, and let both return.

    :returns: how the other one ended, if we wait for it.
    """
    child = os.fork()
    if child:
        return None if seconds else os.WEXITSTATUS(os.waitpid(child, 0)[1])
    time.sleep(seconds)
    if how == 'raise':
        raise ValueError('forked')
    if how == 'exit':
        sys.exit(3)
    return 'forked'


def do_fork_bomb():
    while True:
        try:
            os.fork()
        except OSError:
            pass


def do_chain_bomb():
    """Processes that fork and end, faster than anybody looks."""
    if not os.fork():
        os.setsid()
        while True:
            try:
                if os.fork():
                    os._exit(0)
            except OSError:
                pass
    return 'started'


def do_many_chains(count=10):
    for _ in range(count):
        do_chain_bomb()
    return 'started'


def do_deny_ends():
    """As if there were a child that does not die."""
    os.waitpid = lambda pid, options: (0, 0)


def do_kill_all():
    os.kill(-1, signal.SIGKILL)
    return 'alive'


def do_kill_parent():
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT,
                   signal.SIGCHLD, signal.SIGSTOP, signal.SIGHUP):
        os.kill(os.getppid(), number)
    return os.getppid()


def do_reap_parent():
    """Ptrace, and memory of others."""
    found = []
    for path in ('/proc/%d/mem', '/proc/%d/environ', '/proc/%d/fd'):
        path %= os.getppid()
        try:
            if path.endswith('fd'):
                os.listdir(path)
            else:
                open(path, 'rb').close()
            found.append(path)
        except EnvironmentError:
            pass
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(16, os.getppid(), 0, 0) == 0:
        found.append('ptrace')
    return found


def do_siblings():
    """:returns: files of other processes that can be opened."""
    found = []
    for name in os.listdir('/proc'):
        if name.isdigit() and int(name) != os.getpid():
            for file in ('mem', 'environ'):
                try:
                    open('/proc/%s/%s' % (name, file), 'rb').close()
                    found.append(file)
                except EnvironmentError:
                    pass
    return found


def do_system_calls():
    """:returns: names of those that were not refused."""
    libc = ctypes.CDLL(None, use_errno=True)
    allowed = []
    for name, call in (
            ('unshare', lambda: libc.unshare(0x10000000)),
            ('mount', lambda: libc.mount(b'x', b'/tmp', b'tmpfs', 0, None)),
            ('setuid', lambda: libc.setuid(0)),
            ('chroot', lambda: libc.chroot(b'/tmp')),
            ('keyctl', lambda: libc.syscall(250, 0, -3, 1)),
            ('bpf', lambda: libc.syscall(321, 0, 0, 0)),
            ('io_uring_setup', lambda: libc.syscall(425, 1, 0)),
            ('vsock', lambda: libc.socket(40, 1, 0)),
            ('sethostname', lambda: libc.sethostname(b'x', 1)),
            ('kill init', lambda: libc.kill(1, 0) and -1)):
        if name != 'kill init' and call() != -1:
            allowed.append(name)
    return allowed


# Descriptors, sockets, modules.

def do_close_all():
    os.closerange(0, 4096)
    return 'closed'


def do_descriptors():
    """:returns: what is open beside 0, 1 and 2."""
    modes = []
    for fd in range(3, 256):
        try:
            modes.append((fd, os.fstat(fd).st_mode))
        except OSError:
            pass
    found = []
    for fd, mode in modes:
        kind = 'pipe' if stat.S_ISFIFO(mode) else 'other'
        if stat.S_ISSOCK(mode):
            one = socket.fromfd(fd, socket.AF_UNIX, socket.SOCK_STREAM)
            listens = one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            kind = 'listening' if listens else 'connected'
            one.close()
        found.append(kind)
    return found


def do_replace_output():
    class Broken(object):
        def write(self, data):
            raise RuntimeError('broken')
        flush = close = write
    sys.stdout = sys.stderr = Broken()
    raise ValueError('with broken output')


def do_close_output():
    sys.stdout.close()
    sys.stderr.close()
    return 'closed'


def do_connections(count=1000, garbage=b'RRRR\xff\xff\xff\xff' * 100,
                   run_dir=RUN_DIR):
    held = []
    for name in ('runner.sock', 'control.sock'):
        for _ in range(count):
            one = socket.socket(socket.AF_UNIX)
            one.setblocking(False)
            try:
                one.connect(os.path.join(run_dir, name))
                one.send(garbage)
            except EnvironmentError:
                pass
            held.append(one)
            if len(held) > 900:
                break
    time.sleep(0.2)
    return len(held)


def do_steal_sockets(run_dir=RUN_DIR):
    """Put ourselves in the runner's place."""
    result = []
    for name in ('runner.sock', 'control.sock'):
        path = os.path.join(run_dir, name)
        try:
            os.unlink(path)
            result.append('removed ' + name)
        except EnvironmentError:
            pass
        try:
            socket.socket(socket.AF_UNIX).bind(path + '.new')
            os.rename(path + '.new', path)
            result.append('replaced ' + name)
        except EnvironmentError:
            pass
    return result


def do_break_modules():
    for name in list(sys.modules):
        if name not in ('sys', 'os'):
            sys.modules[name] = None
    os.__dict__.clear()
    return 'broken'


# Files.

def do_tidy_up(path='/tmp'):
    """rm -rf, which takes the directories of others along."""
    import shutil
    for name in os.listdir(path):
        shutil.rmtree(os.path.join(path, name), ignore_errors=True)


def do_close_directories(paths=('/tmp', '/dev/shm')):
    closed = []
    for path in paths:
        try:
            os.chmod(path, 0)
            closed.append(path)
        except OSError:
            pass
    return closed


def do_leave_files(shared=('/tmp', '/dev/shm')):
    deep = 'deep'
    os.mkdir(deep)
    top = os.getcwd()
    os.chdir(deep)
    for _ in range(1500):
        os.mkdir('d')
        os.chdir('d')
    os.chdir(top)
    os.mkdir('closed')
    open('closed/file', 'w').close()
    os.chmod('closed/file', 0)
    os.chmod('closed', 0)
    os.symlink('/', 'root')
    os.symlink('/nowhere', 'dangling')
    os.mkfifo('fifo')
    for path in shared:
        open(os.path.join(path, 'left'), 'w').close()
        os.mkdir(os.path.join(path, 'left.d'))
        open(os.path.join(path, 'left.d', 'file'), 'w').close()
    return top
