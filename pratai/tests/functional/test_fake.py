# SPDX-License-Identifier: Apache-2.0
"""The fake drivers, in a real service: nothing else is pretended."""

from oslotest import base

from pratai.tests.functional import standalone

MODULE = '''
import logging
import time


def main(payload):
    print('hello')
    logging.getLogger('pratai').warning('careful')
    if payload == 'sleep':
        time.sleep(600)
    return {'said': payload[::-1]}
'''


class TestFake(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.pratai = self.useFixture(standalone.Standalone({
            ('executor', 'runtime_driver'): 'fake',
            ('builder', 'driver'): 'fake'}))

    def test_a_request(self):
        function = self.pratai.create('f', MODULE)
        self.assertEqual('inactive', function['status'])
        request = self.pratai.finished(
            self.pratai.post(function, 'abc').json()['request_id'])
        self.assertEqual(('succeeded', {'said': 'cba'}, 'cold'), (
            request['status'], request['response'], request['start']))
        self.assertIn('hello', self.pratai.logs(request['id']))

    def test_a_caller_who_waits(self):
        function = self.pratai.create('f', MODULE, type='sync', timeout=1)
        self.assertEqual({'said': 'cba'},
                         self.pratai.post(function, 'abc').json())
        failed = self.pratai.post(function, 5)
        self.assertEqual((502, 'function.failed'),
                         (failed.status_code, failed.json()['code']))
        late = self.pratai.post(function, 'sleep')
        self.assertEqual((504, 'function.timeout'),
                         (late.status_code, late.json()['code']))
        self.assertEqual({'said': 'cba'},
                         self.pratai.post(function, 'abc').json())

    def test_code_that_cannot_be_used(self):
        for module, code in (('def main(:', 'build.syntax_error'),
                             ('x = 1', 'build.no_main'),
                             ('1 / 0', 'build.import_failed')):
            function = self.pratai.create(code.replace('.', '-'), module)
            self.assertEqual(('error', code), (
                function['status'], function['status_code']))
