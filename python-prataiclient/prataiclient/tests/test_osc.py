# SPDX-License-Identifier: Apache-2.0
"""The openstack command with this plugin, in this process."""

import importlib.metadata
import json
import logging
import os
import unittest

from prataiclient.tests import base
from prataiclient.tests import servers

try:
    from openstackclient import shell
    from openstackclient.common import clientmanager
except ImportError:
    shell = None

COMMANDS = sorted(
    one.name.replace('_', ' ') for one in importlib.metadata.entry_points(
        group='openstack.function.v1'))


@unittest.skipUnless(shell, 'python-openstackclient is not installed')
class TestCase(base.TestCase):

    #: options that go before those of a test
    options = ()

    def setUp(self):
        super().setUp()
        # What a process of its own would have anew: the name it was called
        # by, and no client.
        self.addCleanup(setattr, shell.OpenStackShell, 'NAME',
                        shell.OpenStackShell.NAME)
        shell.OpenStackShell.NAME = 'openstack'

    def openstack(self, *argv, stdin=b'', **environ):
        """Run the command, and return what came of it."""
        before = dict(os.environ)
        os.environ.clear()
        # No clouds.yaml of whoever runs this.
        os.environ.update(self._environ(environ), HOME=self.directory,
                          XDG_CONFIG_HOME=self.directory)
        root = logging.getLogger()
        handlers, level = root.handlers[:], root.level
        streams = base._Streams(stdin)
        vars(clientmanager.clientmanager.ClientManager)[
            'function']._handle = None
        try:
            with streams:
                try:
                    status = shell.main([*self.options, *argv])
                except SystemExit as exc:
                    status = exc.code
        finally:
            os.environ.clear()
            os.environ.update(before)
            root.setLevel(level)
            for handler in root.handlers[:]:
                if handler not in handlers:
                    root.removeHandler(handler)
        streams.stdout.flush()
        return base.Result(status, streams.stdout.buffer.getvalue().decode(),
                           streams.stderr.getvalue())

    pratai = openstack

    def json(self, *argv, **arguments):
        return json.loads(self.ok(*argv, '-f', 'json', **arguments))


