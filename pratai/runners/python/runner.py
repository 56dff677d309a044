# SPDX-License-Identifier: Apache-2.0
"""Runs a Python function for Pratai; see contributor/runner-protocol.rst.

One file without dependencies, for CPython 2.7 and 3.6 or later, started as

    python3 -I -S -B runner.py        (python2.7 -E -s -S -B runner.py)

in a sandbox with PRATAI_RUN_DIR in its environment. It imports the function
once and then forks: a spare child is always ready and blocked in accept(),
so that whoever connects does not wait for the fork.

What is here runs before, or in the way of, every request. So modules are
imported late where that is possible, and small C modules are used directly
where their wrappers would load many more (_socket, _signal, _json).
"""

import errno
import fcntl
import mmap
import os
import resource
import select
import struct
import sys
import time

try:
    import _signal as signal
except ImportError:
    import signal
import _socket

PY2 = sys.version_info[0] == 2
if PY2:
    import _multiprocessing                     # recvfd

SO_PEERCRED = getattr(_socket, 'SO_PEERCRED', 17)
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 1, 4, 36
SCHED_BATCH, SCHED_RESET_ON_FORK = 3, 0x40000000
SIGKILL, SIGSTOP, SIGCONT, SIG_DFL = 9, 19, 18, 0
SIGCHLD = signal.SIGCHLD
WALL = 0x40000000           # wait for whatever was made with clone(), too

MAX_HEADER = 1 << 16
MAX_BODY = 1 << 28
MAX_DETAIL = 1000
SEND_SECONDS = 10           # for the executor to take a control frame
SWEEP_SECONDS = 2           # for left-over processes to be gone
LEFT_SECONDS = 0.5          # the same, while a caller waits for its answer
ROUNDS = 50                 # tries at least, on a machine that is slow
LOOK_SECONDS = 1            # between looks for those that got away from that
RETRY_SECONDS = 0.02        # until the next try to fork
BACKLOG = 1024
RESERVE = 32 << 20          # bytes to report with that memory has run out
THREAD_STACK = 2 << 20      # a thread's stack counts as memory in full
WARM_UPS = 10
CLEAN = 90                  # exit code of a child that gave its answer
SUCCEEDED = b'{"type":"result","status":"succeeded","call":%d}'
LENGTHS = struct.Struct('!II')


class Closed(Exception):
    """The other side is gone, or talks nonsense."""


class Libc(object):
    """Functions of the C library, without the ctypes package: importing
    that takes ten times as long as importing the module below it."""

    def __init__(self):
        try:
            import _ctypes
            library = _ctypes.dlopen(None, 0)
            self._call = _ctypes.call_function
            self._find = lambda name: _ctypes.dlsym(library, name)
            self._prctl = self._find('prctl')
        except Exception:
            try:
                import ctypes
                self._find = lambda name: getattr(ctypes.CDLL(None), name)
                self._call = lambda function, args: function(*args)
                self._prctl = self._find('prctl')
            except Exception:
                self._prctl = None

    def prctl(self, option, value):
        if self._prctl is not None:
            self._call(self._prctl, (option, value, 0, 0, 0))

    def be_patient(self):
        """Never push a running process aside, other than our children.

        When a request arrives we have to fork; the child that has it should
        not be the one to wait for that.
        """
        if self._prctl is not None:
            self._call(self._find('sched_setscheduler'),
                       (0, SCHED_BATCH | SCHED_RESET_ON_FORK, b'\0' * 4))


# -- JSON ------------------------------------------------------------------

class Decoding(object):
    """What the scanner of the json module wants to know."""

    strict = True
    encoding = 'utf-8'                          # 2.7
    object_hook = object_pairs_hook = None
    parse_float = float
    parse_int = int
    memo = {}

    @staticmethod
    def parse_constant(name):
        raise ValueError(name + ' is not JSON')


def refuse(value):
    raise TypeError('Object of type %s is not JSON serializable'
                    % type(value).__name__)


def make_json():
    """The C part of the json module, strict, without the module.

    Importing that would take a third of the time in which we start.

    :returns: two callables: text -> value, which raises ValueError, and value
        -> bytes, which raises ValueError or TypeError.
    """
    from _json import encode_basestring_ascii
    from _json import make_encoder
    from _json import make_scanner
    scan = make_scanner(Decoding)

    def decode(text):
        text = text.strip()
        try:
            value, end = scan(text, 0)
        except (StopIteration, SystemError):
            # The latter where it looks for an exception of the json module.
            raise ValueError('not JSON')
        if end != len(text):
            raise ValueError('more than one JSON value')
        return value

    def encode(value):
        make = make_encoder({}, refuse, encode_basestring_ascii, None, ':',
                            ',', False, False, False)
        return ''.join(make(value, 0)).encode('ascii')

    text = '[1.5,{"a":"\\u00e9"},null,-3]'
    value = [1.5, {'a': u'\xe9'}, None, -3]
    if decode(text) != value or encode(value) != text.encode('ascii'):
        raise ValueError()
    return decode, encode


def make_json_plainly():
    """As make_json(), for an interpreter whose json is another one."""
    import json
    encoder = json.JSONEncoder(allow_nan=False, separators=(',', ':'))
    return (json.JSONDecoder(parse_constant=Decoding.parse_constant).decode,
            lambda value: encoder.encode(value).encode('ascii'))


