# SPDX-License-Identifier: Apache-2.0

import os

from pratai import exception
from pratai.runtimes import definitions
from pratai.tests import base

GOOD = {'name': 'own', 'language': 'python', 'base': 'debian:x',
        'description': 'Ours', 'dockerfile': 'Dockerfile'}


class TestDefinitions(base.TestCase):

    def setUp(self):
        super().setUp()
        self.folder = os.path.join(self.state_path, 'runtimes.d')
        os.mkdir(self.folder)
        self.conf.set_override('runtimes_dir', self.folder, 'builder')
        self.write('Dockerfile', 'FROM x\n')

    def write(self, name, text):
        with open(os.path.join(self.folder, name), 'w') as target:
            target.write(text)

    def define(self, file='own.yaml', **values):
        self.write(file, ''.join(
            '%s: %s\n' % item for item in dict(GOOD, **values).items()
            if item[1] is not None))

    def refused(self):
        error = self.assertRaises(exception.Invalid, definitions.read_all,
                                  self.conf)
        self.assertEqual(1, len(error.detail.splitlines()))
        return error.detail

    def test_what_is_shipped(self):
        self.conf.clear_override('runtimes_dir', 'builder')
        found = {item.name: item for item in definitions.read_all(self.conf)}
        for name in ('python27', 'python311', 'python313'):
            self.assertIn(name, found)
        self.assertEqual('bullseye', found['python27'].suite)

    def test_own(self):
        self.define()
        self.define('another.yml', name='another', suite='bookworm')
        self.write('README', 'nothing of ours')
        first, second = definitions.read_all(self.conf)
        self.assertEqual(('another', 'bookworm'), (first.name, first.suite))
        self.assertEqual(('own', None), (second.name, second.suite))
        self.assertEqual(os.path.join(self.folder, 'Dockerfile'),
                         second.dockerfile)

    def test_wrong(self):
        for values, wanted in (
                ({'base': None}, 'base is missing'),
                ({'extra': 'x'}, '"extra" is not known'),
                ({'description': '[1]'}, 'description has to be text'),
                ({'description': '""'}, 'description has to be text'),
                ({'name': 'Own_'}, 'is no name'),
                ({'name': '../own'}, 'is no name'),
                ({'language': 'cobol'}, 'no runner for the language'),
                ({'dockerfile': 'absent'}, 'there is no file'),
                ({'base': '{'}, 'own.yaml')):
            self.define(**values)
            self.assertIn(wanted, self.refused())

    def test_no_mapping(self):
        for text in ('', 'x', '- a\n'):
            self.write('own.yaml', text)
            self.assertIn('name: value', self.refused())

    def test_two_of_one_name(self):
        self.define()
        self.define('same.yaml')
        self.assertIn('two runtimes', self.refused())

    def test_no_folder(self):
        self.conf.set_override('runtimes_dir', '/nowhere', 'builder')
        self.assertIn('/nowhere', self.refused())
