# SPDX-License-Identifier: Apache-2.0
"""What comes in broken: functions, packages and bodies, through the real
thing. Each is told clearly, and the next request is served as if nothing had
been."""

import json
import os
import socket

from oslotest import base

from pratai.executor import instance
from pratai.tests.functional import standalone
from pratai.tests.unit import zips

Member = zips.Member
MB = 1024 * 1024

# Each function misbehaves when its payload says so, and else answers "fine".
PROLOGUE = '''
import ctypes, os, signal, socket, subprocess, sys, threading, time


def main(payload):
    if payload != 'now':
        return 'fine'
'''


def module(lines):
    """:returns: source of a function that can misbehave so."""
    return PROLOGUE + ''.join('    %s\n' % line
                              for line in lines.splitlines())


#: Name, lines, and how the request ends: status, code, words of the detail.
ENDS = [
    ('exit', 'sys.exit(3)', 'failed', 'function.exited', '3'),
    ('raise', 'raise ValueError("no way")', 'failed',
     'function.failed', 'ValueError: no way'),
    ('raise-base', 'raise BaseException("no")', 'failed',
     'function.failed', 'BaseException'),
    ('os-exit', 'os._exit(7)', 'failed', 'function.exited', '7'),
    ('crash', 'ctypes.string_at(0)', 'failed', 'function.crashed',
     'SIGSEGV'),
    ('abort', 'os.abort()', 'failed', 'function.crashed', 'SIGABRT'),
    ('surrogate', 'raise Exception("\\ud800\\0")', 'failed',
     'function.failed', 'Exception'),
    ('print-nul', 'print("\\0")\nreturn b"x"', 'failed',
     'function.bad_response', ''),
    ('recursion', 'main.__call__("now")', 'failed',
     'function.failed', 'RecursionError'),
    ('nan', 'return float("nan")', 'failed',
     'function.bad_response', 'JSON'),
    ('bytes', 'return b"x"', 'failed', 'function.bad_response',
     'bytes'),
    ('set', 'return {1}', 'failed', 'function.bad_response', 'set'),
    ('cycle', 'x = []; x.append(x); return x', 'failed',
     'function.bad_response', ''),
    ('large', 'return "x" * 100000000', 'failed',
     'function.response_too_large', ''),
    ('close', 'os.closerange(0, 4096)\ntime.sleep(1)', 'failed',
     'function.exited', ''),
    ('kill-all', 'os.kill(-1, 9)\nreturn "alive"', None, None, ''),
    ('kill-parent', 'os.kill(os.getppid(), 9)\nreturn "alive"',
     None, None, ''),
]
#: What never ends by itself.
ENDLESS = [
    ('loop', 'while True:\n    pass'),
    ('sleep', 'time.sleep(999)'),
    ('term', 'signal.signal(signal.SIGTERM, signal.SIG_IGN)\n'
     'time.sleep(999)'),
    ('print', 'while True:\n    print("x" * 1000)'),
    ('fork', 'while True:\n    try:\n        os.fork()\n'
     '    except OSError:\n        pass'),
    ('threads', 'while True:\n    try:\n        threading.Thread('
     'target=time.sleep, args=(99,)).start()\n'
     '    except (RuntimeError, MemoryError):\n        pass'),
    ('stop', 'os.kill(os.getpid(), signal.SIGSTOP)'),
]


class Base(base.BaseTestCase):

    options = {('executor', 'max_log'): 65536,
               ('executor', 'start_timeout'): 10}

    def setUp(self):
        super().setUp()
        self.pratai = self.useFixture(standalone.Standalone(self.options))


