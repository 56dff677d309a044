# SPDX-License-Identifier: Apache-2.0
import json

from prataiclient.tests import base


class TestExecute(base.TestCase):

    def test_async(self):
        self.function()
        id = self.ok('function-execute', 'hello').strip()
        self.assertIn(id, self.server.requests)
        self.assertIsNone(self.client.requests.wait(id).payload)
        found = json.loads(self.ok('function-execute', 'hello', '-f', 'json'))
        self.assertEqual('queued', found['status'])
        self.assertIn(found['request_id'], self.server.requests)

    def test_async_and_wait(self):
        self.function()
        self.assertEqual('{"a": "ö"}\n', self.ok(
            'function-execute', 'hello', '--wait', '--payload',
            '{"a": "\\u00f6"}'))
        found = json.loads(self.ok('function-execute', 'hello', '--wait',
                                   '-f', 'json'))
        self.assertEqual(('succeeded', None, 12.5), (
            found['status'], found['response'], found['duration']))

    def test_sync(self):
        self.function(type='sync')
        for value in (None, True, 5, -5, 1.5, '', 'text', [], {'a': [1]},
                      '--debug'):
            for how in ([], ['--wait']):
                self.assertEqual(value, json.loads(self.ok(
                    'function-execute', 'hello', '--payload',
                    json.dumps(value), *how)))
        out = self.ok('function-execute', 'hello', '--payload', '"x"',
                      '-f', 'table')
        self.assertRegex(out, r'\| response +\| "x" ')

    def test_payload_from_a_file(self):
        self.function(type='sync')
        path = self.path('a.json', '{"ä": 1}\n'.encode())
        self.assertEqual('{"ä": 1}\n', self.ok(
            'function-execute', 'hello', '--file', path))
        self.assertEqual('[1]\n', self.ok(
            'function-execute', 'hello', '--file', '-', stdin=b' [1]\n'))

    def test_payload_is_no_json(self):
        argv = ('function-execute', 'hello')
        for text in ('text', '', '{', 'NaN', "{'a': 1}", '[' * 100000):
            self.fails('^--payload is not JSON: .*needs double quotes',
                       *argv, '--payload', text)
        self.fails('1e999 is too large a number', *argv, '--payload',
                   '[1e999]')
        self.fails('has 10000 digits [(]a text', *argv, '--payload',
                   '1' * 10000)
        self.fails('a.json is not JSON: it is not UTF-8', *argv, '--file',
                   self.path('a.json', b'"\xff"'))
        self.fails('^The standard input is not JSON', *argv, '--file', '-')
        self.fails('none.json: No such file or directory$', *argv, '--file',
                   self.path('none.json'))
        self.fails('not allowed with', *argv, '--file', '-', '--payload',
                   '1', status=2)
        self.assertEqual([], self.server.seen)

    def test_failure(self):
        self.function('one', base.RAISE, type='sync')
        self.function('two', base.RAISE)
        for name in ('one', 'two'):
            self.fails(
                "^Function %s failed: ValueError: no no; its output: 'pratai "
                r"request-logs \w{32}' \(function.failed\)$" % name,
                '-q', 'function-execute', name, '--wait')
        # Nobody waits for this one.
        self.ok('function-execute', 'two')

    def test_refused(self):
        function = self.function()
        self.server.instead['/function/' + function.id] = (
            409, {}, {'detail': 'It is being built',
                      'code': 'function.building'})
        self.fails(r'^It is being built \(function.building\)$',
                   'function-execute', 'hello')
        self.fails('function.not_found', 'function-execute', 'x')


class TestAllProjects(base.TestCase):

    def test_all_projects(self):
        _, id = self.another_project()
        request = self.server.requests[id]
        for wanted in (id, id[:20]):
            self.assertIn('another', self.only_all_projects(
                'request-show', wanted))
            for argv in ([], ['--follow']):
                self.assertEqual('begin\nend\n', self.only_all_projects(
                    'request-logs', wanted, *argv))
            request['status'] = 'queued'
            self.only_all_projects('request-cancel', wanted)
            self.assertEqual('cancelled', request['status'])
            self.only_all_projects('request-delete', wanted)
            self.assertEqual({}, self.server.requests)
            self.server.requests[id] = request


