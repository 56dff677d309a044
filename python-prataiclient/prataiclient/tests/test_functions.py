# SPDX-License-Identifier: Apache-2.0
import json
import os
import re
import subprocess
import zipfile

from prataiclient import exceptions
from prataiclient.tests import base


class TestCreate(base.TestCase):

    def setUp(self):
        super().setUp()
        self.zip = self.path('package.zip', base.zipped())

    def made(self):
        """The only function that the server has."""
        function, = self.server.functions.values()
        return function

    def test_prints_the_id_and_nothing_else(self):
        result = self.pratai('function-create', 'hello', '--zip', self.zip)
        self.assertEqual(0, result.status)
        self.assertEqual(self.made()['id'] + '\n', result.out)
        self.assertEqual('inactive', self.made()['status'])
        self.assertEqual('building hello (%s) ...\n' % self.made()['id'],
                         result.err)

    def test_as_a_process(self):
        result = self.run_process('function-create', 'hello', '--zip',
                                  'package.zip')
        self.assertEqual((0, self.made()['id'] + '\n'),
                         (result.status, result.out))

    def test_formats(self):
        argv = ('function-create', 'hello', '--zip', self.zip)
        found = json.loads(self.ok(*argv, '-f', 'json'))
        self.assertEqual('hello', found['name'])
        self.assertEqual('secret', found['webhook_token'])
        self.assertIs(False, found['public'])
        self.assertIsNone(found['status_code'])
        self.ok('function-delete', 'hello')
        self.assertIn('| function_id ', self.ok(*argv, '-f', 'table'))
        self.ok('function-delete', 'hello')
        self.assertEqual('hello\ninactive\n', self.ok(
            *argv, '-c', 'status', '-c', 'name'))

    def test_nothing_given_nothing_sent(self):
        self.ok('function-create', 'hello', '--zip', self.zip)
        self.assertEqual(128, self.made()['memory'])
        self.assertEqual('async', self.made()['type'])

    def test_everything_given(self):
        self.ok('function-create', 'hello', '--zip', self.zip,
                '--description', 'Says hello', '--memory', '256', '--cpus',
                '2', '--type', 'sync', '--runtime', 'python27', '--event',
                'webhook', '--public', '--timeout', '5', '--isolation',
                'instance', '--network', '--limit', '7')
        made = self.made()
        for name, value in {
                'description': 'Says hello', 'memory': 256, 'cpus': 2,
                'type': 'sync', 'runtime': 'python27', 'event': 'webhook',
                'public': True, 'timeout': 5, 'isolation': 'instance',
                'network': True, 'limit': 7}.items():
            self.assertEqual(value, made[name], name)

    def test_flags(self):
        for argv, public in ((['a', '--public'], True),
                             (['--public', 'b'], True),
                             (['c', '--public', 'true'], True),
                             (['--public', 'False', 'd'], False),
                             (['--public=true', 'e'], True),
                             (['--public=false', 'f'], False),
                             (['--private', 'g'], False),
                             (['h', '--network', '--public'], True),
                             (['--network', 'true', '--public', 'i'], True)):
            self.ok('function-create', '--zip', self.zip, *argv)
            self.assertIs(public, self.made()['public'], argv)
            self.ok('function-delete', self.made()['id'])
        self.fails('not allowed with', 'function-create', 'x', '--zip',
                   self.zip, '--public', '--private', status=2)
        self.fails("'yes' is neither true nor false", 'function-create', 'x',
                   '--zip', self.zip, '--public=yes', status=2)

    def test_wait_for_response(self):
        self.ok('function-create', 'a', '--wait-for-response', '--zip',
                self.zip)
        self.assertEqual('sync', self.made()['type'])

    def test_source(self):
        self.path('new_module.py', base.ECHO.encode())
        self.path('requirements.txt', b'')
        self.path('other.py', b'')
        self.ok('function-create', 'hello', '--source', self.directory)
        path = self.path('got.zip', self.client.functions.package(
            self.made()['id']))
        with zipfile.ZipFile(path) as package:
            self.assertEqual(['new_module.py', 'requirements.txt'],
                             package.namelist())
            self.assertEqual(base.ECHO.encode(),
                             package.read('new_module.py'))

    def test_source_is_incomplete(self):
        argv = ('function-create', 'hello', '--source', self.directory)
        self.fails(r'new_module.py is missing; it has to define main',
                   *argv)
        self.path('new_module.py', b'')
        self.fails(r'requirements.txt is missing; an empty one is fine$',
                   *argv)
        self.fails("There is no directory '.*none'", *argv[:-1],
                   self.path('none'))
        os.mkdir(self.path('requirements.txt'))
        self.fails('Cannot read .*requirements.txt: Is a directory', *argv)
        self.assertEqual([], self.server.seen)

    def test_zip_is_not_there(self):
        argv = ('function-create', 'hello', '--zip')
        self.fails("^There is no file '.*none.zip'$", *argv,
                   self.path('none.zip'))
        self.fails('is a directory; --source .* zips', *argv, self.directory)
        self.assertEqual([], self.server.seen)

    def test_refused(self):
        self.fails(r'^It is not a zip file \(package.not_a_zip\)$',
                   'function-create', 'hello', '--zip',
                   self.path('a.zip', b'PK'))
        self.function()
        self.fails('name_in_use', 'function-create', 'hello', '--zip',
                   self.zip)

    def test_progress_comes_while_it_builds(self):
        self.server.gate.clear()
        path = self.path('a.zip', base.zipped(requirements='one two'))
        process = self.start('function-create', 'hello', '--zip', path)
        self.assertRegex(process.stderr.readline(), '^building hello')
        self.assertEqual('Collecting one\n', process.stderr.readline())
        self.assertEqual('building', self.made()['status'])
        self.server.gate.set()
        out, err = process.communicate()
        self.assertEqual('Collecting two\n', err)
        self.assertEqual(self.made()['id'] + '\n', out)

    def test_quiet(self):
        path = self.path('a.zip', base.zipped(requirements='one two'))
        result = self.pratai('-q', 'function-create', 'hello', '--zip', path)
        self.assertEqual('', result.err)

    def test_no_wait(self):
        self.server.gate.clear()
        path = self.path('a.zip', base.zipped(requirements='one'))
        result = self.pratai('function-create', 'hello', '--zip', path,
                             '--no-wait', '-f', 'value', '-c', 'status')
        self.assertEqual(('building\n', ''), (result.out, result.err))

    def test_build_fails(self):
        path = self.path('a.zip',
                         base.zipped(requirements='one no-such-thing'))
        result = self.pratai('function-create', 'hello', '--zip', path)
        self.assertEqual((1, ''), (result.status, result.out))
        lines = result.err.splitlines()
        self.assertEqual(
            ['Collecting one', 'Collecting no-such-thing',
             'ERROR: No matching distribution found',
             "Function hello was not built: pip failed; 'pratai "
             "function-delete hello' makes room for another try "
             "(build.requirements_failed)"], lines[1:])

    def test_build_fails_quietly(self):
        path = self.path('a.zip', base.zipped(
            requirements=' '.join('x%s' % n for n in range(50))
            + ' no-such-thing'))
        result = self.pratai('-q', 'function-create', 'a', '--zip', path)
        lines = result.err.splitlines()
        self.assertEqual(21, len(lines))
        self.assertIn('No matching', lines[-2])
        self.assertIn('Function a was not built', lines[-1])


