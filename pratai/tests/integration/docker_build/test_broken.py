# SPDX-License-Identifier: Apache-2.0
"""What tenants send that cannot work, or is meant to do harm."""

import os

from pratai import exception
from pratai.tests.integration.docker_build import base

FAILED = 'build.requirements_failed'


class TestBroken(base.BuilderTestCase):

    def test_syntax(self):
        detail = self.refused('build.syntax_error', module='def main(:\n')
        self.assertIn('new_module.py, line 1', detail)

    def test_too_complex(self):
        detail = self.refused('build.syntax_error',
                              module='x = ' + '-' * 300000 + '1\n')
        self.assertIn('too complex', detail)

    def test_no_such_package(self):
        detail = self.refused(FAILED, 'absent')
        self.assertIn('No matching distribution found for absent', detail)

    def test_no_such_version(self):
        self.index.wheel('first')
        self.assertIn('first==2', self.refused(FAILED, 'first==2'))

    def test_conflict(self):
        self.index.wheel('first', requires=['third==1'])
        self.index.wheel('second', requires=['third==2'])
        self.index.wheel('third', version='1')
        self.index.wheel('third', version='2')
        detail = self.refused(FAILED, 'first\nsecond')
        self.assertIn('Cannot install first', detail)

    def test_files_of_the_node(self):
        self.refused(FAILED, '-r /etc/passwd')
        self.refused(FAILED, 'x @ file:///etc/passwd')

    def test_source_that_fails(self):
        self.index.sdist('sad', code='raise ValueError("no way")')
        self.assertIn('no way', self.refused(FAILED, 'sad'))

    def test_endless(self):
        self.index.sdist('endless', code='''
            import os, signal, time
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            while True:
                time.sleep(1)
            ''')
        detail = self.refused('build.timeout', 'endless', timeout=20)
        self.assertIn('20 seconds', detail)

    def test_forks(self):
        self.options(max_processes=32)
        self.index.sdist('bomb', code='''
            import os, time
            count = 0
            try:
                while True:
                    if os.fork() == 0:
                        time.sleep(5)
                        os._exit(0)
                    count += 1
            except OSError as error:
                raise SystemExit('%d forks, then %s' % (count, error))
            ''')
        detail = self.refused(FAILED, 'bomb')
        self.assertRegex(detail, r'\b\d\d forks, then ')

    def test_eats_memory(self):
        self.index.sdist('eater', code='''
            hold = []
            while True:
                hold.append(bytearray(16 << 20))
            ''')
        detail = self.refused(FAILED, 'eater', memory=256)
        self.assertIn('256 MB of memory', detail)

    def test_fills_the_disk(self):
        self.options(max_layer=40)
        self.index.sdist('filler', code='''
            number = 0
            while True:
                with open('fill%d' % number, 'wb') as target:
                    target.write(bytes(4 << 20))
                number += 1
            ''')
        detail = self.refused('build.too_large', 'filler')
        self.assertIn('too large', detail)

    def test_one_large_file(self):
        self.options(max_layer=40)
        self.index.sdist('large', code='''
            with open('large', 'wb') as target:
                while True:
                    target.write(bytes(1 << 20))
            ''')
        self.assertIn('File too large', self.refused(FAILED, 'large'))

    def test_fills_temporary_memory(self):
        self.index.sdist('shm', code='''
            with open('/dev/shm/x', 'wb') as target:
                for _ in range(100000):
                    target.write(bytes(1 << 20))
            ''')
        self.assertIn('No space left', self.refused(FAILED, 'shm'))

    def test_writes_outside(self):
        """A wheel whose files are to land elsewhere."""
        self.index.wheel('escape', files={'../../../outside.py': 'x = 1'})
        self.refused(FAILED, 'escape')
        for folder, _, names in os.walk(self.folder):
            self.assertNotIn('outside.py', names, folder)

    def test_talks_too_much(self):
        self.options(max_log=20000)
        self.index.sdist('chatty', code='''
            import sys
            for number in range(20000):
                print('line', number, 'x' * 80)
            raise ValueError('at last')
            ''')
        self.assertIn('at last', self.refused(FAILED, 'chatty'))
        self.assertLessEqual(sum(len(line) + 1 for line in self.log), 20000)

    def test_a_runtime_without_an_interpreter(self):
        build = self.new_build()
        properties = dict(build.runtime['properties'],
                          interpreter='/nowhere/python')
        build.runtime = dict(build.runtime, properties=properties)
        error = self.assertRaises(exception.SandboxError, self.builder.build,
                                  build, self.log.append)
        self.assertIn('/nowhere/python', error.detail)
        self.assertNothingLeft()
