# SPDX-License-Identifier: Apache-2.0

import concurrent.futures

from pratai import exception
from pratai.tests import base


class TestFunctions(base.DatabaseTestCase):

    def names(self, project_id='p1', limit=10, marker=None,
              sort=('name', 'asc'), **filters):
        return [item['name'] for item in self.db.function_list(
            project_id, filters, limit, marker, *sort)]

    def test_create_and_get(self):
        function = self.function('echo', memory=256, isolation='instance')
        self.assertEqual(
            ('echo', 'building', 256, 'instance', 1, 10),
            tuple(function[key] for key in (
                'name', 'status', 'memory', 'isolation', 'version',
                'limit')))
        self.assertEqual(function, self.db.function_get(function['id'],
                                                        'p1'))

    def test_name_in_use(self):
        self.function('echo')
        error = self.assertRaises(exception.Conflict, self.function, 'echo')
        self.assertEqual('function.name_in_use', error.code)
        self.function('Echo')
        self.function('echo', 'p2')

    def test_two_creates_at_once(self):
        def create(number):
            try:
                return self.db.function_create(
                    dict(id='%032d' % number, project_id='p1', user_id='u',
                         name='echo', description='', type='async',
                         event='webhook', public=False, webhook_token='t'),
                    dict(runtime='r', memory=128, cpus=1, timeout=60,
                         isolation='request', network=False, limit=1),
                    dict(id='%032d' % number, location='l', sha256='s',
                         size=1, module='', requirements=''))
            except exception.Conflict:
                return None
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            made = [item for item in pool.map(create, range(8)) if item]
        self.assertEqual(1, len(made))
        self.assertEqual(['echo'], self.names())

    def test_of_another_project(self):
        function = self.function('echo', 'p2')
        for method in (self.db.function_get, self.db.function_delete,
                       self.db.package_get, self.db.build_list):
            error = self.assertRaises(exception.NotFound, method,
                                      function['id'], 'p1')
            self.assertEqual('function.not_found', error.code)
        self.assertEqual([], self.names('p1'))
        self.assertEqual(['echo'], self.names(None))

    def test_filters(self):
        self.built('d')
        for name in 'abc':
            self.function(name, runtime='python3' + name)
        self.assertEqual(['b'], self.names(name='b'))
        self.assertEqual(['c'], self.names(runtime='python3c'))
        self.assertEqual(['d'], self.names(status='inactive'))
        self.assertEqual(['a', 'b', 'c'], self.names(status='building'))
        self.assertEqual([], self.names(status='active'))
        self.assertEqual(['a'], self.names(id=b'ap1'.hex()[:4]))
        self.assertEqual([], self.names(id='%'))
        self.assertEqual([], self.names(type='sync'))

    def test_pages(self):
        ids = {name: self.function(name)['id'] for name in 'abcde'}
        self.assertEqual(['a', 'b'], self.names(limit=2))
        self.assertEqual(['c', 'd'], self.names(limit=2, marker=ids['b']))
        self.assertEqual(['d', 'c'], self.names(
            limit=2, marker=ids['e'], sort=('created_at', 'desc')))
        self.assertEqual([], self.names(marker=ids['e']))
        self.assertRaises(exception.Invalid, self.names, marker='nosuch')

    def test_delete(self):
        function = self.built()
        waiting, running = self.queue(function, 2)
        self.db.claim(function['id'], 'e1', 'h', 1, 30)
        gone = self.db.function_delete(function['id'], 'p1')
        self.assertEqual({'locations': ['somewhere/echo'],
                          'versions': [function['version_id']]}, gone)
        self.assertRaises(exception.NotFound, self.db.function_get,
                          function['id'])
        statuses = {item['id']: item['status'] for item in
                    self.db.request_list('p1', {}, 10)}
        self.assertEqual({waiting: 'running', running: 'cancelled'},
                         statuses)
        self.function()

    def test_builds(self):
        function = self.function()
        build, = self.db.build_claim('e1', 5, 30)
        self.assertEqual('def main(payload): pass', build['module'])
        self.assertEqual([], self.db.build_claim('e1', 5, 30))
        key = build['build_id'], build['attempt']
        self.assertTrue(self.db.build_log(*key, 'one\n'))
        self.assertTrue(self.db.build_log(*key, 'two\n'))
        self.assertFalse(self.db.build_log(key[0], 9, 'late\n'))
        self.assertFalse(self.db.build_finish(key[0], 9, None, 'c', 'd'))
        self.assertTrue(self.db.build_finish(*key, None, 'build.no_main',
                                             'No main.'))
        self.assertFalse(self.db.build_finish(*key, {'id': 'x'}, None, None))
        listed, = self.db.build_list(function['id'], 'p1')
        self.assertEqual(('failed', 'build.no_main', 'one\ntwo\n'), (
            listed['status'], listed['code'], listed['log']))
        function = self.db.function_get(function['id'])
        self.assertEqual(('error', 'build.no_main', 'No main.'), (
            function['status'], function['status_code'],
            function['status_detail']))

    def test_build_redrive(self):
        function = self.function()
        for attempt in (1, 2, 3):
            build, = self.db.build_claim('gone', 1, 30)
            self.assertEqual(attempt, build['attempt'])
            self.assertEqual(0, self.db.build_redrive(['gone'], 3))
            self.assertEqual(1, self.db.build_redrive(['alive'], 3))
        self.assertEqual([], self.db.build_claim('alive', 1, 30))
        self.assertEqual('build.interrupted', self.db.function_get(
            function['id'])['status_code'])


class TestUpdate(base.DatabaseTestCase):

    def test_two_at_once(self):
        """Each makes a version of its own, one after the other."""
        function = self.built()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            left = list(pool.map(
                lambda timeout: self.db.function_update(
                    function['id'], {'timeout': timeout})[1],
                range(1, 9)))
        self.assertEqual([1] * 8, [len(ids) for ids in left])
        self.assertEqual(8, len({ids[0] for ids in left}))
        found = self.db.function_get(function['id'])
        self.assertEqual(9, found['version'])
        self.assertEqual(9, len(self.db.version_ids()))
        spec = self.db.version_spec(found['version_id'])
        self.assertEqual({'id': function['version_id']}, spec['image'])
        gone = self.db.function_delete(function['id'])
        self.assertEqual(9, len(gone['versions']))
        self.assertEqual(1, len(gone['locations']))
        self.assertEqual([], self.db.version_ids())

    def test_two_names_at_once(self):
        ids = [self.built(name)['id'] for name in ('a', 'b', 'c')]

        def rename(function_id):
            try:
                self.db.function_update(function_id, {'name': 'new'})
            except exception.Conflict as error:
                return error.code
            return None

        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            codes = list(pool.map(rename, ids))
        self.assertEqual(1, codes.count(None))
        self.assertEqual(2, codes.count('function.name_in_use'))
        # The same name in another project is another one.
        other = self.built('a', 'p2')
        self.db.function_update(other['id'], {'name': 'new'}, 'p2')

    def test_another_project(self):
        function = self.built()
        self.assertRaises(exception.NotFound, self.db.function_update,
                          function['id'], {'name': 'x'}, 'p2')

    def test_what_waits_gets_the_version_that_is_current(self):
        function = self.built()
        self.queue(function)
        changed, _ = self.db.function_update(function['id'], {'memory': 64})
        claimed, = self.db.claim(function['id'], 'e1', 'h', 1, 30,
                                 changed['version_id'])
        self.assertEqual(changed['version_id'], claimed['version_id'])
        self.assertEqual(changed['version_id'], self.db.request_get(
            claimed['id'])['version_id'])
