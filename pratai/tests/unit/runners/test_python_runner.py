# SPDX-License-Identifier: Apache-2.0
"""The runner protocol, and what well-behaved functions get."""

import os
import socket
import textwrap

from pratai.tests import runner_client
from pratai.tests.unit.runners import base


def text(source):
    return textwrap.dedent(source)


class Runner:
    """The tests. Subclasses say which interpreter."""

    # Loading.

    def refused(self, code, source, **kwargs):
        """:returns: detail and body of the "failed" frame."""
        one = self.instance(text(source), **kwargs)
        self.assertEqual(('failed', code),
                         (one.header['type'], one.header.get('code')),
                         (one.header, one.text))
        self.until(lambda: not self.driver.inspect(one.sandbox)['running'],
                   'end of the runner')
        return one.header['detail'], one.text

    def test_syntax_error(self):
        detail, body = self.refused('build.syntax_error', '''
            def main(payload):
                return (
            ''')
        self.assertIn('new_module.py', detail)
        self.assertNotIn('\n', detail)
        self.assertIn('SyntaxError', body)

    def test_syntax_error_elsewhere(self):
        self.refused('build.import_failed', 'import other',
                     deps={'other.py': 'def ('})

    def test_no_main(self):
        for source in ('x = 1', 'main = 3', 'def main(): pass',
                       'def main(a, b): pass'):
            detail, _ = self.refused('build.no_main', source)
            self.assertIn('main', detail)

    def test_any_callable_will_do(self):
        for source in ('def main(payload=None): return payload',
                       'def main(*args): return args[0]',
                       'def main(a, b=2): return a',
                       'main = lambda p: p', 'import json; main = json.loads',
                       'class C(object):\n'
                       '    def run(self, p): return p\n'
                       'main = C().run'):
            one = self.ready(source)
            self.assertEqual(1, one.request(
                '1' if 'json' in source else 1).value)

    def test_import_fails(self):
        for source, detail in (
                ('import no_such_module', 'no_such_module'),
                ('raise ValueError("no\\nmore")', 'ValueError: no'),
                ('import sys; sys.exit(4)', 'SystemExit: 4'),
                ('raise KeyboardInterrupt()', 'KeyboardInterrupt'),
                ('x = bytearray(1 << 40)', 'MemoryError')):
            said, body = self.refused('build.import_failed', source)
            self.assertIn(detail, said)
            self.assertNotIn('\n', said)
            self.assertIn('new_module.py', body)
            self.assertNotIn('runner.py', body)

    def test_import_that_forks(self):
        # In Python 2.7 fork() itself raises in the child of an import.
        for line, status in (('pass', int(self.python2)),
                             ('raise ValueError()', 1)):
            one = self.ready(text('''
                import os
                child = os.fork()
                if child:
                    status = os.waitpid(child, 0)[1] >> 8
                else:
                    %s
                def main(payload):
                    return status
                ''') % line)
            self.assertEqual(status, one.request().value)

    def test_output_of_the_import(self):
        one = self.ready(text('''
            import logging, sys
            print('hello')
            sys.stderr.write('world\\n')
            logging.getLogger('pratai').warning('beware')
            def main(payload):
                pass
            '''))
        self.until(lambda: self.driver.inspect(one.sandbox)['output']
                   == 'hello\nworld\nWARNING beware\n', 'output')
        self.assertEqual('', one.request().log.text())

    def test_runner_that_dies_while_it_imports(self):
        self.assertRaises(AssertionError, self.instance,
                          'import os; os._exit(5)')

    def test_dependencies(self):
        one = self.ready(
            text('''
                import dependency, added, json
                def main(payload):
                    return [dependency.VALUE, added.VALUE, json.dumps(1)]
                '''),
            deps={'dependency.py': 'VALUE = 1', 'json.py': 'broken(',
                  'more.pth': 'extra\n', 'extra/added.py': 'VALUE = 2'})
        self.assertEqual([1, 2, '1'], one.request().value)

    # Requests.

    def test_values(self):
        one = self.ready()
        for value in (None, 0, 1.5, 'caf\xe9 \U0001f600', [], {'a': [{}]},
                      'x' * 200000, list(range(5000))):
            result = self.do(one, 'echo', value=value)
            self.assertEqual(('succeeded', value),
                             (result.status, result.value))

    def test_no_state_is_left(self):
        one = self.ready()
        self.assertEqual([1, 1, 1],
                         [self.do(one, 'count').value for _ in range(3)])

    def test_processes_differ(self):
        one = self.ready()
        pids = {one.request(n).pid for n in range(5)}
        self.assertEqual(5, len(pids))

    def test_asynchronous(self):
        if self.python2:
            self.skipTest('Python 2 has no async')
        one = self.ready(text('''
            import asyncio
            async def main(payload):
                await asyncio.sleep(0)
                return payload
            '''))
        self.assertEqual(1, one.request(1).value)

    def test_payload_that_is_not_json(self):
        one = self.ready()
        for body in (b'', b'{', b'1 2', b'\xff'):
            result = one.request(body=body)
            self.assertEqual('function.failed', result.code, result)
        self.assertEqual(1, one.request(body=b' 1 ').value)

    def test_log_is_in_order(self):
        one = self.ready()
        result = self.do(one, 'write')
        expected = ''.join('out %d\nerr %d\nINFO log %d\nraw\n' % (n, n, n)
                           for n in range(3))
        expected += 'no newline CRITICAL at once\ncaf\xe9 \u20ac'
        self.assertEqual(expected, result.log.text())

    def test_levels(self):
        log = self.do(self.ready(), 'levels').log.text()
        self.assertTrue(log.startswith(
            'DEBUG debug caf\xe9\nINFO info caf\xe9\nWARNING warning caf\xe9\n'
            'ERROR error caf\xe9\nCRITICAL critical caf\xe9\nERROR caught\n'
            'Traceback'), log)

    def test_logging_that_is_imported_late(self):
        one = self.ready(text('''
            def main(payload):
                import logging, logging.handlers
                logging.getLogger('pratai').debug('late')
                logging.getLogger('other').warning('too')
            '''))
        result = one.request()
        self.assertEqual('succeeded', result.status, result)
        self.assertIn('DEBUG late\n', result.log.text())

    def test_traceback_is_that_of_the_function(self):
        result = self.do(self.ready(), 'raise', kind='KeyError', text='no')
        log = result.log.text()
        self.assertTrue(log.startswith('Traceback'), log)
        self.assertIn('in do_raise', log)
        self.assertNotIn('runner.py', log)

    def test_directory(self):
        one = self.ready()
        seen = [self.do(one, 'where').value for _ in range(3)]
        for value in seen:
            self.assertEqual(value['cwd'], value['tmp'])
            self.assertEqual(value['cwd'], value['env'])
            self.assertEqual([], value['files'])
        self.assertEqual(3, len({value['cwd'] for value in seen}))

    def test_environment(self):
        os.environ['PRATAI_SECRET'] = 'secret'
        self.addCleanup(os.environ.pop, 'PRATAI_SECRET')
        for group in ('process', 'docker'):
            self.conf.set_override('environment', {'COLOUR': 'blue'}, group)
        environ = self.do(self.ready(), 'where').value['environ']
        self.assertEqual('blue', environ['COLOUR'])
        self.assertEqual('1', environ['OMP_NUM_THREADS'])
        self.assertEqual([], [name for name in environ
                              if name.startswith('PRATAI')])

    def test_several_at_once(self):
        one = self.ready(concurrency=4)
        requests = [self.begin(one, 'wait', seconds=0.2) for _ in range(4)]
        for request in requests:
            self.assertEqual('succeeded', request.result().status)
            self.assertEqual('waiting\n', request.log.text())

    def test_more_than_allowed_wait(self):
        one = self.ready(concurrency=2)
        connections = [runner_client.Request(one) for _ in range(4)]
        for connection in connections[:2]:
            connection.send({'do': 'wait', 'seconds': 60})
        for connection in connections[2:]:
            connection.connection.settimeout(0.3)
            self.assertRaises(socket.timeout, connection.send, 1)
        for connection in connections[:2]:
            one.send(type='kill', pid=connection.pid)
            connection.result()
        for connection in connections[2:]:
            connection.connection.settimeout(runner_client.SECONDS)
            header, _ = runner_client.read_frame(connection.connection)
            self.assertEqual('started', header['type'])
            self.assertEqual(1, connection.result().value)
        for connection in connections:
            connection.close()

    def test_connection_that_is_not_used(self):
        one = self.ready(concurrency=2)
        for _ in range(5):
            runner_client.Request(one).close()
        self.check_alive(one)

    def test_kill_comes_too_late(self):
        one = self.ready()
        result = one.request(1)
        one.send(type='kill', pid=result.pid)
        self.assertTrue(one.exited(result.pid)['clean'])
        self.check_alive(one)

    # Processes that are used again.

    def test_reuse(self):
        one = self.ready(isolation='instance')
        request = runner_client.Request(one)
        logs = []
        for number in range(1, 4):
            request.send({'do': 'count'})
            result = request.result()
            self.assertEqual(number, result.value)
            logs.append(request.log)
        self.assertEqual(['', '', ''], [log.text() for log in logs])
        pid = request.pid
        request.send({'do': 'raise'})
        self.assertEqual('function.failed', request.result().code)
        self.assertIn('do_raise', request.log.text())
        request.send({'do': 'write', 'lines': 0})
        self.assertEqual('succeeded', request.result().status)
        self.assertIn('CRITICAL at once', request.log.text())
        self.assertEqual(pid, request.pid)
        request.close()
        self.check_alive(one)

    def test_reuse_gets_directories_of_its_own(self):
        one = self.ready(isolation='instance')
        request = runner_client.Request(one)
        shared = ['/dev/shm'] if self.isolated else []
        request.send({'do': 'leave_files', 'shared': shared})
        first = request.result().value
        request.send({'do': 'where'})
        second = request.result().value
        self.assertNotEqual(first, second['cwd'])
        self.assertEqual([], second['files'])
        self.assertEqual(second['cwd'], second['tmp'])
        request.send({'do': 'look', 'paths': [first + '/deep']})
        self.assertEqual(['ENOENT'], list(request.result().value.values()))
        request.close()

    def test_reuse_after_lack_of_memory(self):
        one = self.ready(isolation='instance')
        request = runner_client.Request(one)
        for _ in range(3):
            request.send({'do': 'eat'})
            self.assertEqual('function.out_of_memory', request.result().code)
            request.send({'do': 'limits'})
            soft, hard = request.result().value['RLIMIT_DATA']
            self.assertLess(soft, hard)
        request.close()

    def test_reused_one_is_killed(self):
        one = self.ready(isolation='instance')
        request = self.begin(one, 'wait')
        one.send(type='kill', pid=request.pid)
        self.assertEqual(9, request.result().exited['signal'])
        self.check_alive(one)

    def test_reused_one_exits(self):
        one = self.ready(isolation='instance')
        result = self.do(one, 'hard_exit', code=3)
        self.assertEqual(3, result.exited['status'])
        result = self.do(one, 'exit', code=3)
        self.assertEqual('function.exited', result.code)
        self.check_alive(one)

    # The end.

    def test_stop(self):
        one = self.ready()
        self.begin(one, 'wait')
        one.send(type='stop')
        self.until(lambda: not self.driver.inspect(one.sandbox)['running'],
                   'end of the runner')
        self.assertEqual(
            0, self.driver.inspect(one.sandbox)['exit_code'])

    def test_executor_is_gone(self):
        one = self.ready()
        self.begin(one, 'ignore_signals')
        one.close()
        self.until(lambda: not self.driver.inspect(one.sandbox)['running'],
                   'end of the runner')


class TestPython27(Runner, base.RunnerTestCase):
    which = 'python27'


class TestOldestPython3(Runner, base.RunnerTestCase):
    which = 'oldest'


class TestNewestPython3(Runner, base.RunnerTestCase):
    which = 'newest'
