# SPDX-License-Identifier: Apache-2.0

import json

import webob

from pratai import exception
from pratai.api import validation
from pratai.api.schemas import common
from pratai.api.schemas import functions
from pratai.tests import base


class TestBody(base.TestCase):

    def setUp(self):
        super().setUp()
        self.check = validation.Body(functions.create(self.conf))

    def test_defaults(self):
        self.assertEqual(
            {'name': 'a', 'description': '', 'memory': 128, 'cpus': 1,
             'timeout': 60, 'event': 'webhook', 'public': False,
             'isolation': 'request', 'network': False, 'limit': 100},
            self.check({'name': 'a'}))

    def test_integers_are_integers(self):
        self.assertIs(int, type(self.check({'name': 'a',
                                            'memory': 64.0})['memory']))

    def test_sentences(self):
        long = 'x' * 1000
        for text, expected in (
                ('{}', 'name: is required'),
                ('{"name": 1}', 'name: 1 is not of type string'),
                ('{"name": null}', 'name: null is not of type string'),
                ('{"name": ["a"]}', 'name: a list is not of type string'),
                ('{"name": {}}', 'name: an object is not of type string'),
                ('{"name": "%s"}' % long,
                 'name: is longer than 255 characters'),
                ('{"name": "a", "runtime": ""}',
                 'runtime: is empty'),
                ('{"name": "a", "memory": 7}',
                 'memory: 7 is less than the minimum of 32'),
                ('{"name": "a", "memory": 4097}',
                 'memory: 4097 is greater than the maximum of 4096'),
                ('{"name": "a", "memory": 64.5}',
                 'memory: 64.5 is not of type integer'),
                ('{"name": "a", "memory": 1e999}',
                 'memory: Infinity is not of type integer'),
                ('{"name": "a", "event": "%s"}' % long,
                 'event: "%s... is not one of webhook' % long[:59]),
                ('{"name": "a", "%s": 1}' % long,
                 '%s...: is not known here' % long[:60]),
                ('{"name": "a", "\\ud800": 1}',
                 '\\ud800: is not known here'),
                ('{"name": "a\\u0007"}',
                 'name: "a\\u0007" is blank or has control characters'),
                ('{"name": "a", "description": "\\udfff"}',
                 'description: has characters that are not text'),
        ):
            error = self.assertRaises(exception.Invalid, self.check,
                                      json.loads(text))
            self.assertEqual(expected, error.detail)


class TestQuery(base.TestCase):

    def setUp(self):
        super().setUp()
        self.check = validation.Query({
            'name': {'type': 'string'}, 'id': common.ID_PREFIX,
            'limit': {'type': 'integer', 'minimum': 1, 'default': 10},
            'all': {'type': 'boolean', 'default': False}})

    def ask(self, query):
        return self.check(webob.Request.blank('/?' + query))

    def test_values(self):
        for query, expected in (
                ('', {}), ('&&', {}), ('name=', {'name': ''}),
                ('name', {'name': ''}), ('name=a+b%20c', {'name': 'a b c'}),
                ('name=%C3%A9', {'name': '\u00e9'}),
                ('limit=5', {'limit': 5}), ('limit=005', {'limit': 5}),
                ('limit=' + '9' * 5000, {'limit': int('9' * 20)}),
                ('all=true', {'all': True}), ('all=FALSE', {}),
                ('id=0af', {'id': '0af'})):
            self.assertEqual({'limit': 10, 'all': False} | expected,
                             self.ask(query), query)

    def test_sentences(self):
        for query, expected in (
                ('a=1', 'a: is not known here'),
                ('name=a&name=b', 'name: is given twice'),
                ('limit=0', 'limit: 0 is less than the minimum of 1'),
                ('limit=-1', 'limit: "-1" is not of type integer'),
                ('limit=1.0', 'limit: "1.0" is not of type integer'),
                ('limit=', 'limit: "" is not of type integer'),
                ('limit=%D9%A1',
                 'limit: "\\u0661" is not of type integer'),
                ('all=1', 'all: "1" is not of type boolean'),
                ('id=x', 'id: "x" is not an id or the beginning of one'),
                ('id=a%0A',
                 'id: "a\\n" is not an id or the beginning of one'),
                ('id=', 'id: "" is not an id or the beginning of one')):
            error = self.assertRaises(exception.Invalid, self.ask, query)
            self.assertEqual(expected, error.detail)
