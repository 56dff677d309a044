# SPDX-License-Identifier: Apache-2.0
import json
import threading

from keystoneauth1 import session
from keystoneauth1 import token_endpoint

from prataiclient import client
from prataiclient import exceptions
from prataiclient.tests import base


class TestFunctions(base.TestCase):

    def test_create_sends_only_what_is_given(self):
        made = self.client.functions.create(
            'hello', base.zipped(), memory=256, description=None)
        self.assertEqual('building', made.status)
        self.assertEqual(256, made.memory)
        self.assertEqual('', made.description)
        self.assertEqual('secret', made.webhook_token)
        self.assertIs(False, made.public)

    def test_create_from_a_file(self):
        path = self.path('a.zip', base.zipped())
        made = self.client.functions.create('hello', path)
        self.assertEqual(base.zipped(), self.client.functions.package(
            self.client.functions.wait(made.id).id))

    def test_create_from_no_file(self):
        with self.assertRaisesRegex(exceptions.InvalidInput,
                                    'Cannot read .*none.zip: No such file'):
            self.client.functions.create('hello', self.path('none.zip'))

    def test_create_twice(self):
        self.function()
        with self.assertRaises(exceptions.Conflict) as caught:
            self.client.functions.create('hello', base.zipped())
        self.assertEqual(409, caught.exception.status)
        self.assertEqual('function.name_in_use', caught.exception.code)
        self.assertEqual('Problem', caught.exception.title)
        self.assertRegex(caught.exception.request_id, '^req-')
        self.assertEqual("There is a function 'hello' already "
                         "(function.name_in_use)", str(caught.exception))

    def test_wait_passes_the_log_on_without_repeating_it(self):
        self.server.gate.clear()
        made = self.client.functions.create(
            'hello', base.zipped(requirements='one two three'))
        pieces = []

        def on_log(text):
            pieces.append(text)
            self.server.gate.set()

        function = self.client.functions.wait(made.id, on_log)
        self.assertEqual('inactive', function.status)
        self.assertGreater(len(pieces), 1)
        self.assertEqual('Collecting one\nCollecting two\nCollecting three\n',
                         ''.join(pieces))

    def test_wait_for_a_build_that_fails(self):
        made = self.client.functions.create(
            'hello', base.zipped(requirements='no-such-thing'))
        with self.assertRaises(exceptions.BuildFailed) as caught:
            self.client.functions.wait(made.id)
        self.assertEqual('build.requirements_failed', caught.exception.code)
        self.assertEqual(made.id, caught.exception.function.id)
        self.assertIn('No matching', caught.exception.build.log)

    def test_list_goes_through_all_pages(self):
        ids = [self.function(str(n)).id for n in range(5)]
        self.server.page = 2
        self.assertEqual(
            ids, [one.id for one in self.client.functions.list()])
        self.assertEqual(
            ids[:3], [one.id for one in self.client.functions.list(limit=3)])
        self.assertEqual(
            ids[2:], [one.id
                      for one in self.client.functions.list(marker=ids[1])])

    def test_list_filters(self):
        self.function('a')
        other = self.function('b', runtime='python27')
        for filters in ({'name': 'b'}, {'id': other.id[:30]},
                        {'runtime': 'python27'}):
            found = self.client.functions.list(**filters)
            self.assertEqual([other.id], [one.id for one in found])
        self.assertEqual([], self.client.functions.list(status='error'))

    def test_find(self):
        function = self.function()
        for wanted in ('hello', function.id, function.id[:8]):
            found = self.client.functions.find(wanted)
            self.assertEqual(function.id, found.id)
            self.assertEqual('secret', found.webhook_token)

    def test_find_nothing(self):
        function = self.function()
        for wanted in ('', 'hell', 'a' * 32, '../status', 'ä ö',
                       function.id[:3]):
            with self.assertRaises(exceptions.NotFound) as caught:
                self.client.functions.find(wanted)
            self.assertEqual('function.not_found', caught.exception.code)

    def test_find_prefers_a_name(self):
        function = self.function()
        named = self.function(function.id[:8])
        self.assertEqual(
            named.id, self.client.functions.find(function.id[:8]).id)
        # ... but a whole id is the id
        self.function(function.id)
        self.assertEqual(
            function.id, self.client.functions.find(function.id).id)

    def test_find_too_much(self):
        one = self.function()
        other = dict(self.server.functions[one.id], name='other',
                     id=one.id[:8] + '0' * 24)
        self.server.functions[other['id']] = other
        with self.assertRaises(exceptions.AmbiguousName) as caught:
            self.client.functions.find(one.id[:8])
        for text in (one.id, '(hello)', other['id'], '(other)'):
            self.assertIn(text, str(caught.exception))
        self.assertEqual([one.id, other['id']],
                         [c.id for c in caught.exception.candidates])

    def test_delete(self):
        function = self.function()
        self.client.functions.delete(function.id)
        self.assertEqual([], self.client.functions.list())
        with self.assertRaises(exceptions.NotFound):
            self.client.functions.delete(function.id)

    def test_an_empty_id_is_not_the_collection(self):
        with self.assertRaises(exceptions.InvalidInput):
            self.client.functions.get('')