class TestFunctions(Base):

    def misbehave(self, name, lines, **metadata):
        """:returns: the request in which the function misbehaved, after
            checking that the next one is served."""
        function = self.pratai.create(name, module(lines), type='sync',
                                      **metadata)
        self.assertEqual('inactive', function['status'],
                         function['status_detail'])
        self.assertEqual('fine', self.pratai.post(function).json())
        response = self.pratai.post(function, 'now')
        after = self.pratai.post(function)
        self.assertEqual((200, 'fine'), (after.status_code, after.json()),
                         'the request after ' + name)
        request = self.pratai.finished(
            response.headers['X-Pratai-Request-Id'])
        if request['status'] != 'succeeded':
            error = response.json()
            self.assertEqual(request['code'], error['code'])
            self.assertEqual(request['detail'], error['detail'])
            self.assertEqual(response.status_code, error['status'])
        return request

    def test_table(self):
        for name, lines, status, code, words in ENDS:
            with self.subTest(name):
                request = self.misbehave(name, lines, memory=512)
                if status is not None:
                    self.assertEqual(status, request['status'], name)
                if code is not None:
                    self.assertEqual(code, request['code'], name)
                self.assertIn(words, request['detail'] or '')

    def test_memory(self):
        request = self.misbehave(
            'memory', 'x = bytes(10)\nwhile True:\n    x = x + x')
        self.assertEqual(
            ('failed', 'function.out_of_memory',
             'MemoryError. The function may use 128 MB.'),
            (request['status'], request['code'], request['detail']))

    def test_memory_of_many(self):
        request = self.misbehave(
            'memories', 'for _ in range(8):\n'
            '    if not os.fork():\n'
            '        x = [bytes(100 * 2 ** 20) for _ in range(1)]\n'
            '        time.sleep(60)\n'
            'time.sleep(60)', timeout=2)
        self.assertIn(request['status'], ('timeout', 'failed'))

    def test_endless(self):
        for name, lines in ENDLESS:
            with self.subTest(name):
                request = self.misbehave(name, lines, timeout=1)
                self.assertEqual(('timeout', 'function.timeout'),
                                 (request['status'], request['code']), name)
                if name == 'print':
                    logs = self.pratai.logs(request['id'])
                    self.assertLess(len(logs), 70000)
                    self.assertIn('the log was cut here', logs[-200:])

    def test_daemons(self):
        function = self.pratai.create(
            'daemon', 'import os, time\n\n\ndef main(payload):\n'
            '    if payload == "leave":\n'
            '        if not os.fork():\n'
            '            os.setsid()\n'
            '            if os.fork():\n'
            '                os._exit(0)\n'
            '            while True:\n'
            '                time.sleep(1)\n'
            '    return len([p for p in os.listdir("/proc")'
            ' if p.isdigit()])\n', type='sync')
        # The runner has at most this many children that wait for requests.
        most = 1 + 1 + instance.SPARES
        standalone.until(
            lambda: self.pratai.post(function, 'look').json() <= most)
        for _ in range(10):
            self.assertEqual(
                200, self.pratai.post(function, 'leave').status_code)
        standalone.until(
            lambda: self.pratai.post(function, 'look').json() <= most)

    def test_sockets(self):
        request = self.misbehave(
            'socket', 'import glob\n'
            'for path in glob.glob("/run/pratai/*"):\n'
            '    for _ in range(50):\n'
            '        s = socket.socket(socket.AF_UNIX)\n'
            '        s.settimeout(1)\n'
            '        try:\n'
            '            s.connect(path)\n'
            '            s.sendall(b"\\xff" * 5000)\n'
            '        except OSError:\n            pass\n'
            'return "tried"')
        self.assertEqual('succeeded', request['status'])

    def test_files_do_not_last(self):
        function = self.pratai.create(
            'files', 'import os\n\n\ndef main(payload):\n'
            '    seen = [os.path.exists(p) for p in ("/tmp/x", "x")]\n'
            '    for p in ("/tmp/x", "x"):\n        open(p, "w").close()\n'
            '    return seen\n', type='sync')
        for _ in range(3):
            self.assertEqual([False, False],
                             self.pratai.post(function).json())


