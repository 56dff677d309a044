# SPDX-License-Identifier: Apache-2.0

import os
import uuid

from pratai import exception
from pratai.tests.unit.drivers.builder import base

FAILED = 'build.requirements_failed'


class TestRefused(base.BuilderTestCase):

    def test_no_such_package(self):
        self.assertEqual('No matching distribution found for nosuchpkg==9',
                         self.refused(FAILED, 'nosuchpkg==9'))

    def test_no_such_version(self):
        self.index.wheel('first')
        self.assertEqual('No matching distribution found for first==9',
                         self.refused(FAILED, 'first==9'))

    def test_conflict(self):
        self.index.wheel('first', requires=['third==1'])
        self.index.wheel('second', requires=['third==2'])
        self.index.wheel('third', '1')
        self.index.wheel('third', '2')
        detail = self.refused(FAILED, 'first\nsecond')
        for word in ('first', 'second', 'depends on third==1',
                     'depends on third==2'):
            self.assertIn(word, detail)

    def test_files_of_the_node(self):
        for line in ('-r /etc/passwd', '--index-url=http://127.0.0.1/',
                     '-e .', '/etc', 'a @ file:///etc/passwd'):
            self.assertIn('line 2', self.refused(FAILED, 'first\n' + line))
        self.assertEqual([], self.log)

    def test_a_wheel_that_leads_out(self):
        self.index.wheel('first', files={'../../../evil.py': ''})
        self.assertIn('outside', self.refused(FAILED, 'first'))

    def test_a_wheel_that_is_damaged(self):
        self.index.add('first', 'first-1.0-py3-none-any.whl', b'nothing')
        self.refused(FAILED, 'first')

    def test_too_large(self):
        self.options(max_layer=20)
        parts = {'part%d' % number: os.urandom(1 << 20)
                 for number in range(21)}
        self.index.wheel('first', files=parts)
        self.refused('build.too_large', 'first')

    def test_a_file_too_large(self):
        self.options(max_layer=2)
        self.index.wheel('first', files={'zeros': b'\0' * (3 << 20)})
        self.refused('build.too_large', 'first')

    def test_too_large_together(self):
        self.options(max_layer=5)
        for name in ('one', 'two', 'three'):
            self.index.wheel(name, files={'%s.bin' % name: b'\0' * (2 << 20)})
        self.build('one\ntwo')
        error = self.assertRaises(exception.BuildError, self.build,
                                  'one\ntwo\nthree')
        self.assertEqual('build.too_large', error.code)

    def test_too_many_files(self):
        self.options(max_layer_files=100)
        self.index.wheel('first', files={'f%d' % n: '' for n in range(101)})
        self.refused('build.too_large', 'first')

    def test_too_much_while_it_is_built(self):
        self.options(max_layer=20)
        self.index.sdist('first', code='''
            import os, time
            for number in range(1000):
                with open("junk%d" % number, "wb") as target:
                    target.write(bytes(5 << 20))
                    os.fsync(target.fileno())
            time.sleep(10000)
            ''')
        self.refused('build.too_large', 'first')


class TestNoSandbox(base.BuilderTestCase):
    """Where there is no bubblewrap there are plain processes."""

    def new_builder(self):
        self.conf.set_override('isolation', 'none', group='process')
        return super().new_builder()

    def setUp(self):
        # Before what all builders need is built.
        if os.getuid() == 0 and not base.reachable(base.interpreter()):
            self.skipTest('other users cannot run this interpreter')
        super().setUp()

    def test_wheels_and_source(self):
        self.index.sdist('first', code='FILES["first.py"] = "x = 1\\n"')
        self.index.wheel('second')
        image = self.build('first\nsecond')
        self.assertEqual('x = 1\n', self.read_layer(image, 'first.py'))
        self.assertTrue(os.path.exists(self.layer_path(image, 'second.py')))
        self.assertNothingHalfMade()

    def test_syntax_error(self):
        self.assertEqual('new_module.py, line 1: invalid syntax',
                         self.refused('build.syntax_error', module='x y'))

    def test_it_never_ends(self):
        mark = uuid.uuid4().hex
        self.options(timeout=5)
        self.index.sdist('first', code='''
            import subprocess, sys
            subprocess.Popen([sys.executable, "-c",
                              "import time; time.sleep(10000)", "%s"],
                             start_new_session=True)
            while True:
                pass
            ''' % mark)
        self.refused('build.timeout', 'first')
        if os.getuid() == 0:
            self.assertEqual([], base.processes_with(mark))
