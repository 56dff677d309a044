# SPDX-License-Identifier: Apache-2.0
"""Instances as threads of the service: for tests, not for people's code.

Speaks the runner protocol on the same sockets as a real runner and really
runs functions, but there is no sandbox at all: a function that calls
os._exit() ends the service. What is killed is forgotten, and stopped at the
next line of Python that it gets to.
"""

import ctypes
import itertools
import json
import logging
import os
import platform
import select
import socket
import sys
import threading
import time
import traceback

from pratai.drivers.runtime import base
from pratai.runners.python import runner

_PIDS = itertools.count(1000)
_LOCAL = threading.local()


class _Handler(logging.Handler):
    """The logger 'pratai' of functions, each to the log of its request."""

    def emit(self, record):
        fd = getattr(_LOCAL, 'log', None)
        if fd is not None and record.name == 'pratai':
            _write(fd, '%s %s\n' % (record.levelname, self.format(record)))


_HANDLER = _Handler(logging.DEBUG)


def _write(fd, text):
    try:
        runner.write_all(fd, text.encode(errors='backslashreplace'))
    except OSError:
        pass


def _print(*args, sep=' ', end='\n', file=None, flush=False):
    if file is not None and file not in (sys.stdout, sys.stderr):
        print(*args, sep=sep, end=end, file=file, flush=flush)
        return
    fd = getattr(_LOCAL, 'log', None)
    text = (sep or ' ').join(map(str, args)) + ('\n' if end is None else end)
    if fd is not None:
        _write(fd, text)


