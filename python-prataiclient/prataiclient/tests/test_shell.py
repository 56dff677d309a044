# SPDX-License-Identifier: Apache-2.0
import os
import shutil
import signal
import subprocess
import sys

import prataiclient
from prataiclient import shell
from prataiclient.tests import base
from prataiclient.tests import servers

COMMANDS = [
    'function-create', 'function-list', 'function-show', 'function-update',
    'function-delete',
    'function-execute', 'function-running', 'function-builds',
    'function-package', 'package-download', 'request-list', 'request-show',
    'request-logs', 'request-cancel', 'request-delete', 'runtime-list',
    'runtime-show', 'runtime-enable', 'runtime-disable', 'service-list',
    'service-show', 'service-enable', 'service-disable', 'service-drain',
    'event-list', 'event-show', 'cluster-status', 'help', 'complete']


class TestHelp(base.TestCase):

    def test_help_lists_the_commands(self):
        out = self.ok('help')
        for command in COMMANDS:
            self.assertRegex(out, r'(?m)^  %s +[A-Z].*[^.]$' % command)
        self.assertIn('OS_PRATAI_URL', out)
        for argv in ((), ('--help',), ('-h',)):
            self.assertEqual(out, self.ok(*argv))

    def test_no_command_is_missing(self):
        self.assertEqual(sorted(COMMANDS), sorted(
            shell.CommandManager(None).get_command_names()
            + ['help', 'complete']))

    def test_help_of_each_command(self):
        for command in COMMANDS:
            out = self.ok('help', command)
            self.assertIn('usage: pratai ' + command, out)
            self.assertEqual(out, self.ok(command, '--help'))
        out = self.ok('help', 'function-create')
        self.assertEqual(out, self.ok(
            'function-create', 'x', '--memory', '5', '-h'))
        for option in ('--zip', '--source', '--description', '--memory',
                       '--cpus', '--type', '--wait-for-response',
                       '--runtime', '--event', '--public', '--private',
                       '--timeout', '--isolation', '--network', '--limit',
                       '--wait', '--no-wait'):
            self.assertIn('\n  ' + option, out)

    def test_two_words_for_one(self):
        for command in COMMANDS:
            first, dash, second = command.partition('-')
            if dash:
                self.assertEqual(self.ok('help', command),
                                 self.ok('help', first, second))
                self.assertEqual(self.ok(command, '--help'),
                                 self.ok(first, second, '--help'))
        self.fails("pratai has no command 'service'", 'service', 'sleep',
                   status=2)

    def test_help_asks_no_server(self):
        self.ok('help')
        self.ok('help', 'function-list')
        self.assertEqual([], self.server.seen)

    def test_help_of_no_command(self):
        self.fails("^pratai has no command 'nonsense'; see 'pratai help'",
                   'help', 'nonsense', status=2)
        self.fails('did you mean function-list', 'help', 'functon-list',
                   status=2)
        self.assertIn('  event-show\n', self.ok('help', 'event'))

    def test_version(self):
        self.assertEqual('pratai %s\n' % prataiclient.__version__,
                         self.ok('--version'))

    def test_complete(self):
        out = self.ok('complete')
        self.assertRegex(out, "cmds_function_create='.*--zip")
        if shutil.which('bash'):
            self._complete(out, 'function-create', 'function-cr')
            self._complete(out, '--memory', 'function-create', '--mem')

    def _complete(self, script, expected, *words):
        """As by the Tab key, in a bash with nothing but itself."""
        found = subprocess.run(
            ['bash', '--norc', '--noprofile', '-c',
             script + 'COMP_WORDS=(pratai %s); COMP_CWORD=%d\n'
             '_pratai; echo "${COMPREPLY[@]}"\n'
             % (' '.join(words), len(words))],
            text=True, capture_output=True)
        self.assertEqual((expected + '\n', ''), (found.stdout, found.stderr))


