# SPDX-License-Identifier: Apache-2.0

from oslotest import base

from pratai import access
from pratai import exception


class TestTickets(base.BaseTestCase):

    def test_there_and_back(self):
        spec, expires = access.verify('key', access.sign('key', {'id': 'v'},
                                                         60))
        self.assertEqual({'id': 'v'}, spec)

    def test_refused(self):
        ticket = access.sign('key', {'id': 'v'}, 60)
        body, _, signature = ticket.partition('.')
        for wrong in ('', '.', 'x', 'é', ticket[:-1], 'A' + ticket,
                      body + '.' + 'é' * 64, access.sign('other', {}, 60)):
            error = self.assertRaises(exception.Forbidden, access.verify,
                                      'key', wrong)
            self.assertEqual('ticket.invalid', error.code)

    def test_expired(self):
        error = self.assertRaises(exception.Forbidden, access.verify, 'key',
                                  access.sign('key', {}, -1))
        self.assertEqual('ticket.expired', error.code)
