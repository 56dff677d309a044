# SPDX-License-Identifier: Apache-2.0

import os

from pratai import exception
from pratai.drivers.builder import fake
from pratai.tests.unit.drivers.builder import base


class TestFakeBuilder(base.TestCase):

    def setUp(self):
        super().setUp()
        self.options(collect_grace=0)
        self.builder = fake.FakeBuilder(self.conf, None)
        self.log = []

    def build(self, *args, **kwargs):
        return self.builder.build(self.new_build(*args, **kwargs),
                                  self.log.append)

    def images(self):
        return os.listdir(os.path.join(self.state, 'images'))

    def refused(self, code, *args, **kwargs):
        error = self.assertRaises(exception.BuildError, self.build, *args,
                                  **kwargs)
        self.assertEqual(code, error.code)
        self.assertEqual([], self.images())
        self.assertEqual([], os.listdir(os.path.join(self.state, 'builds')))
        return error.detail

    def test_a_module(self):
        image = self.build('numpy')
        self.assertEqual('fake', image['driver'])
        self.assertIsNone(image['layer'])
        with open(os.path.join(self.state, 'images', image['id'],
                               'new_module.py')) as source:
            self.assertEqual(base.MAIN, source.read())
        self.assertEqual(['Collecting numpy'], self.log)

    def test_syntax_error(self):
        self.assertEqual('new_module.py, line 2: invalid syntax',
                         self.refused('build.syntax_error',
                                      module='x = 1\nx y\n'))
        self.refused('build.syntax_error', module='-' * 200000 + '1')

    def test_requirements(self):
        self.assertEqual(
            'No matching distribution found for missing-package==1',
            self.refused('build.requirements_failed',
                         'Missing_Package==1\nsix'))
        self.assertIn('line 1', self.refused('build.requirements_failed',
                                             '-r /etc/passwd'))

    def test_collect_and_remove(self):
        one, two, three = self.build(), self.build(), self.build()
        self.builder.collect([one['id'], two['id']])
        self.assertEqual({one['id'], two['id']}, set(self.images()))
        self.builder.remove(one)
        self.builder.remove(three)
        self.assertEqual([two['id']], self.images())

    def test_cancel(self):
        self.builder.cancel('1' * 32)
        build = self.new_build('six')

        def log(line):
            self.builder.cancel(build.build_id)

        error = self.assertRaises(exception.BuildError, self.builder.build,
                                  build, log)
        self.assertEqual('build.cancelled', error.code)
        self.assertEqual([], self.images())
        self.builder.build(build, str)