class TestCode(Base):

    # pip has nothing to ask anybody for.
    options = {**Base.options, ('builder', 'index_url'): 'file:///absent'}

    def test_code_that_cannot_run(self):
        for name, module, code, words in [
            ('syntax', 'def main(payload)\n    pass\n',
             'build.syntax_error', 'line 1'),
            ('no-main', 'def other(payload):\n    pass\n', 'build.no_main',
             'main'),
            ('main-is-5', 'main = 5\n', 'build.no_main', 'main'),
            ('import', 'import nosuchmodule\n\n\ndef main(p):\n    pass\n',
             'build.import_failed', 'nosuchmodule'),
            ('surrogate', 'raise ImportError("\\ud800\\0")\n',
             'build.import_failed', ''),
            ('raise', 'raise RuntimeError("at import")\n',
             'build.import_failed', 'at import'),
            ('exit', 'import os\nos._exit(0)\n', 'build.import_failed',
             'ended'),
            ('crash', 'import ctypes\nctypes.string_at(0)\n',
             'build.import_failed', 'ended'),
            ('sys-exit', 'import sys\nsys.exit(0)\n',
             'build.import_failed', ''),
            ('endless', 'while True:\n    pass\n', 'build.import_timeout',
             '10'),
        ]:
            with self.subTest(name):
                function = self.pratai.create(name, module)
                self.assertEqual('error', function['status'], name)
                if code is not None:
                    self.assertEqual(code, function['status_code'], name)
                self.assertIn(words, function['status_detail'])
                build, = self.pratai.get('/v1/functions/%s/builds'
                                         % function['id'])['builds']
                self.assertEqual('failed', build['status'])
                self.assertIn(function['status_detail'], build['log'])
                refused = self.pratai.post(function)
                self.assertEqual((409, 'function.in_error'), (
                    refused.status_code, refused.json()['code']))
        good = self.pratai.create('good', PROLOGUE, type='sync')
        self.assertEqual('fine', self.pratai.post(good).json())

    def test_requirements_that_do_not_exist(self):
        function = self.pratai.create(
            'missing', PROLOGUE, 'nosuchpackage-pratai-tests==1.0\n')
        self.assertEqual(('error', 'build.requirements_failed'),
                         (function['status'], function['status_code']))
        self.assertIn('nosuchpackage-pratai-tests',
                      function['status_detail'])

    def test_building(self):
        listener = self.useFixture(standalone.Listener())
        function = self.pratai.post_function(
            'slow', standalone.ASKS_AT_IMPORT % listener.port, network=True)
        refused = self.pratai.post(function)
        self.assertEqual((409, 'function.building'),
                         (refused.status_code, refused.json()['code']))
        listener.accept().close()
        standalone.until(lambda: self.pratai.get(
            '/v1/functions/' + function['id'])['status'] == 'inactive')


class TestBodies(Base):

    def setUp(self):
        super().setUp()
        self.function = self.pratai.create('echo', PROLOGUE, type='sync')
        self.url = '%s/function/%s' % (self.pratai.webhook,
                                       self.function['id'])

    def test_table(self):
        deep = '{"payload": %s1%s}' % ('[' * 10000, ']' * 10000)
        for name, body, status, code in [
            ('not json', b'{"payload":', 400, 'payload.not_json'),
            ('empty', b'', 400, 'payload.not_json'),
            ('form', b'payload=1', 400, 'payload.not_json'),
            ('not utf-8', b'{"payload": "\xff"}', 400, 'payload.not_json'),
            ('nan', b'{"payload": NaN}', 400, 'payload.not_json'),
            ('a list', b'[1]', 400, 'payload.missing'),
            ('no payload', b'{"data": 1}', 400, 'payload.missing'),
            ('deep', deep.encode(), 400, 'payload.too_deep'),
            ('brackets in text',
             json.dumps({'payload': '[' * 10000}).encode(), 200, None),
        ]:
            response = self.pratai.http.post(self.url, data=body)
            self.assertEqual(status, response.status_code, name)
            if code:
                self.assertEqual(code, response.json()['code'], name)
        for payload in ('text', 1, 1.5, [], {}, None, '', True):
            self.assertEqual(
                200, self.pratai.post(self.function, payload).status_code)

    def test_too_large_is_refused_before_it_is_read(self):
        host, port = self.pratai.webhook[7:].split(':')
        with socket.create_connection((host, int(port)), 60) as connection:
            connection.sendall(
                b'POST /function/%s HTTP/1.1\r\nHost: localhost\r\n'
                b'Content-Length: 6291457\r\n\r\n'
                % self.function['id'].encode())
            answer = connection.recv(65536)
            while b'}' not in answer:
                answer += connection.recv(65536)
        self.assertIn(b' 413 ', answer.split(b'\r\n')[0])
        error = json.loads(answer.split(b'\r\n\r\n')[1])
        self.assertEqual('payload.too_large', error['code'])
        self.assertEqual('The body is larger than the 6291456 bytes that are '
                         'allowed.', error['detail'])

    def test_the_largest(self):
        text = 'x' * (6 * 1024 * 1024 - len('{"payload": ""}'))
        response = self.pratai.post(self.function, text)
        self.assertEqual('fine', response.json())

    def test_unknown(self):
        for path, status in [('/function/' + '0' * 32, 404),
                             ('/function/x', 404), ('/nowhere', 404)]:
            response = self.pratai.http.post(self.pratai.webhook + path,
                                             json={'payload': 1})
            self.assertEqual(status, response.status_code, path)
            self.assertEqual({'status', 'title', 'detail', 'code',
                              'request_id'}, set(response.json()))
        response = self.pratai.http.get(self.url)
        self.assertEqual((405, 'request.method_not_allowed'),
                         (response.status_code, response.json()['code']))

    def test_private(self):
        headers = {'X-Forwarded-For': '203.0.113.9'}
        response = self.pratai.post(self.function, 1, headers=headers)
        self.assertEqual(401, response.status_code)
        token = self.pratai.get('/v1/functions/' + self.function['id'])[
            'webhook_token']
        headers['X-Pratai-Token'] = token
        response = self.pratai.post(self.function, 1, headers=headers)
        self.assertEqual(200, response.status_code)