class TestErrors(base.TestCase):

    def test_unknown_command(self):
        self.fails("^pratai has no command 'functon-list'; did you mean "
                   "function-list", 'functon-list', status=2)
        self.fails('did you mean event-list or event-show', 'event',
                   status=2)
        self.fails("see 'pratai help'", 'xyz', status=2)
        self.fails("no option '--xyz'", '--xyz', 'function-list', status=2)

    def test_wrong_arguments(self):
        for argv in (['function-show'], ['function-list', 'x'],
                     ['function-list', '--limit', '0'],
                     ['function-list', '--limit', 'x'],
                     ['function-list', '--limit'],
                     ['function-create', 'x'],
                     ['function-create', 'x', '--zip', 'a', '--source', 'b'],
                     ['function-create', 'x', '--zip', 'a', '--memory', '-1'],
                     ['function-create', 'x', '--zip', 'a', '--type', 'y'],
                     ['request-list', '--status', 'x'],
                     ['function-list', '-f', 'x']):
            self.fails("^pratai %s: .*; see 'pratai help %s'$"
                       % (argv[0], argv[0]), *argv, status=2)
        self.fails("^pratai: .*see 'pratai help'", '--os-token', status=2)

    def test_unknown_column(self):
        self.fails('no column nonsense; there are function_id, name',
                   'function-list', '-c', 'nonsense')

    def test_nobody_answers(self):
        self.server.stop()
        self.fails(r'^Cannot reach Pratai at http://127\S+: Connection '
                   r'refused. Is it running\? \(OS_PRATAI_URL\)$',
                   'function-list')

    def test_not_a_url(self):
        self.fails('^OS_PRATAI_URL must be a URL', 'function-list',
                   OS_PRATAI_URL='localhost:9998')

    def test_error_of_the_api(self):
        self.fails(r"^No function has the name or id 'x' "
                   r"\(function.not_found\)$", 'function-show', 'x')
        self.server.instead['/v1/functions'] = 500, {}, {
            'detail': 'Internal\nerror', 'code': 'internal.error',
            'request_id': 'req-1'}
        self.fails(r'^Internal error \(internal.error, req-1\)$',
                   'function-list')

    def test_bug(self):
        self.server.instead['/v1/functions'] = 200, {}, {
            'functions': [{'id': []}], 'next': {}}
        result = self.pratai('function-list', '--marker', '\0',
                             OS_PRATAI_URL='http://\udcff')
        self.assertEqual(1, result.status)
        self.assertNotIn('Traceback', result.err)
        self.assertEqual(1, len(result.err.splitlines()))

    def test_debug_shows_the_traceback(self):
        result = self.pratai('function-show', 'x', '--debug')
        self.assertEqual(1, result.status)
        self.assertIn('Traceback', result.err)

    def test_verbose_shows_the_requests_but_no_token(self):
        result = self.pratai('-v', 'function-list', OS_TOKEN='a:secret')
        self.assertEqual(0, result.status)
        self.assertIn('/v1/functions', result.err)
        self.assertNotIn('secret', result.err)

    def test_log_file(self):
        self.ok('function-list', '--log-file', self.path('log'))
        with open(self.path('log')) as f:
            self.assertIn('/v1/functions', f.read())
        self.fails('No such file', 'function-list', '--log-file',
                   self.path('none/log'))


class TestKeystone(base.TestCase):

    def setUp(self):
        self.keystone = servers.Keystone()
        self.addCleanup(self.keystone.stop)
        super().setUp()

    def test_settings_of_the_documentation(self):
        environ = {
            'OS_USERNAME': 'user', 'OS_PASSWORD': 'pass',
            'OS_AUTH_URL': self.keystone.url + '/v3',
            'OS_TENANT_NAME': 'pratai', 'OS_IDENTITY_API_VERSION': '3',
            'OS_PROJECT_DOMAIN_NAME': 'Default',
            'OS_USER_DOMAIN_NAME': 'Default'}
        self.ok('function-list', **environ)
        self.fails('refused the credentials', 'function-list',
                   **dict(environ, OS_PASSWORD='no'))
        self.ok('function-list', '--os-password', 'pass',
                **dict(environ, OS_PASSWORD='no'))

    def test_no_credentials(self):
        self.fails('requires authentication; set OS_AUTH_URL',
                   'function-list')


