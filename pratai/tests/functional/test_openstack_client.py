# SPDX-License-Identifier: Apache-2.0
"""The openstack command with Pratai's plugin, against a real service."""

import importlib.util
import json
import os
import socket
import subprocess
import sys
import zipfile

import fixtures
from oslotest import base

import pratai
from pratai.tests.functional import standalone

OPENSTACK = os.path.join(os.path.dirname(sys.executable), 'openstack')
ECHO = '''
def main(payload):
    print('printed')
    return payload
'''
SLEEPY = '''
import time


def main(payload):
    for number in range(payload):
        print(number, flush=True)
        time.sleep(0.5)
    return 'slept'
'''
RAISES = '''
def main(payload):
    raise ValueError('not this')
'''


class TestOpenStackClient(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        if not importlib.util.find_spec('openstackclient'):
            self.skipTest('python-openstackclient is not installed')
        self.service = self.useFixture(standalone.Standalone({
            ('executor', 'heartbeat_interval'): 0.2}))
        self.directory = self.service.state_path

    def start(self, *argv, url=None):
        """Start the command; it is stopped when the test ends.

        :returns: its process, with pipes of bytes
        """
        process = subprocess.Popen(
            [OPENSTACK, '--os-auth-type', 'none', '--os-endpoint',
             url or self.service.api, 'function', *argv],
            cwd=self.directory, env=self.service.environ(),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def openstack(self, *argv, stdin=b'', url=None):
        """:returns: exit status, standard output, standard error."""
        process = self.start(*argv, url=url)
        out, err = process.communicate(stdin, timeout=standalone.PATIENCE)
        return process.returncode, out.decode(), err.decode()

    def ok(self, *argv, **kwargs):
        """:returns: what a command that went well has printed."""
        status, out, err = self.openstack(*argv, **kwargs)
        self.assertEqual(0, status, err)
        return out

    def json(self, *argv, **kwargs):
        return json.loads(self.ok(*argv, '-f', 'json', **kwargs))

    def fails(self, pattern, *argv, status=1, **kwargs):
        """The last line that a command writes is what went wrong."""
        found, out, err = self.openstack(*argv, **kwargs)
        self.assertEqual(status, found, out + err)
        self.assertEqual('', out)
        self.assertNotIn('Traceback', err)
        self.assertRegex(err.splitlines()[-1], pattern)
        return err.splitlines()[:-1]

    def file(self, name, content):
        path = os.path.join(self.directory, name)
        with open(path, 'wb') as file:
            file.write(content)
        return path

    def create(self, name, module, *argv):
        path = self.file(name + '-upload.zip', standalone.package(module))
        return self.json('create', name, '--zip', path, '--wait', *argv)

    def test_function(self):
        made = self.create('echo', ECHO, '--description', 'says it again',
                           '--memory', '64', '--timeout', '20')
        self.assertEqual(
            ('echo', 'says it again', 'admin', 'async', 64, 20, 'inactive'),
            tuple(made[name] for name in (
                'name', 'description', 'project_id', 'type', 'memory',
                'timeout', 'status')))
        # Any name of it will do.
        for name in ('echo', made['id'], made['id'][:12]):
            self.assertEqual(made, self.json('show', name))
        self.assertEqual('succeeded\n', self.ok(
            'build', 'list', 'echo', '-f', 'value', '-c', 'Status'))
        self.assertIn('Importing', self.ok('build', 'log', 'echo'))

        self.ok('set', 'echo', '--name', 'again', '--type', 'sync',
                '--public', '--memory', '96')
        changed = self.json('show', 'again')
        self.assertEqual(
            (made['id'], 'sync', True, 96, 20), tuple(changed[name] for name
            in ('id', 'type', 'public', 'memory', 'timeout')))

        executed = self.json('execute', 'again', '--file', '-',
                             stdin=b'{"key": [1, null]}')
        self.assertEqual(('succeeded', {'key': [1, None]}),
                         (executed['status'], executed['response']))
        self.service.finished(executed['request_id'])
        listed = self.json('request', 'list', '--function', 'again', '--long')
        self.assertEqual([executed['request_id']],
                         [one['ID'] for one in listed])
        self.assertEqual('printed\n',
                         self.ok('request', 'log', executed['request_id']))

        path = os.path.join(self.directory, 'saved.zip')
        self.ok('package', 'save', 'again', '--file', path)
        with zipfile.ZipFile(path) as package:
            self.assertEqual(ECHO, package.read('new_module.py').decode())

        self.ok('request', 'delete', executed['request_id'])
        self.assertEqual([], self.json('request', 'list'))
        self.ok('delete', 'again')
        self.assertEqual([], self.json('list'))

    def test_requests(self):
        self.create('sleepy', SLEEPY, '--timeout', '600')
        id = self.ok('execute', 'sleepy', '--payload', '3', '-f', 'value',
                     '-c', 'request_id').strip()
        self.assertEqual('0\n1\n2\n', self.ok('request', 'log', '--follow',
                                              id[:20]))
        shown = self.json('request', 'show', id)
        self.assertEqual(('succeeded', 3, 'slept', 'admin'), tuple(
            shown[name] for name in (
                'status', 'payload', 'response', 'project_id')))
        self.assertEqual('"slept"\n', self.ok(
            'execute', 'sleepy', '--payload', '0', '--wait', '-f', 'value',
            '-c', 'response'))

        queued = self.json('execute', 'sleepy', '--payload', '10000')
        self.assertEqual(['request_id', 'status'], list(queued))
        self.fails('request.running', 'request', 'delete',
                   queued['request_id'])
        self.ok('request', 'cancel', queued['request_id'])
        self.assertEqual(
            'cancelled',
            self.service.finished(queued['request_id'])['status'])
        self.fails('request.finished', 'request', 'cancel', id)

        status, out, err = self.openstack(
            'request', 'list', '--limit', '2', '--sort', 'created_at', '-f',
            'json')
        self.assertEqual(0, status)
        first, second = json.loads(out)
        self.assertEqual(id, first['ID'])
        self.assertIn('--marker ' + second['ID'], err)
        rest = self.json('request', 'list', '--sort', 'created_at',
                         '--marker', second['ID'])
        self.assertEqual([queued['request_id']], [one['ID'] for one in rest])

    def test_services_and_runtimes(self):
        runtime, = [one for one in self.json('runtime', 'list')
                    if one['Default']]
        self.assertEqual(runtime['ID'],
                         self.json('runtime', 'show', runtime['Name'])['id'])
        self.ok('runtime', 'set', runtime['Name'], '--disable')
        self.assertEqual(
            'disabled',
            self.json('runtime', 'show', runtime['ID'])['status'])
        self.ok('runtime', 'set', runtime['Name'], '--enable')

        services = {one['Binary']: one for one in self.json('service',
                                                            'list')}
        executor = services['pratai-executor']
        self.assertEqual(('up', 'enabled'),
                         (executor['Status'], executor['State']))
        # The executor on a host can be called by the host.
        self.ok('service', 'set', executor['Host'], '--disable', '--reason',
                'a new disk')
        states = {one['ID']: (one['State'], one['State Reason'])
                  for one in self.json('service', 'list', '--long')}
        self.assertEqual(('disabled', 'a new disk'), states[executor['ID']])
        self.ok('service', 'set', executor['ID'][:12], '--enable')
        self.fails("only something to --wait for with --drain", 'service',
                   'set', executor['ID'], '--enable', '--wait')

    def test_drain(self):
        listener = self.useFixture(standalone.Listener())
        self.create('asks', standalone.ASKS, '--network', '--timeout', '600')
        executor, = [one for one in self.json('service', 'list')
                     if one['Binary'] == 'pratai-executor']
        queued = self.json('execute', 'asks', '--payload',
                           str(listener.port))
        connection = listener.accept()
        draining = self.start('service', 'set', executor['Host'], '--drain',
                              '--wait', '--reason', 'a new disk')
        self.assertEqual('waiting until nothing runs on %s ...\n'
                         % executor['Host'],
                         draining.stderr.readline().decode())
        # It is not through with what it does, however long that takes.
        self.assertRaises(subprocess.TimeoutExpired, draining.wait, 2)
        connection.close()
        self.assertEqual((b'', b''), draining.communicate(
            timeout=standalone.PATIENCE))
        self.assertEqual(0, draining.returncode)
        self.assertEqual('succeeded', self.json(
            'request', 'show', queued['request_id'])['status'])
        drained, = [one for one in self.json('service', 'list', '--long')
                    if one['ID'] == executor['ID']]
        self.assertEqual(('draining', 'a new disk', True), (
            drained['State'], drained['State Reason'],
            drained['Details']['drained']))

    def test_errors(self):
        path = self.file('echo.zip', standalone.package(ECHO))
        self.ok('create', 'taken', '--zip', path)
        broken = self.file('broken.zip', standalone.package('def main(:'))
        said = self.fails(
            r"^Function broken was not built: .*'openstack function delete "
            r"broken'.* \(build.syntax_error\)$", 'create', 'broken',
            '--zip', broken, '--wait')
        self.assertIn('SyntaxError', ''.join(said))
        self.create('raises', RAISES)
        said = self.fails(
            r"^Function raises failed: ValueError: not this; its output: "
            r"'openstack function request log \w+' \(function.failed\)$",
            'execute', 'raises', '--wait')
        self.assertRegex(said[0], '^waiting for request')
        for pattern, argv in (
                (r'function.not_found', ['show', 'nothing']),
                (r'function.name_in_use',
                 ['create', 'taken', '--zip', path]),
                (r'package.not_a_zip',
                 ['create', 'x', '--zip', self.file('x', b'no zip')]),
                (r'request.not_found', ['request', 'show', 'abcd']),
                (r'service.not_found', ['service', 'set', 'x', '--drain'])):
            self.assertEqual([], self.fails(pattern, *argv))
        self.assertEqual(['deleted taken'], [
            line.split(' (')[0] for line in self.fails(
                'function.not_found', 'delete', 'taken', 'nothing')])
        with socket.socket() as silent:
            # Nobody listens there, nor can begin to.
            silent.bind(('127.0.0.1', 0))
            self.fails('Connection refused', 'list',
                       url='http://127.0.0.1:%d' % silent.getsockname()[1])
        # Usage errors are of one line too.
        self.fails("see 'openstack help function create'$", 'create',
                   status=2)


class TestLibrary(base.BaseTestCase):
    """The program that the user guide shows."""

    PROGRAM = os.path.join(
        os.path.dirname(os.path.abspath(pratai.__file__)), '..', 'doc',
        'source', 'user', 'examples', 'words.py')
    MODULE = """
def main(payload):
    words = payload.split()
    print('longest:', max(words, key=len))
    return {'words': len(words)}
"""

    def run_program(self, text):
        return subprocess.run(
            [sys.executable, self.PROGRAM, self.directory, text], text=True,
            capture_output=True, timeout=standalone.PATIENCE,
            env={'OS_PRATAI_URL': self.service.api,
                 'PATH': os.environ['PATH']})

    def test_program(self):
        self.service = self.useFixture(standalone.Standalone())
        self.directory = self.useFixture(fixtures.TempDir()).path
        for name, text in (('new_module.py', self.MODULE),
                           ('requirements.txt', '')):
            with open(os.path.join(self.directory, name), 'w') as file:
                file.write(text)
        done = self.run_program('to be or not to be that is the question')
        self.assertEqual("{'words': 10}\nlongest: question\n",
                         done.stdout, done.stderr)
        done = self.run_program('')
        self.assertEqual(1, done.returncode)
        self.assertRegex(done.stderr, r'Execution failed: Function words '
                                      r'failed: ValueError.*\n$')
