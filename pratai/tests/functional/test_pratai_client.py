# SPDX-License-Identifier: Apache-2.0
"""The pratai command against a real service: what is typed, and what a person
or a script gets to see."""

import json
import os
import re
import subprocess
import sys

from oslotest import base

from pratai.tests.functional import standalone

PRATAI = os.path.join(os.path.dirname(sys.executable), 'pratai')
ECHO = '''
def main(payload):
    print('printed')
    return payload
'''
RAISES = '''
def main(payload):
    raise ValueError('not this')
'''
# Goes on when the test says so.
TALKS = '''
import socket


def main(port):
    print('started', flush=True)
    with socket.create_connection(('127.0.0.1', port)) as connection:
        print(connection.recv(64).decode(), flush=True)
        connection.recv(64)
    return 'talked'
'''


class Base(base.BaseTestCase):

    options = {}

    def setUp(self):
        super().setUp()
        self.service = self.useFixture(standalone.Standalone(self.options))
        self.directory = self.service.state_path

    def start(self, *argv):
        """Start the command; it is stopped when the test ends.

        :returns: its process, with pipes of bytes
        """
        environ = self.service.environ()
        environ['OS_PRATAI_URL'] = self.service.api
        process = subprocess.Popen(
            [PRATAI, *argv], cwd=self.directory, env=environ,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def pratai(self, *argv, stdin=b''):
        """:returns: exit status, standard output, standard error."""
        return self.end(self.start(*argv), stdin)

    def end(self, process, stdin=b''):
        """The same of a process that was started."""
        out, err = process.communicate(stdin, timeout=standalone.PATIENCE)
        return process.returncode, out.decode(), err.decode()

    def ok(self, *argv, **kwargs):
        """:returns: what a command that went well has printed."""
        status, out, err = self.pratai(*argv, **kwargs)
        self.assertEqual(0, status, err)
        return out

    def json(self, *argv, **kwargs):
        return json.loads(self.ok(*argv, '-f', 'json', **kwargs))

    def fails(self, pattern, *argv, status=1):
        """The last line that a command writes is what went wrong.

        :returns: the lines before it
        """
        found, out, err = self.pratai(*argv)
        self.assertEqual((status, ''), (found, out), err)
        self.assertNotIn('Traceback', err)
        *before, last = err.splitlines()
        self.assertRegex(last, pattern)
        return before

    def source(self, name, module, requirements=''):
        """:returns: a directory that a function can be made of, as it is
            typed."""
        directory = os.path.join(self.directory, name)
        os.mkdir(directory)
        for file_name, content in (('new_module.py', module),
                                   ('requirements.txt', requirements),
                                   ('README', 'not for the package')):
            with open(os.path.join(directory, file_name), 'w') as file:
                file.write(content)
        return name

    def create(self, name, module, *argv):
        """:returns: the id of the function."""
        return self.ok('function-create', name, '--source',
                       self.source(name, module), *argv).strip()

    def unique(self, id, ids):
        """:returns: the shortest beginning of an id that means it only."""
        others = [other for other in ids if other != id]
        return next(id[:length] for length in range(4, 33)
                    if not any(other.startswith(id[:length])
                               for other in others))


class TestFunctions(Base):

    def test_function(self):
        status, out, err = self.pratai(
            'function-create', 'echo', '--source', self.source('dir', ECHO),
            '--description', 'says it again', '--memory', '64')
        self.assertEqual(0, status, err)
        # The id alone, for scripts; the rest is for who watches.
        self.assertRegex(out, r'\A[0-9a-f]{32}\n\Z')
        id = out.strip()
        building, *log = err.splitlines()
        self.assertEqual('building echo (%s) ...' % id, building)
        self.assertIn('Importing the function.', log)
        other = self.create('other', ECHO, '--type', 'sync')
        begins = self.unique(id, [other])

        shown = self.json('function-show', 'echo')
        self.assertEqual(
            (id, 'echo', 'says it again', 'admin', 'async', 64, 'inactive'),
            tuple(shown[name] for name in (
                'function_id', 'name', 'description', 'tenant_id', 'type',
                'memory', 'status')))
        for name in (id, begins):
            self.assertEqual(shown, self.json('function-show', name))
        build, = self.json('function-builds', begins)
        self.assertEqual((1, 'succeeded', None), tuple(
            build[name] for name in ('version', 'status', 'code')))
        self.assertEqual('\n'.join(log).strip(), self.ok(
            'function-builds', '--log', 'echo').strip())

        # The package as the server has it, where nothing is in the way.
        self.assertEqual('', self.ok('function-package', begins))
        path = os.path.join(self.directory, 'echo.zip')
        with open(path, 'rb') as file:
            package = file.read()
        self.fails('^echo.zip exists already; --output echo.zip replaces it$',
                   'function-package', 'echo')
        saved, _ = self.start('function-package', 'echo', '--output',
                              '-').communicate()
        self.assertEqual(package, saved)
        copy = self.ok('function-create', 'copy', '--zip', path, '-f',
                       'value', '-c', 'status')
        self.assertEqual('inactive\n', copy)

        # What went well is done, whatever becomes of the others.
        status, out, err = self.pratai('function-delete', begins, 'nothing',
                                       'copy')
        self.assertEqual((1, ''), (status, out))
        self.assertRegex(err, r'\Adeleted echo \(%s\)\n'
                              r'.*nothing.* \(function.not_found\)\n'
                              r'deleted copy \(.*\)\n\Z' % id)
        self.assertEqual([other], [one['function_id'] for one in
                                   self.json('function-list')])

    def test_execute(self):
        id = self.create('echo', ECHO)
        self.create('sync', ECHO, '--type', 'sync')
        with open(os.path.join(self.directory, 'payload.json'), 'w') as file:
            file.write('{"key": ["välue", null]}')
        # A sync one answers, an async one does if one waits for it.
        for payload, value in (
                (('--payload', '"text"'), 'text'), ((), None),
                (('--file', 'payload.json'), {'key': ['välue', None]})):
            for argv in (['sync'], [id[:12], '--wait']):
                self.assertEqual(value, json.loads(self.ok(
                    'function-execute', *argv, *payload)))
        status, out, err = self.pratai(
            'function-execute', 'echo', '--wait', '--file', '-', '-f',
            'json', stdin=b'[1]')
        executed = json.loads(out)
        self.assertEqual(
            ('succeeded', [1]), (executed['status'], executed['response']))
        self.assertEqual('waiting for request %s ...\n'
                         % executed['request_id'], err)
        # Otherwise its id, and what came of it later.
        out = self.ok('function-execute', 'echo', '--payload', '2')
        self.assertRegex(out, r'\A[0-9a-f]{32}\n\Z')
        request_id = out.strip()
        self.service.finished(request_id)
        listed = [one['request_id'] for one in self.json('request-list')]
        self.assertEqual(request_id, listed[0])
        shown = self.json('request-show', self.unique(request_id, listed))
        self.assertEqual((request_id, id, 'succeeded', 2, 2), tuple(
            shown[name] for name in ('request_id', 'function_id', 'status',
                                     'payload', 'response')))
        self.assertEqual('printed\n', self.ok('request-logs', request_id))
        # What is meant has to be clear.
        alike = request_id[:4]
        self.fails(r"^'%s' may be any of \d+ requests: .*%s"
                   % (alike, request_id), 'request-show', alike)


class TestRunning(Base):

    options = {('executor', 'heartbeat_interval'): 0.2}

    def setUp(self):
        super().setUp()
        self.listener = self.useFixture(standalone.Listener())
        self.function = self.create('talks', TALKS, '--network',
                                    '--timeout', '600')

    def run_one(self):
        """:returns: the id of a request that runs, and its connection."""
        id = self.ok('function-execute', 'talks', '--payload',
                     str(self.listener.port)).strip()
        return id, self.listener.accept()

    def test_watch_and_cancel(self):
        self.assertEqual([], self.json('function-running'))
        id, connection = self.run_one()
        standalone.until(lambda: self.json('function-running'))
        one, = self.json('function-running')
        self.assertEqual((id, self.function, 'talks'), tuple(
            one[name] for name in ('request_id', 'function_id',
                                   'function_name')))
        self.assertEqual('running', self.json('request-show',
                                              id[:20])['status'])
        # What is printed is seen when it is printed, and not later.
        following = self.start('request-logs', '--follow', id[:20])
        self.assertEqual(b'started\n', following.stdout.readline())
        connection.sendall(b'said')
        self.assertEqual(b'said\n', following.stdout.readline())
        self.assertEqual('started\nsaid\n', self.ok('request-logs', id))
        self.assertIsNone(following.poll())

        self.fails(r'\(request.running\)$', 'request-delete', id)
        status, out, err = self.pratai('request-cancel', id[:20])
        self.assertEqual((0, ''), (status, out))
        self.assertRegex(err, r'\Acancell(ing|ed) %s\n\Z' % id)
        self.assertEqual((0, '', ''), self.end(following))
        shown = self.json('request-show', id)
        self.assertEqual(('cancelled', None), (shown['status'],
                                               shown['response']))
        self.assertEqual([], self.json('function-running'))
        self.fails(r'\(request.finished\)$', 'request-cancel', id)

    def test_drain(self):
        executor, = [one for one in self.json('service-list')
                     if one['binary'] == 'pratai-executor']
        id, connection = self.run_one()
        following = self.start('request-logs', '--follow', id)
        # An executor can be called by its host.
        draining = self.start('service-drain', executor['host'], '--wait',
                              '--reason', 'a new disk', '-f', 'json')
        self.assertEqual('waiting until nothing runs on %s ...\n'
                         % executor['host'],
                         draining.stderr.readline().decode())
        standalone.until(lambda: self.json(
            'service-show', executor['host'])['details']['paused'])
        # It is not through with what it does, however long that takes.
        self.assertRaises(subprocess.TimeoutExpired, draining.wait, 2)
        waiting = self.ok('function-execute', 'talks', '--payload', '1')
        connection.sendall(b'the end')
        connection.close()
        self.assertEqual((0, 'started\nthe end\n', ''), self.end(following))
        status, out, err = self.end(draining)
        self.assertEqual((0, ''), (status, err))
        shown = json.loads(out)
        self.assertEqual(('draining', 'a new disk', True, 0, 0), (
            shown['state'], shown['state_reason'],
            *(shown['details'][name] for name in ('drained', 'running',
                                                  'instances'))))
        self.assertEqual('"talked"\n', self.ok(
            'request-show', id, '-f', 'value', '-c', 'response'))
        self.assertEqual('queued', self.json('request-show',
                                             waiting.strip())['status'])

        # Who enables it meanwhile ends the wait.
        enabled = self.json('service-enable', executor['service_id'][:12])
        self.assertEqual(('enabled', None), (enabled['state'],
                                             enabled['state_reason']))
        self.service.finished(waiting.strip())
        _, connection = self.run_one()
        draining = self.start('service-drain', executor['host'], '--wait')
        draining.stderr.readline()
        self.ok('service-enable', executor['host'])
        self.assertEqual(
            (1, '', 'The executor on %s does not drain any more: it is '
                    'enabled\n' % executor['host']), self.end(draining))
        connection.close()


class TestCloud(Base):

    def test_what_there_is(self):
        runtimes = self.json('runtime-list')
        ids = [one['runtime_id'] for one in runtimes]
        default, = [one for one in runtimes if one['default']]
        self.assertEqual(('python', 'available'), (default['language'],
                                                   default['status']))
        for name in (default['name'], default['runtime_id'],
                     self.unique(default['runtime_id'], ids)):
            shown = self.json('runtime-show', name)
            shown.pop('created_at')
            self.assertEqual(default, shown)

        self.assertEqual(['webhook'],
                         [one['name'] for one in self.json('event-list')])
        shown = self.json('event-show', 'webhook')
        self.assertEqual('webhook', shown['event_id'])
        self.assertIn('HTTP', shown['description'])

        self.assertEqual('ok', self.json('cluster-status')['status'])
        told = self.ok('cluster-status', '-f', 'value', '-c', 'services')
        for name in ('api', 'conductor', 'executor', 'webhook'):
            self.assertRegex(told, '(?m)^pratai-%s on .*: up$' % name)


class TestErrors(Base):

    # pip has nothing to ask anybody for.
    options = {('builder', 'index_url'): 'file:///absent',
               ('builder', 'allow_sdists'): 'false'}

    def test_requirements_that_do_not_exist(self):
        missing = 'nosuchpackage-pratai-tests==1.0'
        source = self.source('missing', ECHO, missing + '\n')
        last = (r"^Function missing was not built: No matching distribution "
                r"found for %s; 'pratai function-delete missing' makes room "
                r"for another try \(build.requirements_failed\)$"
                % re.escape(missing))
        said = self.fails(last, 'function-create', 'missing', '--source',
                          source)
        self.assertRegex(said[0], r'^building missing \([0-9a-f]{32}\) \.\.\.')
        # As pip says it.
        error = 'ERROR: No matching distribution found for ' + missing
        self.assertIn(error, said)
        self.assertIn(error, self.ok('function-builds', '--log', 'missing'))
        self.fails(r'\(function.in_error\)$', 'function-execute', 'missing')
        self.fails(r'\(function.name_in_use\)$', 'function-create',
                   'missing', '--source', source)
        # Who is told of the room makes use of it.
        self.ok('function-delete', 'missing')
        said = self.fails(last, '--quiet', 'function-create', 'missing',
                          '--source', source)
        self.assertIn(error, said)
        self.assertNotIn('building', ''.join(said))

    def test_code_that_raises(self):
        self.create('raises', RAISES)
        said = self.fails(
            r"^Function raises failed: ValueError: not this; its output: "
            r"'pratai request-logs \w{32}' \(function.failed\)$",
            'function-execute', 'raises', '--wait')
        id = re.fullmatch(r'waiting for request (\w{32}) \.\.\.', said[0])[1]
        self.assertIn('Traceback', self.ok('request-logs', id))
        self.fails(r"^Function broken was not built: .*\(build.syntax_error"
                   r"\)$", 'function-create', 'broken', '--source',
                   self.source('broken', 'def main(:'))

    def test_names_that_there_are_not(self):
        for thing, commands in (
                ('function', ('function-delete', 'function-execute',
                              'function-builds --log')),
                ('request', ('request-logs --follow', 'request-cancel')),
                ('runtime', ('runtime-show',)), ('event', ('event-show',)),
                ('service', ('service-drain --wait',))):
            for command in commands:
                self.assertEqual([], self.fails(
                    r'nothing.* \(%s.not_found\)$' % thing,
                    *command.split(), 'nothing'), command)
        # An id that nothing has, as a whole and at its beginning.
        for id in ('0' * 32, '0000'):
            self.assertEqual([], self.fails('request.not_found',
                                            'request-show', id))
        self.assertEqual([], self.fails(
            "There is no directory 'nowhere'$", 'function-create', 'x',
            '--source', 'nowhere'))
        self.assertEqual([], self.fails(
            "see 'pratai help function-create'$", 'function-create', 'x',
            status=2))