class TestProcess(base.TestCase):
    """What only a process of its own shows."""

    def test_list(self):
        self.function()
        result = self.run_process('function-list', '-f', 'value',
                                  '-c', 'name')
        self.assertEqual((0, 'hello\n', ''),
                         (result.status, result.out, result.err))

    def test_errors_are_one_line(self):
        for url, argv, status in (
                ('http://127.0.0.1:1', ['function-list'], 1),
                ('http://127.0.0.1:1', ['nonsense'], 2),
                (self.server.url, ['function-show', 'x'], 1)):
            result = self.run_process(*argv, OS_PRATAI_URL=url)
            self.assertEqual((status, ''), (result.status, result.out))
            self.assertEqual(1, len(result.err.splitlines()), result.err)

    def test_interrupt(self):
        self.server.gate.clear()
        function = self.client.functions.create('a', base.zipped())
        self.client.functions.wait(function.id)
        process = self.start('function-execute', 'a', '--wait', '-q')
        while not self.server.requests:
            self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
        self.assertEqual((130, '', ''), (process.returncode, out, err))

    def test_interrupt_of_an_import(self):
        code = ('import signal, sys\n'
                'class Finder:\n'
                '    def find_spec(self, name, *args):\n'
                '        if name == "cliff.app":\n'
                '            signal.raise_signal(signal.SIGINT)\n'
                'sys.meta_path.insert(0, Finder())\n'
                'from prataiclient import __main__\n'
                'sys.exit(__main__.main(["help"]))\n')
        found = subprocess.run([sys.executable, '-c', code], text=True,
                               env=dict(os.environ, PYTHONPATH=base.ROOT),
                               capture_output=True)
        self.assertEqual((130, '', ''),
                         (found.returncode, found.stdout, found.stderr))

    def test_broken_pipe(self):
        self.function()
        for argv in (['help'], ['function-list'], ['function-show', 'hello']):
            process = self.start(*argv)
            process.stdout.close()
            err = process.stderr.read()
            self.assertEqual((141, ''), (process.wait(), err))

    def test_full_disk(self):
        if not os.path.exists('/dev/full'):
            self.skipTest('only where there is a /dev/full')
        # One is written when it is done, the other is too long for that.
        for argv in (['function-list'], ['help']):
            with open('/dev/full', 'w') as full:
                found = subprocess.run(
                    [sys.executable, '-m', 'prataiclient'] + argv,
                    stdout=full, stderr=subprocess.PIPE, text=True,
                    env=dict(self._environ({}), PYTHONPATH=base.ROOT))
            self.assertEqual(1, found.returncode)
            self.assertEqual('Cannot write the output: No space left on '
                             'device\n', found.stderr)

    def test_terminal_without_unicode(self):
        self.function('мир')
        result = self.run_process('function-list', '-f', 'value',
                                  '-c', 'name', PYTHONIOENCODING='ascii')
        self.assertEqual((0, '\\u043c\\u0438\\u0440\n'),
                         (result.status, result.out))

    def test_what_is_not_needed_is_not_imported(self):
        code = ('import sys\n'
                'from prataiclient import __main__\n'
                '__main__.main(%r)\n'
                'sys.stderr.write(" ".join(sys.modules))\n')
        for argv, without in (
                (['help'], {'requests', 'keystoneauth1', 'cmd2'}),
                (['function-list'], {'cmd2', 'keystoneauth1.identity.v3',
                                     'openstack', 'multipart'})):
            found = subprocess.run(
                [sys.executable, '-c', code % argv], capture_output=True,
                text=True, check=True, env=dict(
                    self._environ({}), PYTHONPATH=base.ROOT))
            self.assertEqual(set(), without & set(found.stderr.split()))
