# SPDX-License-Identifier: Apache-2.0

import os
import subprocess
import sys

from pratai.drivers.runtime import interpreters
from pratai.tests import base

REAL = os.path.realpath(sys.executable)
NAME = 'python%d.%d' % sys.version_info[:2]


class TestFind(base.TestCase):

    def setUp(self):
        super().setUp()
        self.bin = os.path.join(self.state_path, 'bin')
        os.mkdir(self.bin)
        path = os.environ['PATH']
        self.addCleanup(os.environ.update, PATH=path)
        os.environ['PATH'] = self.bin
        self.addCleanup(setattr, interpreters, 'DIRECTORIES',
                        interpreters.DIRECTORIES)
        interpreters.DIRECTORIES = ()

    def script(self, text, name=NAME):
        path = os.path.join(self.bin, name)
        with open(path, 'w') as f:
            f.write('#!/bin/sh\n' + text + '\n')
        os.chmod(path, 0o755)
        return path

    def test_nothing(self):
        self.assertEqual([], interpreters.find())

    def test_wrappers_that_run_nothing(self):
        self.script('echo "command not found" >&2; exit 127')
        self.script('sleep 0; echo rubbish', 'python3.12')
        self.script('echo {}', 'python3.10')
        os.symlink('/no/such', os.path.join(self.bin, 'python3.9'))
        self.assertEqual([], interpreters.find())

    def test_wrapper(self):
        self.script('exec "%s" "$@"' % REAL)
        found, = interpreters.find()
        self.assertTrue(os.path.isabs(found['interpreter']))
        self.assertNotIn(self.bin, found['interpreter'])
        self.assertEqual('%d.%d.%d' % sys.version_info[:3], found['version'])
        self.assertTrue(found['interpreter'].startswith(
            tuple(interpreters.prefixes(found))))

    def test_virtual_environment(self):
        """What it was made from, not itself: it may be the service's own."""
        path = os.path.join(self.state_path, 'venv')
        subprocess.check_call([sys.executable, '-m', 'venv', '--without-pip',
                               path])
        found = interpreters.ask(os.path.join(path, 'bin', 'python'))
        self.assertFalse(found['interpreter'].startswith(self.state_path))
        self.assertFalse(found['prefix'].startswith(self.state_path))

    def test_other_names_do_not_count(self):
        for name in ('python', 'python3', NAME + '-config', 'python3.x'):
            self.script('exec "%s" "$@"' % REAL, name)
        self.assertEqual([], interpreters.find())

    def test_listed(self):
        self.assertEqual(1, len(interpreters.find([REAL])))
        self.assertEqual([], interpreters.find(['/no/such']))
        self.script('exec "%s" "$@"' % REAL)
        self.assertEqual(1, len(interpreters.find([REAL, '+'])))

    def test_one_that_does_not_work(self):
        asked = []

        def works(found):
            asked.append(found['interpreter'])
            return 'because'

        self.assertEqual([], interpreters.find([REAL, REAL], works))
        self.assertEqual(1, len(asked))

    def test_fingerprint(self):
        found = interpreters.ask(REAL)
        first = interpreters.fingerprint(found)
        self.assertEqual(first, interpreters.fingerprint(dict(found)))
        self.assertNotEqual(first, interpreters.fingerprint(
            dict(found, version='3.99.1')))
        self.assertNotEqual(first, interpreters.fingerprint(
            dict(found, interpreter='/bin/sh')))

    def test_flags(self):
        self.assertIn('-I', interpreters.flags('3.8.1'))
        self.assertNotIn('-I', interpreters.flags('2.7.18'))