class TestOthers(base.TestCase):

    def test_list(self):
        ids = [self.function(name).id for name in ('a', 'b')]
        out = self.ok('function-list')
        self.assertRegex(out, r'\| function_id +\| name \| type +\| event +'
                              r'\| runtime +\| status +\|')
        self.assertRegex(out, r'\| %s \| a +\| async \| webhook \| python311 '
                              r'\| inactive \|' % ids[0])
        self.assertEqual('\n'.join(ids) + '\n', self.ok(
            'function-list', '--only-id', '-f', 'value'))
        self.assertEqual(
            [{'function_id': id} for id in ids],
            json.loads(self.ok('function-list', '--only-id', '-f', 'json')))
        for argv, expected in ((['--name', 'b'], ids[1:]),
                               (['--status', 'error'], []),
                               (['--runtime', 'python27'], []),
                               (['--limit', '1'], ids[:1]),
                               (['--marker', ids[0]], ids[1:])):
            self.assertEqual(expected, self.ok(
                'function-list', '--only-id', '-f', 'value', *argv).split())

    def test_show_as_in_the_documentation(self):
        function = self.function(description='')
        out = self.ok('function-show', function.id)
        rows = re.findall(r'(?m)^\| (\w+) +\| (.*?) +\|$', out)
        self.assertEqual([
            ('Field', 'Value'),
            ('function_id', function.id),
            ('user_id', 'admin'),
            ('tenant_id', 'admin'),
            ('name', 'hello'),
            ('description', ''),
            ('type', 'async'),
            ('event', 'webhook'),
            ('public', 'False'),
            ('endpoint', '%s/function/%s' % (self.server.url, function.id)),
            ('runtime', 'python311'),
            ('memory', '128'),
            ('cpus', '1')], rows[:13])
        self.assertEqual(
            ['timeout', 'isolation', 'network', 'limit', 'status'],
            [name for name, _ in rows[13:18]])
        self.assertEqual(out, self.ok('function-show', 'hello'))
        self.assertEqual(out, self.ok('function-show', function.id[:9]))

    def test_show_formats(self):
        function = self.function()
        found = json.loads(self.ok('function-show', 'hello', '-f', 'json'))
        self.assertEqual((128, None), (found['memory'],
                                       found['status_detail']))
        self.assertIn('function_id="%s"\n' % function.id, self.ok(
            'function-show', 'hello', '-f', 'shell'))
        self.assertEqual('128\n\n', self.ok(
            'function-show', 'hello', '-f', 'value', '-c', 'memory', '-c',
            'status_detail'))

    def test_ambiguous(self):
        one = self.function()
        other = dict(self.server.functions[one.id], name='other',
                     id=one.id[:8] + '0' * 24)
        self.server.functions[other['id']] = other
        self.fails(r"may be any of 2 functions: \w+ \(hello\), \w+ \(other\)",
                   'function-delete', one.id[:8])

    def test_delete(self):
        ids = [self.function(name).id for name in ('a', 'b', 'c', 'd')]
        result = self.pratai('function-delete', 'a', 'none', ids[1])
        self.assertEqual((1, ''), (result.status, result.out))
        self.assertEqual(
            'deleted a (%s)\n'
            "No function has the name or id 'none' (function.not_found)\n"
            'deleted b (%s)\n' % tuple(ids[:2]), result.err)
        self.assertEqual(ids[2:], list(self.server.functions))
        result = self.pratai('-q', 'function-delete', 'c', 'd')
        self.assertEqual((0, '', ''), (result.status, result.out, result.err))

    def test_all_projects(self):
        id, _ = self.another_project()
        function = self.server.functions[id]
        saved = self.path('saved')
        for wanted in ('hello', id, id[:8]):
            self.assertIn(id, self.only_all_projects('function-show', wanted))
            self.assertIn(id, self.only_all_projects(
                'function-update', wanted, '--memory', '256'))
            self.assertEqual(256, function.pop('memory'))
            self.assertIn('succeeded', self.only_all_projects(
                'function-builds', wanted))
            self.only_all_projects('function-builds', wanted, '--log')
            self.only_all_projects('function-package', wanted, '--output',
                                   saved)
            self.assertTrue(zipfile.is_zipfile(saved))
            os.remove(saved)
            self.only_all_projects('function-delete', wanted)
            self.assertEqual({}, self.server.functions)
            self.server.functions[id] = function

    def test_name_in_several_projects(self):
        id, _ = self.another_project()
        own = self.function('own').id
        self.server.functions[own]['name'] = 'hello'
        self.fails('may be any of 2 functions', 'function-delete', 'hello',
                   '--all-projects')
        self.ok('function-delete', 'hello')
        self.assertEqual([id], list(self.server.functions))

    def test_builds(self):
        made = self.client.functions.create('a', base.zipped('def x'))
        with self.assertRaises(exceptions.BuildFailed):
            self.client.functions.wait(made.id)
        out = json.loads(self.ok('function-builds', 'a', '-f', 'json'))
        self.assertEqual([(1, 'failed')],
                         [(one['version'], one['status']) for one in out])
        self.assertIn('SyntaxError', self.ok('function-builds', 'a', '--log'))
        self.server.builds[made.id] = []
        self.fails('Function a has no build', 'function-builds', 'a', '--log')

    def test_package(self):
        self.function()
        before = os.getcwd()
        os.chdir(self.directory)
        self.addCleanup(os.chdir, before)
        self.ok('function-package', 'hello')
        with open('hello.zip', 'rb') as f:
            self.assertEqual(base.zipped(), f.read())
        self.fails('hello.zip exists already; --output', 'function-package',
                   'hello')
        self.ok('package-download', 'hello', '--output', 'hello.zip')
        self.fails('^none/a: No such file or directory$', 'package-download',
                   'hello', '--output', 'none/a')
        for name in ('../evil', '/evil', '.evil', 'a/b', ''):
            function = self.function('x')
            self.server.functions[function.id]['name'] = name
            self.ok('function-package', function.id)
            self.assertTrue(os.path.exists(function.id + '.zip'))

    def test_package_to_stdout(self):
        self.function()
        process = self.start('function-package', 'hello', '--output', '-')
        self.assertEqual(base.zipped(), process.stdout.buffer.read())

    def test_catalog(self):
        self.assertRegex(self.ok('runtime-list'),
                         r'\| python27 +\| python +\| 2.7.18 +\| available')
        out = json.loads(self.ok('runtime-show', 'python27', '-f', 'json'))
        self.assertEqual(('1' * 32, False), (out['runtime_id'],
                                             out['default']))
        self.fails('No runtime has the name or id', 'runtime-show', 'x')
        self.assertIn('| webhook | an HTTP POST |', self.ok('event-list'))
        self.assertIn('an HTTP POST', self.ok('event-show', 'webhook'))
        self.fails('event.not_found', 'event-show', 'x')

    def test_cluster_status(self):
        out = self.ok('cluster-status')
        self.assertIn('| pratai-conductor on node: down since 2026-11-21T20:'
                      '18:14.123456Z ', out)
        self.assertRegex(out, r'one thing +\|\n\| +\| another')
        out = json.loads(self.ok('cluster-status', '-f', 'json'))
        self.assertEqual('down', out['services'][0]['status'])
        self.assertEqual('degraded\n', self.ok(
            'cluster-status', '-f', 'value', '-c', 'status'))

    def service(self, **values):
        """Have an executor that drains."""
        service = {'id': 'e' * 32, 'binary': 'pratai-executor',
                   'host': 'node', 'status': 'up', 'state': 'draining',
                   'details': {'drained': False}, **values}
        self.server.instead.update({
            '/v1/services': (200, {}, {'services': [service]}),
            '/v1/services/' + service['id']: (200, {}, service)})

    def test_drain_and_wait(self):
        # The last one was drained before it was stopped.
        for values in ({}, {'status': 'down'}):
            self.service(details={'drained': True}, **values)
            out = self.ok('service-drain', 'node', '--wait', '-f', 'json')
            self.assertIs(True, json.loads(out)['details']['drained'])
        # Nobody waits for what does not come.
        for values, expected in (
                ({'status': 'down'}, '^The executor on node is down'),
                ({'state': 'enabled'}, 'does not drain any more: it is')):
            self.service(**values)
            self.fails(expected, '-q', 'service-drain', 'node', '--wait')
        self.service()
        process = self.start('service-drain', 'node', '--wait')
        self.assertIn('waiting until', process.stderr.readline())
        with self.assertRaises(subprocess.TimeoutExpired):
            process.wait(0.5)
        self.service(details={'drained': True})
        self.assertEqual('', process.communicate()[1])
        self.assertEqual(0, process.returncode)
