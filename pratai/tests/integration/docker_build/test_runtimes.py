# SPDX-License-Identifier: Apache-2.0

import contextlib
import io
import os

import docker
import fixtures

from pratai import exception
from pratai.cmd import manage
from pratai.db import api as db_api
from pratai.db import migration
from pratai.runtimes import debian
from pratai.runtimes import images
from pratai.tests.integration.docker_build import base
from pratai.tests.integration.docker_build import runtimes

NUMPY = '''
import sys
import numpy

def main(payload=None):
    return int(numpy.arange(payload).sum()), list(sys.version_info[:2])
'''
CALL = ('import sys; sys.path[:0] = ["/function", "/deps"]; '
        'import new_module; print(list(new_module.main(5)))')


class TestShipped(base.TestCase):
    """The runtimes that are shipped, with the node's own package index."""

    def _check(self, name, interpreter, version):
        runtimes.provide(self.engine, name)
        self.builder = self.new_builder()
        self.assertIn(name, self.offered)
        log = []
        image = self.builder.build(
            self.new_build('numpy\n', NUMPY, runtime=name), log.append)
        self.assertIn('Successfully downloaded numpy', '\n'.join(log))
        said = self.run_in(image, interpreter, '-c', CALL)
        self.assertEqual('[10, %s]' % version, said.strip())

    def test_python27(self):
        self._check('python27', 'python2.7', [2, 7])

    def test_python311(self):
        self._check('python311', 'python3', [3, 11])

    def test_python313(self):
        self._check('python313', 'python3', [3, 13])