try:
    decode, encode = make_json()
except Exception:
    decode, encode = make_json_plainly()


# -- Frames ----------------------------------------------------------------

def retry(call, *args):
    """call(*args), again if a signal came (2.7 leaves that to its users)."""
    while True:
        try:
            return call(*args)
        except EnvironmentError as e:
            if e.errno != errno.EINTR:
                raise


def write_all(fd, data):
    while data:
        data = data[retry(os.write, fd, data):]


def frame(header, body=b''):
    if not isinstance(header, bytes):
        header = encode(header)
    return LENGTHS.pack(len(header), len(body)) + header + body


def read_frame(fd, data=b''):
    """:returns: (header, body), both bytes.

    :param data: what was already read of it.
    :raises Closed:
    """
    size = LENGTHS.size
    while True:
        if len(data) >= LENGTHS.size:
            head, body = LENGTHS.unpack(data[:LENGTHS.size])
            if head > MAX_HEADER or body > MAX_BODY:
                raise Closed('frame too large')
            size = LENGTHS.size + head + body
            if len(data) >= size:
                break
        more = retry(os.read, fd, size - len(data))
        if not more:
            raise Closed('end of file')
        data = data + more if data else more
    start = LENGTHS.size + head
    return data[LENGTHS.size:start], data[start:]


def describe(kind, value):
    """:returns: a line about an exception, whatever its class does."""
    try:
        text = str(value)
    except BaseException:
        try:
            text = value.args[0].encode('utf-8')        # 2.7, unicode
        except BaseException:
            text = ''
    if PY2:
        text = text.decode('utf-8', 'replace')
    text = (text.strip().splitlines() or [''])[0]
    name = getattr(kind, '__name__', 'exception')
    return (name + ': ' + text if text else name)[:MAX_DETAIL]


# -- Output ----------------------------------------------------------------

class Output(object):
    """sys.stdout and sys.stderr of 2.7: takes str and unicode."""

    encoding = 'utf-8'
    errors = 'replace'

    def __init__(self, fd, before=None):
        self._file = os.fdopen(fd, 'ab', 1)
        self._before = before

    def write(self, data):
        if self._before is not None:
            self._before.flush()
        if not isinstance(data, bytes):
            data = data.encode('utf-8', 'replace')
        self._file.write(data)

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def __getattr__(self, name):
        return getattr(self._file, name)


def open_output():
    """Line by line, and in the order in which it was written."""
    if PY2:
        out = Output(1)
        return out, Output(2, out)
    import io

    class Stderr(io.TextIOWrapper):
        def write(self, data):
            out.flush()
            return io.TextIOWrapper.write(self, data)

    def wrap(kind, fd):
        return kind(io.open(fd, 'wb', closefd=False), encoding='utf-8',
                    errors='backslashreplace', line_buffering=True)

    out = wrap(io.TextIOWrapper, 1)
    return out, wrap(Stderr, 2)


def set_up_logging(logging):
    """The logger 'pratai': "LEVEL message" to the log of the request."""

    class Handler(logging.Handler):
        def emit(self, record):
            try:
                text = self.format(record)
                if not isinstance(text, bytes):
                    text = text.encode('utf-8', 'replace')
                sys.stdout.flush()
                write_all(2, text + b'\n')
            except Exception:
                self.handleError(record)

    handler = Handler()
    handler.setFormatter(logging.Formatter('%(levelname)s %(message)s'))
    logger = logging.getLogger('pratai')
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(handler)


class LoggingImport(object):
    """On sys.meta_path: sets up logging when somebody imports it."""

    def find_spec(self, name, path=None, target=None):
        if name != 'logging':
            return None
        import _frozen_importlib_external
        sys.meta_path.remove(self)
        spec = _frozen_importlib_external.PathFinder.find_spec(name)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            set_up_logging(module)

        spec.loader.exec_module = exec_module
        return spec

    if PY2:
        def find_module(self, name, path=None):
            return self if name == 'logging' else None

        def load_module(self, name):
            sys.meta_path.remove(self)
            __import__(name)
            set_up_logging(sys.modules[name])
            return sys.modules[name]


# -- Loading the function --------------------------------------------------

class Unusable(Exception):
    def __init__(self, code, detail, text=''):
        Exception.__init__(self, detail)
        self.code = code
        self.detail = detail
        self.text = text


def wrong_signature(entry):
    """:returns: what is wrong with main(payload), or None.

    Only looks at plain functions: everything else gets the benefit of doubt.
    """
    code = getattr(entry, '__code__', None)
    if code is None:
        return None if callable(entry) else 'it is not a function'
    takes = code.co_argcount
    needs = takes - len(getattr(entry, '__defaults__', None) or ())
    if getattr(entry, '__self__', None) is not None:
        takes, needs = takes - 1, needs - 1
    if takes < 1 and not code.co_flags & 4:
        return 'it takes no argument'
    if needs > 1:
        return 'it needs %d arguments' % needs
    keywords = getattr(code, 'co_kwonlyargcount', 0)
    if keywords > len(getattr(entry, '__kwdefaults__', None) or ()):
        return 'it needs keyword arguments'
    return None


