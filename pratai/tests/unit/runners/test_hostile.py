# SPDX-License-Identifier: Apache-2.0
"""Whatever a function does, the next request has to succeed."""

import os

from pratai.tests.unit.runners import base


class Hostile:
    """The tests. Subclasses say which interpreter, and in what sandbox."""

    def setUp(self):
        super().setUp()
        self.one = self.ready()

    def need_sandbox(self):
        if not self.isolated:
            self.skipTest('Bubblewrap does not work here: %s'
                          % self.driver.launcher.warnings)

    def failed(self, expected, name, **arguments):
        """Run one that fails; its instance goes on.

        :returns: Result.
        """
        result = self.do(self.one, name, **arguments)
        self.assertEqual(('failed', expected), (result.status, result.code),
                         result)
        self.check_alive(self.one)
        return result

    def succeeded(self, name, **arguments):
        result = self.do(self.one, name, **arguments)
        self.assertEqual('succeeded', result.status, result)
        self.check_alive(self.one)
        return result.value

    def died(self, name, signal=None, status=None, **arguments):
        """Run one whose process ends without an answer."""
        result = self.do(self.one, name, **arguments)
        self.assertIsNotNone(result.exited, result)
        self.assertEqual(
            {'type': 'exited', 'pid': result.pid, 'signal': signal,
             'status': status, 'clean': True}, result.exited)
        self.check_alive(self.one)
        return result

    def kill(self, request, clean=(True,)):
        self.one.send(type='kill', pid=request.pid)
        result = request.result()
        self.assertIn(result.exited.pop('clean'), clean)
        self.assertEqual({'type': 'exited', 'pid': request.pid, 'signal': 9,
                          'status': None}, result.exited)
        self.check_alive(self.one)

    def gone(self, pids):
        """No process of a request outlives it."""
        self.until(lambda: not self.do(self.one, 'alive', pids=pids).value,
                   'end of %s' % pids)

    # Ends.

    def test_sys_exit(self):
        result = self.failed('function.exited', 'exit', code=3)
        self.assertEqual('SystemExit: 3', result.detail)
        self.failed('function.exited', 'exit')
        self.failed('function.exited', 'builtin_exit', code='bye')

    def test_exceptions(self):
        for kind in ('ValueError', 'KeyboardInterrupt', 'GeneratorExit',
                     'StopIteration', 'BaseException'):
            result = self.failed('function.failed', 'raise', kind=kind)
            self.assertEqual(kind + ': no', result.detail)
            self.assertIn('do_raise', result.log.text())

    def test_memory_error_of_its_own(self):
        self.failed('function.out_of_memory', 'raise', kind='MemoryError')

    def test_exception_without_words(self):
        result = self.failed('function.failed', 'odd')
        self.assertEqual('Odd', result.detail)

    def test_long_message(self):
        result = self.failed('function.failed', 'long_error')
        self.assertTrue(result.detail.startswith('ValueError: xxx'))
        self.assertLessEqual(len(result.detail), 1000)

    def test_unicode_message(self):
        result = self.failed('function.failed', 'unicode_error')
        self.assertEqual('ValueError: caf\xe9', result.detail)

    def test_recursion(self):
        result = self.failed('function.failed', 'recurse')
        self.assertIn('recursion', result.detail)

    def test_hard_exit(self):
        self.died('hard_exit', status=0, code=0)
        self.died('hard_exit', status=7, code=7)

    def test_signals(self):
        self.died('segfault', signal=11)
        self.died('abort', signal=6)

    def test_stopped(self):
        request = self.begin(self.one, 'stop_self')
        self.kill(request)

    def test_signals_ignored(self):
        with self.running(self.one, 'ignore_signals', 'ignoring') as request:
            self.kill(request)

    # Answers.

    def test_not_json(self):
        for kind in ('nan', 'infinity', 'set', 'cycle', 'deep', 'object',
                     'function', 'key', 'generator', 'bytes'):
            result = self.failed('function.bad_response', 'answer', kind=kind)
            self.assertTrue(
                result.detail.startswith('The response is not JSON: '),
                result.detail)

    def test_liar(self):
        result = self.do(self.one, 'answer', kind='liar')
        self.assertIn(result.code, (None, 'function.bad_response'), result)
        self.check_alive(self.one)

    def test_json(self):
        self.assertEqual('\ud800', self.succeeded('answer', kind='surrogate'))
        self.assertEqual('a\0b', self.succeeded('answer', kind='zero'))
        self.assertIsNone(self.succeeded('answer', kind='none'))

    def test_too_large(self):
        result = self.failed('function.response_too_large', 'large',
                             size=2 << 20)
        self.assertIn('1048576', result.detail)
        result = self.do(self.one, 'large', size=100 << 20)
        self.assertIn(result.code, ('function.response_too_large',
                                    'function.out_of_memory'))
        self.check_alive(self.one)

    # Resources.

    def test_memory(self):
        self.failed('function.out_of_memory', 'eat')
        self.failed('function.out_of_memory', 'eat_much')
        self.assertEqual('caught', self.succeeded('eat_and_catch'))

    def test_memory_leaves_neighbours_alone(self):
        with self.running(self.one, 'wait', 'waiting', seconds=1) as request:
            self.failed('function.out_of_memory', 'eat')
            self.assertEqual('succeeded', request.result().status)

    def test_memory_that_no_process_is_charged_for(self):
        problem = self.no_groups()
        if problem:
            self.skipTest(problem)
        self.one = self.ready(concurrency=1)
        self.died('eat_shared', signal=9)
        self.assertTrue(self.driver.inspect(self.one.sandbox)['oom_killed'])

    def test_limits_cannot_be_raised(self):
        self.assertEqual(['RLIMIT_DATA', 'RLIMIT_NPROC', 'RLIMIT_FSIZE',
                          'RLIMIT_NOFILE'], self.succeeded('raise_limits'))
        self.failed('function.out_of_memory', 'eat')

    def test_large_file(self):
        self.one = self.ready(settings={'limits': {'fsize': 1 << 20}})
        self.failed('function.failed', 'large_file', size=4 << 20)
        self.assertEqual(1 << 20,
                         self.succeeded('large_file', size=1 << 20))

    def test_full_directories(self):
        self.need_sandbox()
        for path in ('/tmp', '/dev/shm'):
            written = self.succeeded('fill', path=path)
            self.assertEqual(self.conf.process.tmp_size << 20, written)

    def test_files(self):
        self.assertEqual('EMFILE', self.succeeded('files'))

    def test_threads(self):
        self.assertEqual(4, self.succeeded('threads'))

    def test_endless_output(self):
        with self.running(self.one, 'print_forever', 'x') as request:
            self.kill(request)

    # Processes.

    def test_daemons(self):
        self.gone(self.succeeded('daemons'))

    def test_daemons_of_a_killed_one(self):
        with self.running(self.one, 'daemons_then_hang',
                          'ignoring') as request:
            self.kill(request)
        self.until(lambda: self.processes() <= 4, 'end of daemons')

    def test_daemons_leave_neighbours_alone(self):
        with self.running(self.one, 'wait', 'waiting', seconds=1) as request:
            self.gone(self.succeeded('daemons'))
            self.assertEqual('succeeded', request.result().status)

    def test_orphans(self):
        self.gone(self.succeeded('orphans_without_reaper'))

    def test_escaped(self):
        self.need_sandbox()
        pids = self.succeeded('escape')
        if pids is None:
            self.skipTest('clone() has a number here that nobody looked up')
        self.gone(pids)

    def test_forked_ones_fall_through(self):
        for how, status in (('return', 0), ('raise', 1), ('exit', 3)):
            self.assertEqual(status, self.succeeded('fall_through', how=how))
            # Later, when somebody else is served.
            self.assertIsNone(self.succeeded('fall_through', how=how,
                                             seconds=0.2))
            result = self.do(self.one, 'wait', seconds=0.4)
            self.assertEqual(('succeeded', None),
                             (result.status, result.value), result)

    def processes(self):
        """:returns: number of processes of the instance."""
        from pratai.drivers.runtime import processes
        return 1 + len(processes.descendants(self.one.sandbox.pid))

    def test_fork_bomb(self):
        self.need_sandbox()
        request = self.begin(self.one, 'fork_bomb')
        self.until(lambda: self.processes() > 50, 'bomb')
        # On a busy machine it may not be won in time: the executor is told,
        # and destroys the instance.
        self.kill(request, clean=(True, False))
        self.until(lambda: self.processes() <= 4, 'end of the bomb')

    def test_chain_bombs(self):
        self.need_sandbox()
        for name in ('chain_bomb', 'many_chains'):
            result = self.do(self.one, name)
            self.assertTrue(result.status == 'succeeded' or
                            result.exited['clean'], result)
            self.check_alive(self.one)
            self.until(lambda: self.processes() <= 4, 'end of the bomb')

    def test_bomb_beside_a_neighbour(self):
        self.need_sandbox()
        with self.running(self.one, 'wait', 'waiting', seconds=1) as request:
            self.do(self.one, 'many_chains')
            self.assertEqual('succeeded', request.result().status)
        self.check_alive(self.one)

    def test_kill_all(self):
        self.need_sandbox()
        self.assertEqual('alive', self.succeeded('kill_all'))

    def test_kill_parent(self):
        self.need_sandbox()
        self.assertEqual(1, self.succeeded('kill_parent'))

    # Descriptors, sockets, modules.

    def test_descriptors(self):
        found = self.succeeded('descriptors')
        # The connection of the request; besides, /dev/null and the like.
        self.assertEqual(['connected'], [kind for kind in found
                                         if kind != 'other'])

    def test_close_all(self):
        result = self.died('close_all', status=1)
        self.assertIsNone(result.status)

    def test_broken_output(self):
        result = self.failed('function.failed', 'replace_output')
        self.assertIn('with broken output', result.log.text())
        self.assertEqual('closed', self.succeeded('close_output'))

    def test_connections(self):
        run_dir = os.path.join(self.state_path, 'run',
                               self.one.spec.instance_id)
        arguments = {'run_dir': '/run/pratai' if self.isolated else run_dir}
        self.succeeded('connections', **arguments)
        with self.running(self.one, 'wait', 'waiting', seconds=1) as request:
            self.succeeded('connections', **arguments)
            self.assertEqual('succeeded', request.result().status)

    def test_sockets_stay(self):
        self.need_sandbox()
        self.assertEqual([], self.succeeded('steal_sockets'))

    def test_broken_modules(self):
        result = self.do(self.one, 'break_modules')
        self.assertTrue(result.status or result.exited, result)
        self.check_alive(self.one)

    # What others have.

    def test_parent_is_closed(self):
        self.assertEqual([], self.succeeded('reap_parent'))

    def test_neighbours_are_closed(self):
        if not self.isolated and os.getuid():
            self.skipTest('Without a sandbox all run as our own user')
        with self.running(self.one, 'wait', 'waiting', seconds=1):
            self.assertEqual([], self.succeeded('siblings'))

    def test_system_calls(self):
        self.need_sandbox()
        self.assertEqual([], self.succeeded('system_calls'))

    def test_directories_of_others(self):
        if self.isolated:
            path = '/tmp'
        else:
            path = os.path.dirname(self.do(self.one, 'where').value['cwd'])
        for _ in range(3):
            self.succeeded('tidy_up', path=path)
            value = self.succeeded('where')
            self.assertTrue(value['cwd'].startswith(path))
            self.assertEqual([], value['files'])

    def test_closed_directories(self):
        self.need_sandbox()
        for _ in range(3):
            self.succeeded('close_directories')
            self.assertIn('cwd', self.succeeded('where'))

    def test_next_request_finds_nothing(self):
        self.need_sandbox()
        for _ in range(10):
            self.assertEqual('succeeded', self.do(
                self.one, 'touch', paths=['/tmp/x1', '/dev/shm/y']).status)
            found = self.do(self.one, 'look',
                            paths=['/tmp/x1', '/dev/shm/y']).value
            self.assertEqual(['ENOENT', 'ENOENT'], list(found.values()))

    def test_rehearsals_leave_neighbours_alone(self):
        """A child that gets ready runs what removes files."""
        self.need_sandbox()
        one = self.ready(source=(
            'import os, time\n'
            'def main(payload):\n'
            '    open("/tmp/mine", "w").close()\n'
            '    time.sleep(0.3)\n'
            '    return os.path.exists("/tmp/mine")\n'))
        for _ in range(3):
            self.assertIs(True, one.request().value)

    def test_files_left(self):
        shared = ['/tmp', '/dev/shm'] if self.isolated else []
        top = self.succeeded('leave_files', shared=shared)
        scratch = os.path.dirname(top)

        def nothing_left():
            # First, because what is in it is moved up.
            if self.do(self.one, 'look',
                       paths=[top]).value[top] != 'ENOENT':
                return False
            found = self.do(self.one, 'listdir', path=scratch).value
            found = [name for name in found if not name.startswith('r')]
            if self.isolated:
                found += self.do(self.one, 'listdir', path='/dev/shm').value
            return not found

        self.until(nothing_left, 'an empty directory')


class TestPython27(Hostile, base.RunnerTestCase):
    which = 'python27'


class TestOldestPython3(Hostile, base.RunnerTestCase):
    which = 'oldest'


class TestNewestPython3(Hostile, base.RunnerTestCase):
    which = 'newest'


class TestWithoutSandbox(Hostile, base.RunnerTestCase):
    """Some are skipped: without a sandbox they hit who they want."""

    isolation = 'none'