class TestNoKeystone(TestCase):

    def setUp(self):
        super().setUp()
        self.environ = {}
        self.options = ('--os-auth-type', 'none', '--os-endpoint',
                        self.server.url)

    def test_is_the_admin_of_the_pratai_command(self):
        self.function()
        self.assertEqual('hello\n', self.ok('function', 'list', '-f', 'value',
                                            '-c', 'name'))
        tokens = {headers.get('X-Auth-Token')
                  for _, _, headers in self.server.seen}
        self.assertEqual({None, 'admin:admin'}, tokens)

    def test_default_url(self):
        self.options = ('--os-auth-type', 'none', '--os-pratai-url',
                        self.server.url)
        self.ok('function', 'runtime', 'list')

    def test_create_from_a_directory(self):
        os.mkdir(self.path('src'))
        self.path('src/new_module.py', base.ECHO.encode())
        self.path('src/requirements.txt', b'')
        made = self.json('function', 'create', 'hello', '--source',
                         self.path('src'), '--wait', '--no-network')
        self.assertIs(False, made['network'])
        self.assertEqual('inactive', made['status'])
        self.assertEqual(made, self.json('function', 'show', made['id'][:8]))

    def test_create_with_everything(self):
        path = self.path('a.zip', base.zipped())
        made = self.json(
            'function', 'create', 'hello', '--zip', path, '--description',
            'Says hello', '--runtime', 'python27', '--memory', '256',
            '--cpus', '2', '--timeout', '5', '--limit', '7', '--type', 'sync',
            '--event', 'other', '--public', '--isolation', 'instance',
            '--network')
        for name, value in {
                'description': 'Says hello', 'runtime': 'python27',
                'memory': 256, 'cpus': 2, 'timeout': 5, 'limit': 7,
                'type': 'sync', 'event': 'other', 'public': True,
                'isolation': 'instance', 'network': True}.items():
            self.assertEqual(value, made[name], name)
        # What it was made for stays.
        self.fails('--event', 'function', 'set', 'hello', '--event', 'other',
                   status=2)

    def test_lists(self):
        for name in ('a', 'b', 'c'):
            self.function(name)
        result = self.openstack('function', 'list', '--limit', '2', '-f',
                                'json')
        listed = json.loads(result.out)
        self.assertEqual(2, len(listed))
        self.assertEqual(['ID', 'Name', 'Type', 'Runtime', 'Status',
                          'Created At'], list(listed[0]))
        self.assertIn('--marker ' + listed[1]['ID'], result.err)
        # The marker may be a name.
        rest = self.json('function', 'list', '--marker', listed[1]['Name'],
                         '--long')
        self.assertEqual(1, len(rest))
        self.assertIn('CPUs', rest[0])

    def test_sort_has_a_direction(self):
        self.ok('function', 'list', '--sort', 'name')
        self.assertIn('sort=name%3Aasc', self.server.seen[-1][1])
        self.fails("'size' is not one of name", 'function', 'list', '--sort',
                   'size', status=2)

    def test_nothing_is_none(self):
        self.function()
        self.assertIn('| status_code   | None', self.ok(
            'function', 'show', 'hello'))
        self.assertIsNone(self.json('function', 'show', 'hello')[
            'status_code'])

    def test_project_is_an_id(self):
        self.openstack('function', 'list', '--project', 'p2')
        self.assertIn('all_projects=true&project_id=p2',
                      self.server.seen[-1][1])

    def test_all_projects(self):
        id, request = self.another_project()
        self.server.requests[request]['status'] = 'queued'
        for argv in (['show', 'hello'], ['set', id[:8], '--memory', '256'],
                     ['build', 'list', 'hello'], ['build', 'log', id],
                     ['package', 'save', 'hello', '--file',
                      self.path('saved')],
                     ['delete', id[:8]],
                     ['request', 'show', request[:20]],
                     ['request', 'cancel', request],
                     ['request', 'log', request[:20]],
                     ['request', 'log', request, '--follow'],
                     ['request', 'delete', request[:20]]):
            with self.subTest(argv=argv):
                self.only_all_projects('function', *argv)
        self.assertTrue(os.path.exists(self.path('saved')))
        self.assertIn('PATCH /v1/functions/' + id, self.server.paths())
        self.assertEqual(({}, {}), (self.server.functions,
                                    self.server.requests))

    def test_errors(self):
        self.function()
        for expected, argv in (
                (r"^No function has the name or id 'x' "
                 r"\(function.not_found\)$", ['show', 'x']),
                (r"no file 'absent.zip'",
                 ['create', 'x', '--zip', 'absent.zip']),
                ('--payload is not JSON',
                 ['execute', 'hello', '--payload', 'x']),
                ('^There is nothing to change',
                 ['set', 'hello']),
                ('There is no column nonsense; there are ID, Name',
                 ['list', '-c', 'nonsense']),
                ('--file hello.zip replaces it',
                 ['package', 'save', 'hello'])):
            with self.subTest(argv=argv):
                before = os.getcwd()
                self.path('hello.zip', b'')
                os.chdir(self.directory)
                try:
                    self.fails(expected, 'function', *argv)
                finally:
                    os.chdir(before)
        for argv in (['create', 'x'], ['service', 'set', 'x'],
                     ['create', 'x', '--zip', 'a', '--memory', '0'],
                     ['service', 'set', 'x', '--drain', '--enable']):
            self.fails("; see 'openstack help function", 'function', *argv,
                       status=2)

    def test_save_package(self):
        self.function()
        self.ok('function', 'package', 'save', 'hello', '--file',
                self.path('saved'))
        with open(self.path('saved'), 'rb') as f:
            self.assertEqual(b'PK', f.read(2))

    def test_help_of_each_command(self):
        self.assertEqual(19, len(COMMANDS))
        for command in COMMANDS:
            out = self.ok('help', *command.split())
            self.assertIn('usage: openstack ' + command, out)
            # Names of commands are those of this program.
            self.assertNotIn("'pratai ", out)
            self.assertNotIn('{', out.split('\n\n', 1)[1].split(
                'output formatters')[0].replace('{async', '')
                .replace('{request,', '').replace('{building', '')
                .replace('{cancelled', ''))
        self.assertEqual([], self.server.seen)


class TestKeystone(TestCase):

    def setUp(self):
        self.keystone = servers.Keystone()
        self.addCleanup(self.keystone.stop)
        super().setUp()
        self.keystone.catalog_url = self.server.url
        self.environ = {
            'OS_AUTH_URL': self.keystone.url + '/v3', 'OS_USERNAME': 'user',
            'OS_PASSWORD': 'pass', 'OS_PROJECT_NAME': 'pratai',
            'OS_USER_DOMAIN_NAME': 'Default',
            'OS_PROJECT_DOMAIN_NAME': 'Default',
            'OS_IDENTITY_API_VERSION': '3'}

    def test_catalog(self):
        self.ok('function', 'runtime', 'list')
        tokens = {headers.get('X-Auth-Token')
                  for _, _, headers in self.server.seen}
        self.assertLessEqual(tokens, self.keystone.tokens)

    def test_region(self):
        self.fails("no public endpoint of type 'function' in region Two",
                   'function', 'list', OS_REGION_NAME='Two')
        self.ok('function', 'list', OS_REGION_NAME='Two',
                OS_PRATAI_URL=self.server.url)

    def test_wrong_password(self):
        self.fails('requires authentication', 'function', 'list',
                   OS_PASSWORD='wrong')