def load(config):
    """Import the function.

    :returns: a callable of one argument.
    :raises Unusable:
    """
    code_dir, deps_dir = config['code_dir'], config.get('deps_dir')
    name, entry = config['module'], config['entry']
    # As ever: the program, the standard library, what was installed.
    sys.path.insert(0, code_dir)
    if deps_dir:
        sys.path.append(deps_dir)
        try:
            names = os.listdir(deps_dir)
        except OSError:
            names = []
        if any(n.endswith('.pth') for n in names):
            import site
            site.addsitedir(deps_dir)
    try:
        __import__(name)
        module = sys.modules[name]
    except BaseException:
        kind, value, trace = sys.exc_info()
        code = 'build.import_failed'
        if isinstance(value, SyntaxError):
            where = os.path.join(code_dir, name + '.py')
            if getattr(value, 'filename', None) == where:
                code = 'build.syntax_error'
        import traceback
        lines = traceback.format_exception(kind, value, trace.tb_next)
        raise Unusable(code, describe(kind, value), ''.join(lines))
    function = getattr(module, entry, None)
    if function is None:
        raise Unusable('build.no_main',
                       '%s.py has no function %s' % (name, entry))
    problem = wrong_signature(function)
    if problem:
        raise Unusable('build.no_main', '%s has to take one argument, the '
                       'payload: %s' % (entry, problem))
    return plain(function)


def plain(function):
    """:returns: a function for one that may be an "async def"."""
    if getattr(getattr(function, '__code__', None), 'co_flags', 0) & 0x80:
        import asyncio
        return lambda payload: asyncio.run(function(payload))
    return function


# -- The child: one request (or one after another) -------------------------