class _Runner(threading.Thread):
    """One instance."""

    def __init__(self, name, run_dir):
        super().__init__(name='fake-' + name, daemon=True)
        # NOTE: the path of a socket has room for 107 bytes.
        self._dir = os.open(run_dir, os.O_RDONLY | os.O_DIRECTORY)
        self._lock = threading.Lock()
        self._requests = {}             # pid -> (thread, connection)
        self._control = None
        self._listener = socket.socket(socket.AF_UNIX)
        self._waker, self._wake = socket.socketpair()
        self.output = ''
        self.running = True

    def _path(self, name):
        return '/proc/self/fd/%d/%s' % (self._dir, name)

    def run(self):
        try:
            self._control = socket.socket(socket.AF_UNIX)
            self._control.connect(self._path('control.sock'))
            self._serve()
        except (OSError, runner.Closed):
            pass
        finally:
            self.running = False
            with self._lock:
                requests = list(self._requests)
            for pid in requests:
                self._kill(pid, quiet=True)
            self._control.close()
            self._listener.close()
            self._waker.close()
            os.close(self._dir)

    def stop(self):
        self._wake.close()
        if self.ident is not None and self is not threading.current_thread():
            self.join(10)

    def _serve(self):
        header, _ = runner.read_frame(self._control.fileno())
        self._config = json.loads(header)
        started = time.monotonic()
        try:
            self._source = self._compile()
            self._main = self._load()
        except runner.Unusable as e:
            self._say({'type': 'failed', 'code': e.code, 'detail': e.detail},
                      e.text.encode())
            return
        self._listener.bind(self._path('runner.sock'))
        self._listener.listen(1024)
        self._say({'type': 'ready', 'pid': os.getpid(),
                   'import_ms': (time.monotonic() - started) * 1000})
        while True:
            ready, _, _ = select.select(
                [self._control, self._listener, self._waker], [], [])
            if self._waker in ready:
                return
            if self._control in ready:
                header, _ = runner.read_frame(self._control.fileno())
                header = json.loads(header)
                if header['type'] == 'stop':
                    return
                if header['type'] == 'kill':
                    self._kill(header['pid'])
            if self._listener in ready:
                connection, _ = self._listener.accept()
                pid = next(_PIDS)
                thread = threading.Thread(
                    target=self._child, args=(pid, connection), daemon=True,
                    name='%s-%d' % (self.name, pid))
                with self._lock:
                    self._requests[pid] = thread, connection
                thread.start()

    def _say(self, header, body=b''):
        with self._lock:
            self._control.sendall(runner.frame(header, body))

    # Loading, as the real runner does it.

    def _compile(self):
        name = self._config['module'] + '.py'
        try:
            with open(os.path.join(self._config['code_dir'], name),
                      'rb') as f:
                return compile(f.read(), name, 'exec', dont_inherit=True)
        except (SyntaxError, ValueError) as e:
            raise runner.Unusable(
                'build.syntax_error', runner.describe(type(e), e),
                traceback.format_exc(limit=0)) from e
        except OSError as e:
            raise runner.Unusable('build.import_failed', str(e)) from e

    def _load(self):
        """:returns: a fresh main()."""
        builtins = dict(vars(sys.modules['builtins']), print=_print,
                        exit=sys.exit, quit=sys.exit)
        namespace = {'__name__': self._config['module'],
                     '__builtins__': builtins}
        logger = logging.getLogger('pratai')
        if _HANDLER not in logger.handlers:
            logger.addHandler(_HANDLER)
        try:
            exec(self._source, namespace)
        except BaseException as e:
            raise runner.Unusable(
                'build.import_failed', runner.describe(type(e), e),
                traceback.format_exc()) from e
        entry = self._config['entry']
        main = namespace.get(entry)
        problem = ('there is none' if main is None
                   else runner.wrong_signature(main))
        if problem:
            raise runner.Unusable(
                'build.no_main', '%s has to take one argument, the payload: '
                '%s' % (entry, problem))
        return runner.plain(main)

    # Requests.

    def _kill(self, pid, quiet=False):
        with self._lock:
            thread, connection = self._requests.pop(pid, (None, None))
        if thread is None:
            if not quiet:
                self._say({'type': 'exited', 'pid': pid, 'status': None,
                           'signal': None, 'clean': True})
            return
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))
        if not quiet:
            self._say({'type': 'exited', 'pid': pid, 'status': None,
                       'signal': 9, 'clean': True})

    def _child(self, pid, connection):
        once = self._config['isolation'] == 'request'
        try:
            while self._one(pid, connection) and not once:
                pass
        except (OSError, ValueError, runner.Closed, SystemExit):
            pass
        finally:
            with self._lock:
                self._requests.pop(pid, None)
            connection.close()

    def _one(self, pid, connection):
        data, fds, _, _ = socket.recv_fds(connection, 1, 1)
        if not data or not fds:
            return False
        log, = fds
        try:
            header, body = runner.read_frame(connection.fileno())
            call = json.loads(header)['call']
            connection.sendall(runner.frame(
                {'type': 'started', 'pid': pid, 'call': call}))
            _LOCAL.log = log
            answer = self._run(call, body)
        finally:
            _LOCAL.log = None
            os.close(log)
        with self._lock:
            killed = pid not in self._requests
        if not killed:
            connection.sendall(answer)
        return not killed

    def _run(self, call, body):
        code = 'function.failed'
        try:
            payload = json.loads(body)
            main = self._main
            if self._config['isolation'] == 'request':
                main = self._load()
            value = main(payload)
            code = 'function.bad_response'
            response = json.dumps(value, allow_nan=False).encode()
            most = self._config['max_response']
            if len(response) <= most:
                return runner.frame(runner.SUCCEEDED % call, response)
            code = 'function.response_too_large'
            detail = ('The response has %d bytes; %d are allowed.'
                      % (len(response), most))
        except BaseException as e:
            if isinstance(e, MemoryError):
                code = 'function.out_of_memory'
            elif isinstance(e, SystemExit):
                code = 'function.exited'
            detail = runner.describe(type(e), e)
            if code == 'function.bad_response':
                detail = 'The response is not JSON: ' + detail
            else:
                _write(_LOCAL.log, traceback.format_exc())
        return runner.frame({'type': 'result', 'status': 'failed',
                             'code': code, 'detail': detail, 'call': call})


class FakeDriver(base.RuntimeDriver):
    """The ``fake`` runtime driver; goes with the ``fake`` builder."""

    def runtimes(self):
        version = platform.python_version()
        return [{
            'name': 'python%d%d' % sys.version_info[:2],
            'language': 'python', 'version': version,
            'description': 'The Python of this service, without a sandbox',
            'fingerprint': 'fake-' + version,
            'properties': {'interpreter': sys.executable,
                           'prefix': sys.prefix}}]

    def start(self, spec):
        instance = _Runner(spec.instance_id, spec.run_dir)
        instance.start()
        return base.Sandbox(spec.instance_id, os.getpid(), instance)

    def stop(self, sandbox):
        sandbox.private.stop()

    def inspect(self, sandbox):
        running = sandbox.private.running
        return {'running': running, 'exit_code': None if running else 0,
                'oom_killed': False, 'oom_kills': 0,
                'output': sandbox.private.output}

    def reconcile(self):
        pass

    def describe(self):
        return {'isolation': 'none', 'limits': [],
                'warnings': ['Functions run within the service (the fake '
                             'runtime driver).']}

    def settings(self, spec):
        state_path = os.path.abspath(self.conf.state_path)
        return {'code_dir': os.path.join(state_path, 'images',
                                         spec.image['id']),
                'deps_dir': None, 'tmp_dirs': [], 'limits': {}}