class TestCommand(base.TestCase):
    """pratai-manage runtime, with a runtime of the operator's own."""

    def setUp(self):
        super().setUp()
        self.config = os.path.join(self.folder, 'pratai.conf')
        self.runtimes = os.path.join(self.folder, 'runtimes.d')
        os.mkdir(self.runtimes)
        with open(self.config, 'w') as target:
            target.write(
                '[DEFAULT]\nstate_path = %(folder)s\n'
                '[database]\nconnection = sqlite:///%(folder)s/db\n'
                '[builder]\nruntimes_dir = %(runtimes)s\n'
                '[docker]\nurl = %(url)s\n' % {
                    'folder': self.folder, 'runtimes': self.runtimes,
                    'url': self.server.url})
        self.define('own')
        self.addCleanup(self.forget)

    def define(self, name, dockerfile='COPY greeting /greeting\n'):
        with open(os.path.join(self.runtimes, 'Dockerfile'), 'w') as target:
            target.write('ARG BASE\nFROM ${BASE}\n' + dockerfile)
        with open(os.path.join(self.runtimes, 'greeting'), 'w') as target:
            target.write('hello')
        with open(os.path.join(self.runtimes, 'own.yaml'), 'w') as target:
            target.write(
                'name: %s\nlanguage: python\ndescription: Ours\n'
                'base: pratai/runtime/%s\ndockerfile: Dockerfile\n'
                % (name, self.runtime))

    def forget(self):
        for name in images.Images(self.engine).list():
            if name == 'own':
                for tag in self.api.inspect_image(
                        'pratai/runtime/own')['RepoTags']:
                    with contextlib.suppress(docker.errors.ImageNotFound):
                        self.api.remove_image(tag)

    def manage(self, *words):
        """:returns: (what it printed, exit code or message)."""
        said = io.StringIO()
        self.useFixture(fixtures.MonkeyPatch('sys.argv', [
            'pratai-manage', '--config-file', self.config, *words]))
        code = 0
        with contextlib.redirect_stdout(said):
            try:
                manage.main()
            except SystemExit as error:
                code = error.code
        return said.getvalue(), code

    def test_build_and_list(self):
        self.manage('db', 'sync')
        said, code = self.manage('runtime', 'list')
        self.assertEqual(0, code)
        row = [line.split() for line in said.splitlines()
               if line.startswith('own ')][0]
        self.assertEqual(['own', 'python', '-', '-', '-', 'Ours'], row)
        said, code = self.manage('runtime', 'build', 'own', '--quiet')
        self.assertEqual(0, code)
        made = images.Images(self.engine).list()['own']
        self.assertEqual('own: pratai/runtime/own:%s, version %s\n' % (
            made['fingerprint'], made['version']), said)
        said, _ = self.manage('runtime', 'list')
        self.assertIn(made['fingerprint'], said)
        # Once more makes the same.
        self.manage('runtime', 'build', '--all')
        self.assertEqual(made, images.Images(self.engine).list()['own'])

    def test_it_is_offered_and_used(self):
        self.manage('runtime', 'build', 'own', '--quiet')
        self.builder = self.new_builder()
        self.assertEqual('Ours', self.offered['own']['description'])
        image = self.builder.build(
            self.new_build(runtime='own'), lambda line: None)
        self.assertEqual('hello', self.run_in(image, 'cat', '/greeting'))

    def test_superseded(self):
        """They go when nothing is made of them any more."""
        def make(line):
            self.define('own', 'COPY greeting /greeting\n' + line)
            self.manage('runtime', 'build', 'own', '--quiet')
            return images.Images(self.engine).list()['own']['fingerprint']

        def there():
            return {tag.rpartition(':')[2] for image in self.api.images(
                'pratai/runtime/own') for tag in image['RepoTags']}

        first = make('ENV NUMBER=1\n')
        self.builder = self.new_builder()
        others = set(self.offered) - {'own'}
        image = self.builder.build(self.new_build(runtime='own'),
                                   lambda line: None)
        second, third = make('ENV NUMBER=2\n'), make('ENV NUMBER=3\n')
        self.assertEqual({first, second, third, 'latest'}, there())
        self.builder.images.grace = 600
        self.builder.collect([image['id']])
        self.assertEqual({first, second, third, 'latest'}, there())
        self.builder.images.grace = 0
        self.builder.collect([image['id']])
        self.assertEqual({first, third, 'latest'}, there())
        self.assertEqual('hello', self.run_in(image, 'cat', '/greeting'))
        # The engine makes nothing twice: what counts is older now.
        self.assertEqual(first, make('ENV NUMBER=1\n'))
        self.new_builder()
        self.assertEqual(first, self.offered['own']['fingerprint'])
        self.builder.collect([image['id']])
        self.assertEqual({first, 'latest'}, there())
        last = make('ENV NUMBER=4\n')
        self.builder.collect([])
        self.assertEqual({last, 'latest'}, there())
        self.new_builder()
        self.assertEqual({'own'} | others, set(self.offered))

    def test_enable_and_disable(self):
        self.manage('db', 'sync')
        self.conf.set_override('connection', 'sqlite:///%s/db' % self.folder,
                               'database')
        database = db_api.Database(self.conf)
        self.addCleanup(database.dispose)
        migration.sync(database.engine())
        database.runtimes_offered([{
            'name': 'own', 'language': 'python', 'version': '3.11.2',
            'description': 'Ours'}])
        self.assertEqual(('own is disabled\n', 0),
                         self.manage('runtime', 'disable', 'own'))
        self.assertEqual('disabled', database.runtime_get('own')['status'])
        self.assertIn('disabled', self.manage('runtime', 'list')[0])
        self.assertEqual(('own is enabled\n', 0),
                         self.manage('runtime', 'enable', 'own'))
        self.assertNotEqual('disabled',
                            database.runtime_get('own')['status'])
        said, code = self.manage('runtime', 'disable', 'absent')
        self.assertEqual('pratai-manage: There is no runtime absent.', code)

    def test_on_a_node_without_a_database(self):
        said, code = self.manage('runtime', 'list')
        self.assertEqual(0, code)
        row, = [line.split() for line in said.splitlines()
                if line.startswith('own ')]
        self.assertEqual(['own', 'python', '-', '?', '-', 'Ours'], row)
        _, code = self.manage('runtime', 'disable', 'own')
        self.assertIn('This host has no database', code)
        self.assertEqual([], [name for _, _, names in os.walk(self.folder)
                              for name in names if name.endswith('sqlite')])

    def test_what_goes_wrong(self):
        for words, wanted in (
                (['build'], 'Name a runtime'),
                (['build', 'absent'], 'There is no runtime absent'),
                (['build', 'own', '--from-debootstrap'], 'no Debian release'),
                (['pull', 'own'], 'no container registry')):
            said, code = self.manage('runtime', *words)
            self.assertIn(wanted, code)
        self.define('own', 'RUN exit 7\n')
        _, code = self.manage('runtime', 'build', 'own', '--quiet')
        self.assertIn('exit 7', code)
        self.assertEqual(1, len(code.splitlines()))
        self.define('own', 'RUN rm -f /usr/bin/python*\n')
        _, code = self.manage('runtime', 'build', 'own', '--quiet')
        self.assertIn('has no usable python3', code)
        self.assertNotIn('own', images.Images(self.engine).list())

    def test_no_engine(self):
        self.manage('db', 'sync')
        with open(self.config, 'a') as target:
            target.write('url = unix:///nowhere/docker.sock\n')
        errors = io.StringIO()
        with contextlib.redirect_stderr(errors):
            said, code = self.manage('runtime', 'list')
        self.assertEqual(0, code)
        self.assertIn('own', said)
        self.assertIn('is not available', errors.getvalue())
        _, code = self.manage('runtime', 'build', 'own')
        self.assertIn('is not available', code)


class TestDebootstrap(base.TestCase):

    def test_of_a_release_that_is_none(self):
        error = self.assertRaises(
            exception.SandboxError, debian.tarball, 'nosuchrelease',
            self.folder, say=lambda line: None)
        self.assertIn('nosuchrelease', error.detail)
        self.assertEqual(['debootstrap-nosuchrelease.lock'],
                         [name for name in os.listdir(self.folder)
                          if 'debootstrap' in name])
