# SPDX-License-Identifier: Apache-2.0
"""The runner, compiled ahead."""

import os
import subprocess
import sys

from pratai.drivers.runtime import bytecode
from pratai.tests import base


class BytecodeTest(base.TestCase):
    def setUp(self):
        super().setUp()
        self.directory = os.path.join(self.state_path, 'runners')
        self.source = os.path.join(self.state_path, 'program.py')
        self.write('print("one")\n')

    def write(self, text):
        with open(self.source, 'w') as f:
            f.write(text)

    def compile(self, interpreter=sys.executable, fingerprint='a'):
        return bytecode.compiled(self.source, self.directory, interpreter,
                                 fingerprint)

    def test_runs_without_the_source(self):
        path = self.compile()
        os.remove(self.source)
        self.assertEqual(0o644, os.stat(path).st_mode & 0o777)
        self.assertEqual(b'one\n', subprocess.check_output(
            [sys.executable, '-I', '-S', '-B', path]))

    def test_is_made_once(self):
        path = self.compile()
        before = os.stat(path).st_ino
        self.assertEqual(path, self.compile())
        self.assertEqual(before, os.stat(path).st_ino)

    def test_another_one_for_another_source_or_interpreter(self):
        paths = {self.compile(), self.compile(fingerprint='b')}
        self.write('print("two")\n')
        paths.add(self.compile())
        self.assertEqual(3, len(paths))

    def test_source_where_it_cannot_be_compiled(self):
        self.assertEqual(self.source, self.compile('/no/such/python'))
        self.write('print(\n')
        self.assertEqual(self.source, self.compile())
        self.assertEqual([], os.listdir(self.directory))
