# SPDX-License-Identifier: Apache-2.0

import os
import shutil
import subprocess

from pratai.tests.unit.drivers.builder import base
from pratai.tests.unit.drivers.builder import server

FAILED = 'build.requirements_failed'


class TestAddresses(base.BuilderTestCase):
    """Requirements that name an address, where the operator allows it."""

    def setUp(self):
        super().setUp()
        self.options(allow_urls=True)
        self.server = self.useFixture(server.Server(self.index.path))

    def address(self, name):
        return '%s/files/%s' % (self.server.url, name)

    def test_a_wheel(self):
        self.index.wheel('first')
        image = self.build('first @ ' + self.address(
            'first-1.0-py2.py3-none-any.whl'))
        self.assertTrue(os.path.exists(self.layer_path(image, 'first.py')))

    def test_source(self):
        self.index.sdist('first', code='FILES["first.py"] = "x = 1\\n"')
        line = 'first @ ' + self.address('first-1.0.tar.gz')
        self.assertEqual('x = 1\n', self.read_layer(self.build(line),
                                                    'first.py'))
        self.assertIn('not allowed while downloading', ' '.join(self.log))

    def test_source_when_it_is_forbidden(self):
        self.options(allow_sdists=False)
        self.index.sdist('first', code='print("first has run")')
        self.refused(FAILED, 'first @ ' + self.address('first-1.0.tar.gz'))
        self.assertNotIn('first has run', ' '.join(self.log))

    def test_git(self):
        if not shutil.which('git'):
            self.skipTest('there is no git')
        self.index.sdist('first', code='FILES["first.py"] = "x = 1\\n"')
        subprocess.run(
            ['tar', '-xzf', os.path.join(self.index.files,
                                         'first-1.0.tar.gz')],
            cwd=self.folder, check=True)
        source = os.path.join(self.folder, 'first-1.0')
        served = os.path.join(self.index.path, 'first.git')
        for command in (['init', '-q', source],
                        ['-C', source, 'add', '-A'],
                        ['-C', source, '-c', 'user.name=x', '-c',
                         'user.email=x', 'commit', '-q', '-m', 'x'],
                        ['clone', '-q', '--bare', source, served],
                        ['-C', served, 'update-server-info']):
            subprocess.run(['git', *command], check=True)
        image = self.build('first @ git+%s/first.git' % self.server.url)
        self.assertEqual('x = 1\n', self.read_layer(image, 'first.py'))