class TestPackages(Base):
    """That they are checked where they come in; more kinds of bad ones are
    in unit/test_package.py."""

    def test_nothing_is_left(self):
        store = os.path.join(self.pratai.state_path, 'packages')
        for name, data, status, code in [
            ('not a zip', b'not a zip', 400, 'not_a_zip'),
            ('empty', b'', 400, 'empty'),
            ('folder', zips.make({'dir/new_module.py': PROLOGUE,
                                  'dir/requirements.txt': ''}),
             400, 'in_subdirectory'),
            ('large', b'x' * (11 * MB), 413, 'too_large'),
            # By the server, and not the application.
            ('very large', b'x' * (12 * MB), 413, 'too_large'),
            ('traversal', zips.good(Member(b'../../x', b'x')),
             400, 'unsafe_path'),
            ('backslash', zips.good(Member(b'..\\x', b'x')),
             400, 'unsafe_path'),
            ('absolute', zips.good(Member(b'/tmp/x', b'x')),
             400, 'unsafe_path'),
            ('link', zips.good(Member(b'x', b'/etc/passwd', mode=0o120777)),
             400, 'link'),
            ('linked module', zips.handmade(
                Member(b'new_module.py', b'/etc/passwd', mode=0o120777),
                Member(b'requirements.txt')), 400, 'link'),
            ('device', zips.good(Member(b'x', mode=0o020666)), 400, 'link'),
            ('twice', zips.good(Member(b'new_module.py', b'other')),
             400, 'duplicate_name'),
            ('encrypted', zips.good(Member(b'x', b'secret', flags=1)),
             400, 'encrypted'),
            ('bomb', zips.good(Member(b'x', bytes(50 * MB))),
             413, 'too_large'),
            ('lying bomb', zips.good(Member(b'x', bytes(50 * MB), size=1)),
             400, 'corrupt'),
            ('many', zips.good(*[Member(b'%d' % n) for n in range(999)]),
             400, 'too_many_files'),
        ]:
            response = self.pratai.http.post(
                self.pratai.api + '/v1/functions', files={
                    'metadata': (None, '{"name": "a"}', 'application/json'),
                    'zip_file': ('p.zip', data)})
            self.assertEqual(status, response.status_code, name)
            self.assertEqual('package.' + code, response.json()['code'], name)
            if 'large' in name:
                self.assertEqual('The package is larger than 10485760 bytes.',
                                 response.json()['detail'])
            self.assertEqual([], os.listdir(store), name)
        self.assertEqual([], self.pratai.get('/v1/functions')['functions'])
        good = self.pratai.create('a', PROLOGUE, type='sync')
        self.assertEqual('fine', self.pratai.post(good).json())
        # That it is where the others would be.
        self.assertEqual(1, len(os.listdir(store)))
