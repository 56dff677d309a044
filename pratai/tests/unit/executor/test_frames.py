# SPDX-License-Identifier: Apache-2.0

import struct

from oslotest import base

from pratai.executor import frames


class TestReader(base.BaseTestCase):

    def test_byte_by_byte(self):
        data = (frames.pack({'type': 'started', 'pid': 7})
                + frames.pack({'type': 'result'}, b'[1,2]'))
        reader = frames.Reader(max_body=100)
        received = []
        for index in range(len(data)):
            received += reader.feed(data[index:index + 1])
        self.assertEqual([({'type': 'started', 'pid': 7}, b''),
                          ({'type': 'result'}, b'[1,2]')], received)

    def test_all_at_once(self):
        data = frames.pack({'a': 1}) * 3
        self.assertEqual(3, len(frames.Reader(10).feed(data)))

    def test_refused(self):
        for name, data in {
            'body too large': struct.pack('>II', 2, 101),
            'header too large': struct.pack('>II', 65537, 0),
            'not JSON': struct.pack('>II', 3, 0) + b'abc',
            'not UTF-8': struct.pack('>II', 2, 0) + b'\xff\xfe',
            'not an object': struct.pack('>II', 2, 0) + b'[]',
            'nested without end':
                struct.pack('>II', 60000, 0) + b'[' * 60000,
        }.items():
            with self.subTest(name):
                reader = frames.Reader(max_body=100)
                self.assertRaises(frames.ProtocolError, reader.feed, data)
