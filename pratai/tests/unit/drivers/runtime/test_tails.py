# SPDX-License-Identifier: Apache-2.0

import os

import fixtures

from pratai.drivers.runtime import tails
from pratai.tests import base


class TestTails(base.TestCase):

    def test_no_thread(self):
        def start(thread):
            raise RuntimeError("can't start new thread")

        every = tails.Tails()
        reader, writer = os.pipe()
        with fixtures.MonkeyPatch('threading.Thread.start', start):
            self.assertRaises(RuntimeError, every.add, reader)
        self.assertRaises(OSError, os.fstat, reader)
        os.close(writer)
        reader, writer = os.pipe()
        tail = every.add(reader)
        os.write(writer, b'words')
        os.close(writer)
        self.assertTrue(tail.ended.wait(120))
        self.assertEqual('words', tail.text())