class TestRequests(base.TestCase):

    def setUp(self):
        super().setUp()
        self.ids = {}
        for name, module in (('good', base.ECHO), ('bad', base.RAISE)):
            function = self.function(name, module)
            self.ids[name] = self.client.functions.execute(
                function, {'key': 'value'}).request_id
            self.client.requests.wait(self.ids[name])

    def found(self, *argv):
        """Which of the two requests are listed."""
        out = self.ok('request-list', '-f', 'value', '-c', 'request_id',
                      *argv)
        names = {id: name for name, id in self.ids.items()}
        return [names[line] for line in out.splitlines()]

    def test_list(self):
        self.assertEqual(['bad', 'good'], self.found())
        out = self.ok('request-list')
        self.assertRegex(out, r'\| request_id +\| function_id +\| status +'
                              r'\| created_at +\| duration \|')
        self.assertRegex(out, r'\| %s \| \w{32} \| succeeded \| 2026'
                         % self.ids['good'])

    def test_filter(self):
        function, = self.client.functions.list(name='good')
        request = self.ids['good']
        for text in (request, request[:20], 'good', function.id,
                     function.id[:20], 'succeeded', 'status=succeeded',
                     'function=good', 'function=' + function.id,
                     'function_id=' + function.id, 'request_id=' + request,
                     'id=' + request[:20]):
            self.assertEqual(['good'], self.found('--filter', text), text)
        self.assertEqual(['bad', 'good'], self.found('--filter', '019a'))
        self.assertEqual([], self.found('--filter', 'good', '--filter',
                                        'failed'))
        self.assertEqual([], self.found('--filter', 'queued'))
        for text in ('nothing', 'key=value', '', 'f' * 32, 'good='):
            self.fails('is neither a request, nor a function, nor a status',
                       'request-list', '--filter', text)
        self.fails('No function', 'request-list', '--filter', 'function=x')

    def test_other_filters(self):
        self.assertEqual(['bad'], self.found('--function', 'bad'))
        self.assertEqual(['bad'], self.found('--status', 'failed'))
        self.assertEqual([], self.found('--status', 'failed', '--function',
                                        'good'))

    def test_limit(self):
        result = self.pratai('request-list', '--limit', '1', '-f', 'value',
                             '-c', 'request_id')
        self.assertEqual(self.ids['bad'] + '\n', result.out)
        self.assertIn('There are more than 1', result.err)
        self.assertEqual(['good'], self.found('--marker', self.ids['bad']))
        self.assertEqual('', self.pratai('request-list', '--limit',
                                         '2').err)

    def test_show(self):
        out = self.ok('request-show', self.ids['good'][:20])
        for name, value in (('request_id', self.ids['good']),
                            ('tenant_id', 'admin'),
                            ('status', 'succeeded'), ('code', ''),
                            ('payload', '{"key": "value"}'),
                            ('response', '{"key": "value"}')):
            self.assertRegex(out, r'(?m)^\| %s +\| %s +\|$' % (name, value))
        found = json.loads(self.ok('request-show', self.ids['bad'], '-f',
                                   'json'))
        self.assertEqual(({'key': 'value'}, None, 'function.failed'), (
            found['payload'], found['response'], found['code']))
        self.assertEqual('{"key": "value"}\n', self.ok(
            'request-show', self.ids['good'], '-f', 'value', '-c',
            'response'))
        self.fails("No request has the name or id 'abc'; the beginning of an "
                   'id has 4 digits or more', 'request-show', 'abc')
        self.fails('request.not_found', 'request-show', 'f' * 32)

    def test_logs(self):
        self.assertEqual('begin\nend\n',
                         self.ok('request-logs', self.ids['good']))
        self.assertEqual('begin\nend\n', self.ok(
            'request-logs', self.ids['bad'], '--follow'))

    def test_follow(self):
        self.server.gate.clear()
        function, = self.client.functions.list(name='good')
        id = self.client.functions.execute(function).request_id
        process = self.start('request-logs', '--follow', id)
        self.assertEqual('begin\n', process.stdout.readline())
        self.server.gate.set()
        self.assertEqual(('end\n', ''), process.communicate())
        self.assertEqual(0, process.returncode)

    def test_cancel_and_running(self):
        self.assertEqual('\n', self.ok('function-running'))
        self.server.gate.clear()
        id = self.ok('function-execute', 'good').strip()
        while self.client.requests.get(id).status != 'running':
            pass
        self.assertRegex(self.ok('function-running'),
                         r'\| %s \| \w{32} \| good ' % id)
        self.assertEqual('', self.ok('request-cancel', id))
        self.assertEqual('cancelled', self.client.requests.get(id).status)
        result = self.pratai('request-cancel', id, self.ids['good'])
        self.assertEqual(1, result.status)
        self.assertEqual(2, result.err.count('(request.finished)'))