class TestExecute(base.TestCase):

    def test_sync(self):
        function = self.function(type='sync')
        execution = self.client.functions.execute(function, {'ä': [1, None]})
        self.assertEqual({'ä': [1, None]}, execution.response)
        self.assertEqual('succeeded', execution.status)
        self.assertEqual(12.5, execution.duration)
        self.assertEqual('warm', execution.start)
        self.assertIn(execution.request_id, self.server.requests)

    def test_sync_failure(self):
        function = self.function(module=base.RAISE, type='sync')
        with self.assertRaises(exceptions.ExecutionFailed) as caught:
            self.client.functions.execute(function)
        self.assertEqual('failed', caught.exception.execution_status)
        self.assertIn(caught.exception.execution_id, self.server.requests)
        self.assertEqual('Function hello failed: ValueError: no no '
                         '(function.failed)', str(caught.exception))

    def test_async(self):
        function = self.function()
        execution = self.client.functions.execute(function, 5)
        self.assertEqual('queued', execution.status)
        self.assertIsNone(execution.response)
        request = self.client.requests.wait(execution.request_id)
        self.assertTrue(request.finished)
        self.assertEqual((5, 5), (request.payload, request.response))

    def test_busy(self):
        function = self.function()
        self.server.instead['/function/' + function.id] = (
            503, {'Retry-After': '7'}, {'detail': 'No room',
                                        'code': 'service.busy'})
        with self.assertRaises(exceptions.ServerError) as caught:
            self.client.functions.execute(function)
        self.assertEqual(7, caught.exception.retry_after)
        self.assertEqual('No room; try again in 7 s (service.busy)',
                         str(caught.exception))


class TestRequests(base.TestCase):

    def test_follow(self):
        function = self.function()
        self.server.gate.clear()
        id = self.client.functions.execute(function).request_id
        text = ''
        for piece in self.client.requests.follow(id):
            text += piece.logs
            self.server.gate.set()
        self.assertEqual('begin\nend\n', text)
        self.assertTrue(piece.complete)
        self.assertEqual('end\n', self.client.requests.logs(id, 6).logs)

    def test_cancel(self):
        function = self.function()
        self.server.gate.clear()
        id = self.client.functions.execute(function).request_id
        self.assertEqual('cancelled', self.client.requests.cancel(id).status)
        self.assertEqual('cancelled', self.client.requests.wait(id).status)
        with self.assertRaises(exceptions.Conflict):
            self.client.requests.cancel(id)

    def test_list_and_find(self):
        functions = [self.function(name) for name in ('a', 'b')]
        ids = [self.client.functions.execute(function).request_id
               for function in functions for _ in range(2)]
        for id in ids:
            self.client.requests.wait(id)
        self.server.page = 1
        self.assertEqual(
            ids[::-1], [one.id for one in self.client.requests.list()])
        self.assertEqual(
            ids[1::-1], [one.id for one in self.client.requests.list(
                function_id=functions[0].id)])
        self.assertEqual([], self.client.requests.list(status='failed'))
        self.assertEqual(ids[2], self.client.requests.find(ids[2][:20]).id)
        with self.assertRaises(exceptions.AmbiguousName) as caught:
            self.client.requests.find('019a')
        self.assertIn(ids[2], str(caught.exception))
        for wanted in ('b' * 32, 'bbbb', 'x'):
            with self.assertRaises(exceptions.NotFound):
                self.client.requests.find(wanted)


class TestOthers(base.TestCase):

    def test_runtimes(self):
        self.assertEqual(['python27', 'python311'],
                         [one.name for one in self.client.runtimes.list()])
        for wanted in ('python27', '1' * 32, '1111'):
            self.assertEqual('python27',
                             self.client.runtimes.find(wanted).name)
        with self.assertRaises(exceptions.NotFound):
            self.client.runtimes.find('cobol')

    def test_events(self):
        self.assertEqual(['webhook'],
                         [one.name for one in self.client.events.list()])
        self.assertEqual('an HTTP POST',
                         self.client.events.find('webhook').description)

    def test_services_and_status(self):
        self.assertEqual('pratai-conductor',
                         self.client.services.list()[0].binary)
        status = self.client.status.get()
        self.assertEqual('degraded', status.status)
        self.assertEqual('down', status.services[0].status)
        self.assertEqual(['one thing', 'another'], status.warnings)


