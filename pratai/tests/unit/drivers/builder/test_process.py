# SPDX-License-Identifier: Apache-2.0

import os
import subprocess
import threading

from pratai import exception
from pratai.tests.unit.drivers.builder import base

FAILED = 'build.requirements_failed'


class TestModule(base.BuilderTestCase):

    def test_no_requirements(self):
        image = self.build('# nothing\n\n')
        self.assertEqual('process', image['driver'])
        self.assertIsNone(image['layer'])
        with open(self.image_path(image, 'new_module.py')) as source:
            self.assertEqual(base.MAIN, source.read())
        self.assertEqual([], os.listdir(os.path.join(self.state, 'layers')))
        self.assertEqual([], self.log)
        self.assertNothingHalfMade()

    def test_it_is_compiled(self):
        image = self.build()
        folder = self.image_path(image, '__pycache__')
        self.assertEqual(1, len(os.listdir(folder)))
        for path in (folder, self.image_path(image)):
            self.assertEqual(0o755, os.stat(path).st_mode & 0o7777)

    def test_syntax_error(self):
        detail = self.refused('build.syntax_error',
                              module='x = 1\n\ndef main(:\n    pass\n')
        self.assertEqual('new_module.py, line 3: invalid syntax', detail)
        self.assertIn('    def main(:', self.log)

    def test_too_complex(self):
        self.refused('build.syntax_error', module='-' * 200000 + '1')
        self.refused('build.syntax_error', module='(' * 200000)

    def test_encoding_of_the_module(self):
        image = self.build(module='# coding: latin-1\nx = "\xe9"\n')
        with open(self.image_path(image, 'new_module.py'), 'rb') as source:
            self.assertIn(b'\xe9', source.read())
        self.build(module='x = "\xe9\u20ac\U0001f600"\n')

    def test_the_module_is_not_run(self):
        image = self.build(module='import os\nos.abort()\n')
        self.assertTrue(os.path.isdir(self.image_path(image)))

    def test_again(self):
        build = self.new_build()
        first = self.builder.build(build, self.log.append)
        build.module = 'def main():\n    pass\n'
        self.assertEqual(first, self.builder.build(build, self.log.append))
        with open(self.image_path(first, 'new_module.py')) as source:
            self.assertEqual(build.module, source.read())

    def test_remove(self):
        image = self.build()
        self.builder.remove(image)
        self.builder.remove(image)
        self.assertFalse(os.path.exists(self.image_path(image)))

    def test_an_interpreter_that_is_not_there(self):
        build = self.new_build()
        build.runtime = dict(base.RUNTIME, properties={
            'interpreter': '/nowhere/python', 'prefixes': []})
        self.assertRaises(exception.SandboxError, self.builder.build, build,
                          str)
        self.assertNothingHalfMade()


class TestLayers(base.BuilderTestCase):

    def test_a_wheel_and_what_it_requires(self):
        self.index.wheel('first', requires=['second>=1'])
        self.index.wheel('second', '0.5')
        self.index.wheel('second', '1.5')
        image = self.build('first')
        self.assertEqual("version = '1.5'\n",
                         self.read_layer(image, 'second.py'))
        self.assertEqual(0o755, os.stat(
            self.layer_path(image)).st_mode & 0o7777)
        self.assertEqual(0o644, os.stat(
            self.layer_path(image, 'first.py')).st_mode & 0o7777)
        compiled = os.listdir(self.layer_path(image, '__pycache__'))
        self.assertEqual(2, len(compiled))
        self.assertIn('Successfully downloaded', ' '.join(self.log))

    def test_it_can_be_imported(self):
        self.index.wheel('first', files={
            'first/__init__.py': 'from first import other\n',
            'first/other.py': 'x = 1\n'})
        image = self.build('first')
        subprocess.run([base.interpreter(), '-c', 'import first'], check=True,
                       env={'PYTHONPATH': self.layer_path(image)})

    def test_equal_requirements_share(self):
        self.index.wheel('first')
        self.index.wheel('second')
        one = self.build('First  # a comment\n\nsecond >=1, <2\n')
        self.log.clear()
        two = self.build('second<2,>=1\nfirst\n')
        self.assertEqual(one['layer'], two['layer'])
        self.assertNotEqual(one['id'], two['id'])
        self.assertEqual(['The dependencies are there already.'], self.log)

    def test_other_requirements_share_what_was_unpacked(self):
        self.index.wheel('first')
        self.index.wheel('second')
        one = self.build('first')
        two = self.build('first\nsecond')
        self.assertNotEqual(one['layer'], two['layer'])
        self.assertTrue(os.path.samefile(self.layer_path(one, 'first.py'),
                                         self.layer_path(two, 'first.py')))

    def test_other_runtimes_do_not_share(self):
        self.index.wheel('first')
        one = self.build('first')
        build = self.new_build('first')
        build.runtime = dict(base.RUNTIME, fingerprint='another')
        two = self.builder.build(build, str)
        self.assertNotEqual(one['layer'], two['layer'])

    def test_packages_in_one_namespace(self):
        self.index.wheel('one', files={'space/one.py': ''})
        self.index.wheel('two', files={'space/two.py': ''})
        image = self.build('one\ntwo')
        self.assertEqual(
            ['__pycache__', 'one.py', 'two.py'],
            sorted(os.listdir(self.layer_path(image, 'space'))))

    def test_two_packages_with_one_file(self):
        self.index.wheel('one', files={'same.py': 'x = 1\n'})
        self.index.wheel('two', files={'same.py': 'x = 2\n'})
        self.assertEqual('x = 1\n', self.read_layer(
            self.build('one'), 'same.py'))
        self.assertEqual('x = 2\n', self.read_layer(
            self.build('one\ntwo'), 'same.py'))
        # The one that is shared did not change.
        self.assertEqual('x = 1\n', self.read_layer(
            self.build('one'), 'same.py'))

    def test_a_file_and_a_folder_of_one_name(self):
        self.index.wheel('one', files={'same/x.py': ''})
        self.index.wheel('two', files={'same': ''})
        self.assertIn('same', self.refused(FAILED, 'one\ntwo'))

    def test_markers_and_extras(self):
        self.index.wheel('first', requires=['second; extra == "more"'],
                         extras=['more'])
        self.index.wheel('second')
        image = self.build('first[more]\nthird; python_version < "3"')
        self.assertTrue(os.path.exists(self.layer_path(image, 'second.py')))

    def test_only_what_does_not_apply(self):
        image = self.build('third; python_version < "3"')
        self.assertEqual([], os.listdir(self.layer_path(image)))

    def test_hashes(self):
        digest = self.index.wheel('first')
        detail = self.refused(FAILED, 'first==1.0 --hash=sha256:' + '0' * 64)
        self.assertIn('A hash in requirements.txt', detail)
        self.build('first==1.0 --hash=sha256:' + digest)

    def test_two_builds_at_once_make_a_layer_once(self):
        self.index.wheel('first')
        logs = [[] for _ in range(4)]
        images = []

        def build(log):
            images.append(self.builder.build(self.new_build('first'),
                                             log.append))

        threads = [threading.Thread(target=build, args=(log,))
                   for log in logs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(4, len(images))
        self.assertEqual(1, len({image['layer'] for image in images}))
        said = [line for log in logs for line in log
                if line.startswith('Successfully')]
        self.assertEqual(1, len(said))
        self.assertNothingHalfMade()
