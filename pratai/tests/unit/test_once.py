# SPDX-License-Identifier: Apache-2.0

import logging

from pratai import once
from pratai.tests import base


class TestOnce(base.TestCase):

    def setUp(self):
        super().setUp()
        self.filter = once.Once(away=('is away', 'no answer'),
                                back='is back')
        self.time = 0.0

    def said(self, message, after=1):
        self.time += after
        record = logging.makeLogRecord({'msg': message,
                                        'created': self.time})
        return bool(self.filter.filter(record))

    def test_each_once(self):
        self.assertEqual([True, False, False, True, False, True], [
            self.said(message) for message in (
                'It is away', 'no answer', 'It is away', 'It is back',
                'It is back', 'It is away')])

    def test_what_is_something_else(self):
        self.said('It is away')
        self.assertTrue(self.said('It is something else'))
        self.assertTrue(self.said('It is something else'))

    def test_after_a_while_it_is_news(self):
        self.said('It is away')
        self.assertFalse(self.said('It is away', once.OVER))
        self.assertTrue(self.said('It is away', once.OVER + 1))

    def test_back_after_a_while(self):
        self.said('It is away')
        self.assertTrue(self.said('It is back', once.OVER + 1))
        self.assertFalse(self.said('It is back', once.OVER + 1))