class TestAnswers(base.TestCase):

    def answer(self, status, body, **headers):
        self.server.instead['/v1/functions'] = (status, headers, body)
        with self.assertRaises(exceptions.PrataiError) as caught:
            self.client.functions.list()
        self.assertNotIn('\n', str(caught.exception))
        return caught.exception

    def test_statuses(self):
        for status, kind in ((400, exceptions.BadRequest),
                             (401, exceptions.Unauthorized),
                             (403, exceptions.Forbidden),
                             (404, exceptions.NotFound),
                             (406, exceptions.NotAcceptable),
                             (409, exceptions.Conflict),
                             (413, exceptions.TooLarge),
                             (418, exceptions.HTTPError),
                             (500, exceptions.ServerError),
                             (503, exceptions.ServerError)):
            error = self.answer(status, {'detail': 'a\n b', 'code': 'c.d'})
            self.assertIs(kind, type(error))
            self.assertEqual(status, error.status)
            self.assertEqual('a b (c.d)', str(error))

    def test_a_server_error_names_its_request(self):
        error = self.answer(500, {'detail': 'It broke', 'code': 'x.y',
                                  'request_id': 'req-1'})
        self.assertEqual('It broke (x.y, req-1)', str(error))
        error = self.answer(500, b'', **{'x-openstack-request-id': 'req-2'})
        self.assertIn('req-2', str(error))

    def test_errors_of_others(self):
        error = self.answer(502, b'<html>Bad Gateway</html>')
        self.assertEqual(
            '%s/v1/functions answered: Bad Gateway (HTTP 502)'
            % self.server.url, str(error))
        error = self.answer(401, {'error': {'message': 'No token',
                                            'code': 401}})
        self.assertEqual('No token (HTTP 401)', str(error))
        self.assertIn('HTTP 403', str(self.answer(403, b'[1]')))
        self.assertIn('HTTP 403', str(self.answer(403, {'detail': [1]})))

    def test_answers_of_others(self):
        for body in (b'<html>', b'', [1], {}, {'functions': 1},
                     {'functions': [1]}):
            self.assertIsInstance(self.answer(200, body),
                                  exceptions.BadAnswer)

    def test_nobody_answers(self):
        url = self.server.url
        self.server.stop()
        with self.assertRaises(exceptions.ConnectionFailed) as caught:
            client.Client(endpoint=url).functions.list()
        self.assertEqual(
            'Cannot reach Pratai at %s: Connection refused. Is it running? '
            '(OS_PRATAI_URL)' % url, str(caught.exception))

    def test_no_such_host(self):
        with self.assertRaisesRegex(exceptions.ConnectionFailed,
                                    'Cannot reach Pratai at http://no'):
            client.Client(endpoint='http://no-such-host.invalid'
                          ).functions.list()

    def test_endpoint_with_version(self):
        for suffix in ('/', '/v1', '/v1/'):
            found = client.Client(endpoint=self.server.url + suffix)
            self.assertEqual([], found.functions.list())

    def test_headers(self):
        self.client.functions.list()
        headers = self.server.seen[-1][2]
        self.assertEqual('function 1.0', headers['OpenStack-API-Version'])
        self.assertIn('python-prataiclient/', headers['User-Agent'])
        self.assertIsNone(headers['X-Auth-Token'])

    def test_own_session(self):
        auth = token_endpoint.Token(self.server.url + '/v1', 'u:p')
        found = client.Client(session=session.Session(auth=auth))
        self.assertEqual([], found.functions.list())
        self.assertEqual('u:p', self.server.seen[-1][2]['X-Auth-Token'])

    def test_neither_endpoint_nor_catalog(self):
        with self.assertRaisesRegex(exceptions.ConnectionFailed,
                                    'OS_PRATAI_URL'):
            client.Client().functions.list()

    def test_one_client_in_several_threads(self):
        self.function()
        found = []
        threads = [threading.Thread(
            target=lambda: found.extend(self.client.functions.list()))
            for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(8, len(found))

    def test_to_dict_is_json(self):
        function = self.function()
        self.assertEqual(function.id, json.loads(
            json.dumps(function.to_dict()))['id'])