class Child(object):
    """A process that serves one connection."""

    def __init__(self, runner, base):
        self.runner = runner
        self.base = base            # directory for all that it writes
        self.accepted = False       # else it rehearses
        self.served = 0
        self.nudged_at = 0
        self.pid = os.getpid()
        self.function = runner.function

    def prepare(self):
        """All that can be done before there is a request."""
        runner = self.runner
        signal.set_wakeup_fd(-1)
        signal.signal(SIGCHLD, SIG_DFL)
        for fd in runner.parents_fds:
            os.close(fd)
        os.setsid()
        runner.libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
        runner.libc.prctl(PR_SET_PDEATHSIG, SIGKILL)
        for which, limits in runner.child_limits:
            resource.setrlimit(which, limits)
        self.make_directory(self.base)
        self.rehearse()
        if runner.gc_enabled:
            runner.enable_gc()

    def make_directory(self, path):
        """Make a directory and work in it, or in the one it would be in."""
        top = self.runner.tmp_dirs[0]
        try:
            os.mkdir(path, 0o700)
        except OSError as e:
            try:
                if e.errno == errno.EACCES:     # a function closed it
                    os.chmod(top, 0o1777)
                    os.mkdir(path, 0o700)
                elif e.errno != errno.EEXIST:
                    path = top
            except OSError:
                path = top
        try:
            os.chdir(path)
        except OSError:
            pass
        os.environ['TMPDIR'] = path
        tempfile = sys.modules.get('tempfile')
        if tempfile is not None:
            tempfile.tempdir = path

    def rehearse(self):
        """Serve a request of our own making, with another function.

        After a fork the first write to each page copies it. This way that
        is done before somebody waits for it.
        """
        ours, theirs = _socket.socketpair(_socket.AF_UNIX,
                                          _socket.SOCK_STREAM, 0)
        ours_fd, theirs_fd = ours.fileno(), theirs.fileno()
        data = frame(
            b'{"request_id":"0","attempt":1,"timeout":60,"call":12345678}',
            b'{"a":[1,"b",null]}')
        if PY2:
            _multiprocessing.sendfd(ours_fd, self.runner.null)
            os.write(ours_fd, data)
        else:
            ours.sendmsg([b'R' + data],
                         [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS,
                           struct.pack('i', self.runner.null))])
        function, self.function = self.function, _same
        try:
            self.serve_one(theirs, theirs_fd)
        finally:
            self.function = function
            ours.close()
            theirs.close()

    def accept(self):
        """Wait for a connection of the executor.

        Functions can reach the socket too: what comes from inside the
        sandbox is another process than the one at the control socket.
        """
        runner = self.runner
        while True:
            if PY2:
                connection, _ = retry(runner.listener.accept)
            else:
                fd, _ = runner.listener._accept()
                connection = _socket.socket(_socket.AF_UNIX,
                                            _socket.SOCK_STREAM, 0, fd)
            if connection.getsockopt(_socket.SOL_SOCKET, SO_PEERCRED,
                                     12)[:8] == runner.peer:
                break
            connection.close()
        os.write(runner.taken, struct.pack('i', self.pid))
        os.close(runner.taken)
        runner.listener.close()
        return connection

    def receive(self, connection, fd):
        """:returns: (fd of the log, number of the call, payload), or None
            at the end.
        """
        if PY2:
            # NOTE: recvfd() takes the byte too, but cannot tell the end.
            if not retry(connection.recv, 1, _socket.MSG_PEEK):
                return None
            log, data = retry(_multiprocessing.recvfd, fd), b''
        else:
            data, ancillary, _, _ = connection.recvmsg(16384, 24)
            if not data:
                return None
            if data[:1] != b'R' or not ancillary:
                raise Closed('not a request')
            log, = struct.unpack_from('i', ancillary[0][2])
            data = data[1:]
        header, body = read_frame(fd, data)
        return log, decode(header.decode('utf-8')).get('call', 0), body

    def serve_one(self, connection, fd):
        """:returns: whether there was a request, and there may be more."""
        request = self.receive(connection, fd)
        if request is None:
            return False
        log, call, body = request
        try:
            os.getcwd()
        except OSError:                 # some function cleaned up in /tmp
            self.make_directory(self.base)
        write_all(fd, frame(
            b'{"type":"started","pid":%d,"call":%d}' % (self.pid, call)))
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
        answer = self.run(call, body)
        self.end_forked()
        self.flush()
        if self.runner.once:
            self.leave_nothing()
            write_all(fd, answer)
            return False
        os.dup2(self.runner.null, 1)            # the log ends here
        os.dup2(self.runner.null, 2)
        alone = self.end_left()
        if not alone:
            answer = frame({'type': 'last', 'call': call}) + answer
        write_all(fd, answer)
        if alone:
            self.nudge()
        return alone

    def end_forked(self, status=None):
        """End if we are not the process that was asked.

        Then a function forked us and did not end what it forked: it came
        back into code that is not meant for two.

        :param status: as sys.exit() takes it.
        """
        if os.getpid() != self.pid:
            self.flush()
            os._exit(status if isinstance(status, int)
                     else status is not None)

    def end_left(self):
        """Kill the processes that a request left, before it is answered.

        :returns: whether there are none.
        """
        if self.pid == self.runner.pid:         # it rehearses
            return True
        deadline = None
        rounds = 0
        try:
            while True:
                try:
                    buried, _ = os.waitpid(-1, os.WNOHANG | WALL)
                except OSError:
                    return True                 # ECHILD, as nearly always
                now = time.time()
                if deadline is None:
                    deadline = now + LEFT_SECONDS
                elif now > deadline and rounds >= ROUNDS:
                    return False
                rounds += 1
                if not buried:
                    # What these have below them is ours the next time.
                    for pid in children(self.pid):
                        kill(pid, SIGKILL)
                    time.sleep(0.0005)
        except Exception:       # no memory, or no descriptors, to find them
            return False

    def nudge(self):
        """Have the runner look for processes that are not below us.

        A function can undo that we are a subreaper, or make processes that
        are children of our parent. Not for each request: the runner looks
        once more when it may be nudged again.
        """
        now = time.time()
        if self.accepted and abs(now - self.nudged_at) > LOOK_SECONDS:
            self.nudged_at = now
            kill(self.runner.pid, SIGCHLD)

    def leave_nothing(self):
        """Remove files outside of our own directory before we answer.

        The parent does so too, but only after the answer: the next request
        of a caller could come first and find them. While others run they
        may be theirs, and stay until nobody does.
        """
        runner = self.runner
        left = [path for path in runner.not_kept()
                if not (path.startswith(runner.base)
                        and path[len(runner.base):].isdigit())]
        if left and self.accepted and runner.busy[:].count(b'\1') == 1:
            remove(left)
        self.mark(b'\0')

    def mark(self, busy):
        if self.accepted:
            slot = self.runner.slot(self.base)
            self.runner.busy[slot:slot + 1] = busy

    def serve(self):
        self.prepare()
        connection = self.accept()
        self.accepted = True
        self.mark(b'\1')
        fd = connection.fileno()
        while self.serve_one(connection, fd):
            self.change_directory()

    def change_directory(self):
        """An empty directory for the next request."""
        old = os.environ.get('TMPDIR')
        try:
            if os.getcwd() == old and not os.listdir(old):
                return
        except (OSError, TypeError):
            pass
        self.served += 1
        if not os.path.isdir(self.base):
            self.make_directory(self.base)
        self.make_directory('%s/%d' % (self.base, self.served))
        remove([self.base + '/' + name for name in listing(self.base)
                if name != str(self.served)])

    def flush(self):
        ours = self.runner.streams
        for stream in (sys.stdout, sys.stderr):
            if stream not in ours:
                try:
                    stream.flush()
                except BaseException:
                    pass
        for stream in ours:
            try:
                stream.flush()
            except BaseException:
                pass

    def run(self, call, body):
        """:returns: the result frame."""
        runner = self.runner
        code, trace = 'function.failed', None
        try:
            payload = decode(body.decode('utf-8'))
            value = self.function(payload)
            code = 'function.bad_response'
            response = encode(value)
            if len(response) <= runner.max_response:
                return frame(SUCCEEDED % call, response)
            code = 'function.response_too_large'
            detail = ('The response has %d bytes; %d are allowed.'
                      % (len(response), runner.max_response))
        except BaseException:
            kind, value, trace = sys.exc_info()
            if isinstance(value, MemoryError):
                code = 'function.out_of_memory'
                runner.allow_reserve()
            elif isinstance(value, SystemExit):
                code = 'function.exited'
                self.end_forked(value.code)
            detail = describe(kind, value)
            if code == 'function.bad_response':
                detail = 'The response is not JSON: ' + detail
            else:
                self.show(kind, value, trace)
        self.end_forked(1)
        kind = value = trace = payload = response = None
        if code == 'function.out_of_memory':
            runner.restore_limit()
        return frame({'type': 'result', 'status': 'failed', 'code': code,
                      'detail': detail, 'call': call})

    def show(self, kind, value, trace):
        """Print a traceback to the log, without the frame of run()."""
        try:
            sys.stdout.flush()
        except BaseException:
            pass
        sys.stderr = self.runner.streams[1]
        trace = trace.tb_next or trace
        for hook in (sys.excepthook, sys.__excepthook__):
            try:
                if not PY2:
                    value.__traceback__ = trace
                return hook(kind, value, trace)
            except BaseException:
                pass


