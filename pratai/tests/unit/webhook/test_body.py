# SPDX-License-Identifier: Apache-2.0

from oslotest import base

from pratai import exception
from pratai.webhook import body


class TestPayload(base.BaseTestCase):

    def test_good(self):
        for text, expected in [
            ('{"payload": {"key": "v"}}', b'{"key":"v"}'),
            ('{"payload": null, "more": 1}', b'null'),
            (' {"payload":""} ', b'""'),
            ('{"payload": [1, 2.5, true]}', b'[1,2.5,true]'),
            ('{"payload": "[[[[[[[["}', b'"[[[[[[[["'),
            ('{"payload": "\\"[[[[[["}', b'"\\"[[[[[["'),
            ('{"payload": [[[1]]]}', b'[[[1]]]'),
            ('{"payload": "\\ud800"}', b'"\\ud800"'),
            ('{"payload": "\u00e9"}', '"\u00e9"'.encode()),
        ]:
            self.assertEqual(expected, body.payload(text.encode(), 4))

    def test_bad(self):
        for data, code in [
            (b'', 'payload.not_json'), (b'{', 'payload.not_json'),
            (b'\xff', 'payload.not_json'),
            (b'{"payload": Infinity}', 'payload.not_json'),
            (b'{"payload": 1e999}', 'payload.not_json'),
            (b'{"payload": %s}' % (b'1' * 10000), 'payload.not_json'),
            (b'{"payload": 1} x', 'payload.not_json'),
            (b'5', 'payload.missing'), (b'{}', 'payload.missing'),
            (b'{"payload": [[[[1]]]]}', 'payload.too_deep'),
            (b'[' * 100000, 'payload.too_deep'),
            (b'{"a":' * 100000, 'payload.too_deep'),
        ]:
            error = self.assertRaises(exception.Invalid, body.payload, data,
                                      4)
            self.assertEqual(code, error.code)
            self.assertNotIn('sys.', error.detail)

    def test_length(self):
        body.check_length({'CONTENT_LENGTH': '10'}, 10)
        body.check_length({}, 10)
        self.assertRaises(exception.TooLarge, body.check_length,
                          {'CONTENT_LENGTH': '11'}, 10)
        for wrong in ('-1', 'x', '1e9', '٣'):
            self.assertRaises(exception.Invalid, body.check_length,
                              {'CONTENT_LENGTH': wrong}, 10)