def _same(payload):
    return payload


# -- Removing what a request left in directories ---------------------------

def remove(paths):
    """Remove trees of any depth, and of any modes.

    What lies deep is moved up before it is removed, so no path gets long.
    """
    todo = list(paths)
    number = 0
    while todo:
        path = todo.pop()
        try:
            os.unlink(path)
            continue
        except OSError:
            pass
        try:
            os.rmdir(path)
            continue
        except OSError as e:
            if e.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.EACCES):
                continue
        try:
            if not os.path.islink(path):
                os.chmod(path, 0o700)
            names = os.listdir(path)
        except OSError:
            continue
        top = os.path.dirname(path)
        left = False
        for name in names:
            inner = os.path.join(path, name)
            try:
                os.unlink(inner)
                continue
            except OSError:
                pass
            number += 1
            outer = os.path.join(top, '.%d.%d' % (os.getpid(), number))
            try:
                if not os.path.islink(inner):
                    os.chmod(inner, 0o700)
                os.rename(inner, outer)
                todo.append(outer)
            except OSError:
                left = True
        if not left:
            todo.insert(0, path)


# -- The parent ------------------------------------------------------------

class Runner(object):
    """Forks children ahead, buries them, and cleans up behind them.

    :ivar spares: pid -> path of its directory, of children that wait.
    :ivar running: the same of those that were taken by a connection.
    :ivar helpers: pids of other children that are ours.
    :ivar killed: pids of those whose end the executor waits for.
    :ivar left: paths that children left and that have to be removed.
    :ivar look_at: when to look for processes that fell to us, or None.
    :ivar kept: directory -> names in it that are to stay. There is an entry
        for temporary directories that are ours alone.
    """

    def __init__(self, run_dir):
        self.pid = os.getpid()
        self.libc = Libc()
        self.spares = {}
        self.running = {}
        self.helpers = set()
        self.killed = set()
        self.number = 0
        self.retry_at = None
        self.look_at = None
        self.left = set()
        self.kept = {}
        self.taken_count = 0
        self.cleaned_at = None
        self.control = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        # The path of a socket may have 107 bytes, a directory any number.
        os.chdir(run_dir)
        self.control.connect('control.sock')
        self.control_fd = self.control.fileno()
        # Process id and user of the executor, as seen from in here.
        self.peer = self.control.getsockopt(_socket.SOL_SOCKET, SO_PEERCRED,
                                            12)[:8]

    # Setting up.

    def configure(self):
        header, _ = read_frame(self.control_fd, self.receive_listener())
        config = self.config = decode(header.decode('utf-8'))
        self.once = config.get('isolation', 'request') == 'request'
        self.concurrency = max(1, config.get('concurrency', 1))
        self.wanted = max(1, config.get('spares', 1))
        self.least = self.wanted // 2
        self.max_response = config.get('max_response', 6 << 20)
        self.tmp_dirs = config.get('tmp_dirs') or ['/tmp']
        self.limit(config.get('limits') or {})
        self.listen()

    def receive_listener(self):
        """Get runner.sock through the control connection, if we are to.

        :returns: the first bytes of the first frame, that it came with.
        """
        if os.environ.get('PRATAI_LISTEN_FD') != 'control':
            return b''
        if PY2:
            # NOTE: it takes one byte and keeps it. A header has less than
            # 16 MB, so we know which one.
            fd, data = retry(_multiprocessing.recvfd, self.control_fd), b'\0'
        else:
            data, ancillary, _, _ = self.control.recvmsg(LENGTHS.size, 24)
            if not ancillary:
                raise Closed('no socket')
            fd, = struct.unpack_from('i', ancillary[0][2])
        os.environ['PRATAI_LISTEN_FD'] = str(fd)
        return data

    def listen(self):
        """Make runner.sock, or take the one that we were given."""
        fd = os.environ.pop('PRATAI_LISTEN_FD', None)
        if fd is None:
            self.listener = _socket.socket(_socket.AF_UNIX,
                                           _socket.SOCK_STREAM)
            self.listener.bind('runner.sock')
            self.listener.listen(BACKLOG)
        elif PY2:
            self.listener = _socket.fromfd(int(fd), _socket.AF_UNIX,
                                           _socket.SOCK_STREAM)
            os.close(int(fd))
        else:
            self.listener = _socket.socket(_socket.AF_UNIX,
                                           _socket.SOCK_STREAM, 0, int(fd))
        fd = self.listener.fileno()
        fcntl.fcntl(fd, fcntl.F_SETFD, fcntl.FD_CLOEXEC)

    def limit(self, limits):
        self.child_limits = []
        self.memory = self.reserve = None

        def apply(name, value, hard=None):
            which = getattr(resource, name)
            most = resource.getrlimit(which)[1]
            hard = hard or value
            if most != resource.RLIM_INFINITY:
                value, hard = min(value, most), min(hard, most)
            resource.setrlimit(which, (value, hard))
            return (value, hard), (hard, hard)

        apply('RLIMIT_CORE', 0)
        for key in ('fsize', 'nofile'):
            if limits.get(key):
                apply('RLIMIT_' + key.upper(), limits[key])
        if limits.get('nproc'):
            # Children get less, so that we can always fork.
            reserve = self.concurrency + self.wanted + 4
            (most, _), _ = apply('RLIMIT_NPROC', limits['nproc'] + reserve)
            number = max(1, most - reserve)
            self.child_limits.append((resource.RLIMIT_NPROC,
                                      (number, number)))
        if limits.get('cpu') and self.once:
            self.child_limits.append((resource.RLIMIT_CPU,
                                      (limits['cpu'], limits['cpu'] + 1)))
        if limits.get('memory'):
            self.memory, self.reserve = apply(
                'RLIMIT_DATA', limits['memory'], limits['memory'] + RESERVE)

    def allow_reserve(self):
        """Some more memory, to tell that there is none."""
        self.set_memory(self.reserve)

    def restore_limit(self):
        self.set_memory(self.memory)

    @staticmethod
    def set_memory(limits):
        try:
            resource.setrlimit(resource.RLIMIT_DATA, limits)
        except Exception:
            # NOTE: the function may have lowered the hard limit, or there is
            # no memory to say so; its request fails for want of it anyway.
            pass

    def send(self, header, body=b''):
        """To the executor. One that does not listen for long is no more."""
        data = frame(header, body)
        poll = select.poll()
        poll.register(self.control_fd, select.POLLOUT)
        while data:
            if not poll.poll(SEND_SECONDS * 1000):
                os._exit(1)
            try:
                data = data[os.write(self.control_fd, data):]
            except EnvironmentError as e:
                if e.errno not in (errno.EINTR, errno.EAGAIN):
                    os._exit(1)

    def import_function(self):
        if 'logging' not in sys.modules:
            sys.meta_path.insert(0, LoggingImport())
        started = time.time()
        try:
            self.function = load(self.config)
        except Unusable as e:
            for stream in self.streams:
                stream.flush()
            if os.getpid() != self.pid:         # forked by the import
                os._exit(1)
            text = e.text
            if not isinstance(text, bytes):
                text = text.encode('utf-8', 'replace')
            self.send({'type': 'failed', 'code': e.code, 'detail': e.detail},
                      text[-MAX_HEADER:])
            os._exit(1)
        if os.getpid() != self.pid:
            os._exit(0)
        return (time.time() - started) * 1000

    def start(self):
        os.dup2(2, 1)
        self.streams = open_output()
        sys.stdout, sys.stderr = self.streams
        sys.__stdout__, sys.__stderr__ = self.streams
        if PY2:
            import __builtin__ as builtins
            import thread
        else:
            import builtins
            import _thread as thread
        # What the site module would have added.
        builtins.exit = builtins.quit = sys.exit
        thread.stack_size(THREAD_STACK)
        self.configure()
        self.libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
        try:
            # Children that are not dumpable cannot open theirs.
            self.adjust = os.open('/proc/self/oom_score_adj', os.O_RDWR)
            self.adjustment = os.read(self.adjust, 16).strip()
        except OSError:
            self.adjust = self.adjustment = None
        self.libc.prctl(PR_SET_DUMPABLE, 0)
        os.chdir('/')
        for name in ('PRATAI_RUN_DIR', 'LD_BIND_NOW'):
            os.environ.pop(name, None)
        for name in ('SIGPIPE', 'SIGXFSZ'):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
        # NOTE: the first process of a namespace gets no signals from inside
        # but those it handles, so none of ours can end us.
        signal.signal(signal.SIGINT, SIG_DFL)
        import gc
        gc_enabled = gc.isenabled()
        gc.disable()
        took = self.import_function()
        self.gc_enabled = gc_enabled or gc.isenabled()
        self.enable_gc = gc.enable
        self.make_pipes()
        self.base = self.tmp_dirs[0] + '/r'
        for path in self.tmp_dirs:
            if self.is_ours(path):
                self.kept[path] = set(listing(path))
        if self.tmp_dirs[0] not in self.kept:
            self.base = '%s/pratai-%d-%d-' % (self.tmp_dirs[0], self.pid,
                                              time.time())
        self.helpers.update(self.unknown_children())
        self.warm_up()
        gc.disable()
        if hasattr(gc, 'freeze'):
            gc.freeze()
        signal.signal(SIGCHLD, lambda number, where: None)
        self.libc.be_patient()
        self.fill()
        self.send({'type': 'ready', 'pid': self.pid, 'import_ms': took})

    def is_ours(self, path):
        """:returns: whether we may remove what others put there.

        In a sandbox we may. Where there is none it takes a directory that
        is closed to others: /tmp is everybody's.
        """
        if self.pid == 1:
            return True
        try:
            found = os.stat(path)
        except OSError:
            return False
        return found.st_uid == os.getuid() and not found.st_mode & 0o077

    def warm_up(self):
        """Run what children run, so that its caches are ours, not theirs."""
        saved = os.dup(1), os.dup(2)
        child = Child(self, self.base + '0')
        for _ in range(WARM_UPS):
            child.rehearse()
        for target, fd in zip((1, 2), saved):
            os.dup2(fd, target)
            os.close(fd)

    def make_pipes(self):
        self.busy = mmap.mmap(-1, 4096)         # shared with all children
        self.taken_reader, self.taken = os.pipe()
        self.wake_reader, self.wake = os.pipe()
        self.null = os.open('/dev/null', os.O_RDWR)
        for fd in (self.taken_reader, self.wake_reader, self.wake,
                   self.control_fd):
            flags = fcntl.fcntl(fd, fcntl.F_GETFL)
            fcntl.fcntl(fd, fcntl.F_SETFL, flags | os.O_NONBLOCK)
        if sys.version_info >= (3, 7):
            signal.set_wakeup_fd(self.wake, warn_on_full_buffer=False)
        else:
            signal.set_wakeup_fd(self.wake)
        try:
            self.proc = os.open('/proc/self/task/%d/children' % self.pid,
                                os.O_RDONLY)
        except OSError:
            self.proc = None
        self.parents_fds = [
            fd for fd in (self.control_fd, self.taken_reader,
                          self.wake_reader, self.wake, self.adjust,
                          self.proc) if fd is not None]

    # Children.

    def fork(self):
        """os.fork(), with the child the first to be killed for memory."""
        self.set_adjustment(b'1000')
        try:
            return os.fork()
        finally:
            if os.getpid() == self.pid:
                self.set_adjustment(self.adjustment)

    def set_adjustment(self, value):
        try:
            os.write(self.adjust, value)
        except (OSError, TypeError):        # there is no such file
            pass

    def fill(self):
        """See that there are spare children.

        Forking several at once is cheaper: what the parent writes to after
        a fork has to be copied.
        """
        if self.retry_at is not None:
            if time.time() < self.retry_at:
                return
            self.retry_at = None
        if len(self.spares) > self.least:
            return
        while (len(self.spares) < self.wanted
               and len(self.spares) + len(self.running) < self.concurrency):
            self.number += 1
            path = self.base + str(self.number)
            try:
                pid = self.fork()
            except OSError:
                # No room for processes or memory: somebody has it all.
                self.retry_at = time.time() + RETRY_SECONDS
                break
            if not pid:
                try:
                    Child(self, path).serve()
                    os._exit(CLEAN)
                finally:
                    os._exit(1)
            self.spares[pid] = path

    def help(self, function, *args):
        """Let a child do something that may take its time."""
        try:
            pid = self.fork()
        except OSError:
            return
        if not pid:
            try:
                for fd in self.parents_fds + [self.listener.fileno()]:
                    os.close(fd)
                function(*args)
            finally:
                os._exit(0)
        self.helpers.add(pid)

    def hear_taken(self):
        """Learn which spares have got a connection."""
        try:
            data = os.read(self.taken_reader, 4096)
        except EnvironmentError:            # nothing there
            return
        for offset in range(0, len(data), 4):
            pid, = struct.unpack_from('i', data, offset)
            if pid in self.spares:
                self.running[pid] = self.spares.pop(pid)
                self.taken_count += 1

    def collect(self, dead):
        """Bury the dead.

        :param dead: list that those are added to which had a connection:
            (pid, status).
        """
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except EnvironmentError as e:
                if e.errno == errno.EINTR:
                    continue
                return
            if not pid:
                return
            if pid in self.spares:
                self.hear_taken()
            if pid in self.running:
                path = self.running.pop(pid)
                slot = self.slot(path)
                self.busy[slot:slot + 1] = b'\0'
                self.forget(path)
                dead.append((pid, status))
            elif pid in self.spares:
                # Killed by a function, or there is something wrong.
                self.forget(self.spares.pop(pid))
                self.retry_at = time.time() + RETRY_SECONDS
            else:
                self.helpers.discard(pid)

    def slot(self, path):
        """:returns: the byte in which a child says that it has begun."""
        return int(path[len(self.base):]) % len(self.busy)

    def forget(self, path):
        try:
            os.rmdir(path)
        except OSError as e:
            if e.errno != errno.ENOENT:
                self.left.add(path)

    def unknown_children(self):
        """:returns: pids of children that are not ours: requests left them."""
        if self.proc is None:
            pids = children(self.pid)
        else:
            os.lseek(self.proc, 0, 0)
            data = os.read(self.proc, 4096)
            while len(data) % 4096 == 0 and data:
                more = os.read(self.proc, 4096)
                if not more:
                    break
                data += more
            pids = map(int, data.split())
        return [pid for pid in pids if pid not in self.spares
                and pid not in self.running and pid not in self.helpers]

    def sweep(self, dead):
        """Kill what the dead left behind.

        :param dead: as with collect(), for those that die meanwhile.
        :returns: whether all of it is gone.
        """
        deadline = None
        rounds = 0
        while True:
            unknown = self.unknown_children()
            if not unknown:
                return True
            now = time.time()
            if deadline is None:
                deadline = now + SWEEP_SECONDS
            elif now > deadline and rounds >= ROUNDS:
                return False
            rounds += 1
            if self.pid == 1 and (len(unknown) > 4 or rounds > 3):
                self.freeze_and_kill()
            for pid in unknown:
                kill(pid, SIGKILL)
            time.sleep(0.0005)
            self.collect(dead)

    def freeze_and_kill(self):
        """Against what forks faster than we kill, or has all the processors.

        kill(-1) stops all of the namespace in one go, and what is stopped
        does neither.
        """
        kill(-1, SIGSTOP)
        parents = dict(processes())
        for pid in parents:
            above = pid
            while above in parents and not (
                    above in self.spares or above in self.running
                    or above in self.helpers):
                above = parents[above]
            if above not in parents and pid != self.pid:
                kill(pid, SIGKILL)
        kill(-1, SIGCONT)

    def bury(self):
        self.look_at = None
        dead = []
        self.collect(dead)
        clean = self.sweep(dead)
        for pid, status in dead:
            if not clean or status != CLEAN << 8 or pid in self.killed:
                self.killed.discard(pid)
                by_signal = status & 0x7f
                self.send({'type': 'exited', 'pid': pid, 'clean': clean,
                           'status': None if by_signal else status >> 8,
                           'signal': by_signal or None})
        self.clean()

    # Directories.

    def not_kept(self):
        """:returns: paths in directories of ours that came after the import.
        """
        return [path + '/' + name for path, kept in self.kept.items()
                for name in listing(path) if name not in kept]

    def clean(self):
        """Remove files that no request can still want.

        A child does the work, there may be a lot of it.
        """
        paths = self.left
        if not self.running:
            stay = set(self.spares.values())
            found = [path for path in self.not_kept()
                     if path not in stay and path not in self.left]
            if found and self.taken_count != self.cleaned_at:
                # A request that has begun meanwhile may have made them.
                self.hear_taken()
                if not self.running:
                    paths = paths.union(found)
                    self.cleaned_at = self.taken_count  # do not try for ever
        if paths:
            self.left = set()
            self.help(remove, paths)

    # The loop.

    def handle_control(self, data):
        """:returns: what is left of data after the frames in it."""
        while len(data) >= LENGTHS.size:
            head, body = LENGTHS.unpack(data[:LENGTHS.size])
            if head > MAX_HEADER or body > MAX_HEADER:
                self.exit()
            if len(data) < LENGTHS.size + head + body:
                break
            end = LENGTHS.size + head
            header = decode(data[LENGTHS.size:end].decode('utf-8'))
            data = data[end + body:]
            if header.get('type') == 'stop':
                self.exit()
            if header.get('type') == 'kill':
                pid = header.get('pid')
                self.hear_taken()
                if pid in self.running:
                    self.killed.add(pid)
                    kill(pid, SIGKILL)
                else:
                    # It was faster. The executor waits for word of it.
                    self.send({'type': 'exited', 'pid': pid, 'status': None,
                               'signal': None, 'clean': True})
        return data

    def exit(self):
        if self.pid != 1:
            # Where there is no pid namespace nobody does it for us.
            for pid in list(self.spares) + list(self.running):
                kill(pid, SIGKILL)
            self.helpers.clear()
            self.sweep([])
        os._exit(0)

    def loop(self):
        poll = select.poll()
        for fd in (self.control_fd, self.taken_reader, self.wake_reader):
            poll.register(fd, select.POLLIN)
        control = b''
        while True:
            try:
                events = poll.poll(self.patience())
            except (EnvironmentError, select.error):
                continue                    # EINTR of 2.7
            for fd, _ in events:
                if fd == self.taken_reader:
                    self.hear_taken()
                elif fd == self.wake_reader:
                    os.read(fd, 4096)
                    self.bury()
                    if not self.once:       # see Child.nudge()
                        self.look_at = time.time() + LOOK_SECONDS
                else:
                    try:
                        data = os.read(fd, 65536)
                    except EnvironmentError:
                        data = b''
                    if not data:
                        self.exit()
                    control = self.handle_control(control + data)
            if self.look_at is not None and time.time() >= self.look_at:
                self.bury()
            self.fill()

    def patience(self):
        """:returns: ms until there is something to do, or None."""
        times = [at for at in (self.retry_at, self.look_at) if at is not None]
        if not times:
            return None
        return max(1, (min(times) - time.time()) * 1000)


def listing(path):
    try:
        return os.listdir(path)
    except OSError:
        return []


def kill(pid, number):
    try:
        os.kill(pid, number)
    except OSError:
        pass


def children(parent):
    """:returns: pids, whichever thread of it made them."""
    return [pid for pid, above in processes() if above == parent]


def processes():
    """:returns: list of (pid, parent) of what /proc shows."""
    found = []
    for name in os.listdir('/proc'):
        if name.isdigit():
            try:
                with open('/proc/%s/stat' % name) as f:
                    fields = f.read().rpartition(')')[2].split()
            except EnvironmentError:
                continue
            if fields[0] not in 'ZX':
                found.append((int(name), int(fields[1])))
    return found


if __name__ == '__main__':
    if PY2:
        sys.path[:] = [path for path in sys.path
                       if path != os.path.dirname(os.path.abspath(__file__))]
    RUNNER = Runner(os.environ['PRATAI_RUN_DIR'])
    RUNNER.start()
    RUNNER.loop()
