# SPDX-License-Identifier: Apache-2.0

import asyncio
import os
import socket
import tempfile
import uuid

import fixtures

from pratai import exception
from pratai import registry
from pratai.drivers.builder import docker as docker_builder
from pratai.drivers.runtime import base as runtime_base
from pratai.drivers.runtime import docker as docker_driver
from pratai.runtimes import images
from pratai.tests.integration import base as integration
from pratai.tests.integration import engine
from pratai.tests.integration.docker_build import base
from pratai.tests.integration.docker_build import front

ALWAYS = 1 << 30


class RegistryTestCase(base.BuilderTestCase):
    """Has a registry in the network of the engine."""

    def setUp(self):
        integration.cannot(self, front.why_not())
        super().setUp()
        self.real = self.useFixture(front.Registry())
        self.front = self.useFixture(front.Front(self.real.port))
        self.options('registry', url=self.front.host + '/cloud',
                     retry_interval=0.05)
        self.builder = self.new_builder()

    def nobody_has(self, reference):
        """Remove an image from the engine."""
        self.api.remove_image(reference, force=True)

    def warnings(self):
        return [text for text in
                self.builder.runtime_driver.describe()['warnings']
                if 'registry' in text]

    def uploads(self):
        return [path for method, path in self.front.seen
                if method == 'PUT' and '/manifests/' in path]


class TestRegistry(RegistryTestCase):

    def test_pushed_and_pulled(self):
        self.index.wheel('first')
        image = self.build('first')
        self.assertEqual('%s/cloud/pratai/function/%s:latest' % (
            self.front.host, image['id']), image['reference'])
        self.assertTrue(image['shared'])
        self.assertEqual(
            ['/v2/cloud/pratai/layer/%s/manifests/latest' % image['layer'],
             '/v2/cloud/pratai/function/%s/manifests/latest' % image['id']],
            self.uploads())
        self.nobody_has(image['reference'])
        self.builder.registry.ensure(image['reference'])
        self.run_in(image, 'python3', '-c', 'import sys; '
                    'sys.path[:0] = ["/deps", "/function"]; '
                    'import first, new_module')
        del self.front.seen[:]
        self.builder.registry.ensure(image['reference'])
        self.assertEqual([], self.front.seen)

    def test_layers_are_shared(self):
        self.index.wheel('first')
        image = self.build('first')
        self.nobody_has(image['reference'])
        self.nobody_has(self.builder.images.layer(image['layer']))
        del self.log[:]
        self.build('first')
        self.assertEqual(['The dependencies are there already.'], self.log)

    def test_removed(self):
        image = self.build()
        self.builder.remove(image)
        self.assertRaises(exception.ImageMissing,
                          self.builder.registry.ensure, image['reference'])
        self.builder.remove(image)

    def test_what_was_pulled_is_collected(self):
        image = self.build()
        self.nobody_has(image['reference'])
        self.builder.registry.ensure(image['reference'])
        self.builder.collect([image['id']])
        self.assertEqual([image['reference']], self.images('function'))
        self.builder.collect([])
        self.assertEqual([], self.images('function'))
        self.assertEqual([], self.builder.registry.remembered())

    def test_fails_for_a_while(self):
        self.front.failures = 3
        image = self.build()
        self.assertEqual(1, len(self.uploads()))
        self.nobody_has(image['reference'])
        self.front.failures = 3
        self.builder.registry.ensure(image['reference'])

    def test_fails_for_good(self):
        image = self.build()
        self.nobody_has(image['reference'])
        self.options('registry', attempts=2)
        self.front.failures = ALWAYS
        error = self.assertRaises(
            exception.RegistryUnavailable, self.builder.registry.ensure,
            image['reference'])
        self.assertEqual('platform.registry', error.code)
        self.assertIn('500', error.detail)
        self.assertIn('(2 attempts)', error.detail)
        error = self.assertRaises(exception.SandboxError, self.build)
        self.assertEqual('platform.registry', error.code)
        self.assertEqual([], self.containers())
        # Once, and that it is back.
        said = self.logger.output
        self.assertEqual(1, said.count('The registry does not'), said)
        self.assertEqual(1, len(self.warnings()))
        self.front.failures = 0
        self.builder.registry.ensure(image['reference'])
        self.assertIn('is back', self.logger.output)
        self.assertEqual([], self.warnings())

    def test_is_not_there(self):
        image = self.build()
        self.nobody_has(image['reference'])
        self.front.server.shutdown()
        self.front.server.server_close()
        self.options('registry', attempts=2)
        error = self.assertRaises(
            exception.RegistryUnavailable, self.builder.registry.ensure,
            image['reference'])
        self.assertEqual('platform.registry', error.code)
        self.assertIn('refused', error.detail)

    def test_requests_wait_for_it(self):
        image = self.build()
        self.nobody_has(image['reference'])
        self.options('registry', attempts=2)
        self.front.failures = ALWAYS
        asyncio.run(self.assertWaits('platform.registry',
                                     self.version(image)))
        self.front.failures = 0
        asyncio.run(self.assertRuns(self.version(image)))

    def test_is_nowhere(self):
        name = self.builder.images.function('0' * 32)
        error = self.assertRaises(exception.ImageMissing,
                                  self.builder.registry.ensure, name)
        self.assertIn('neither', error.detail)
        # It was not asked for again and again.
        self.assertLessEqual(len([
            path for method, path in self.front.seen
            if method == 'GET' and path.endswith('/manifests/latest')]), 1)

    def test_password(self):
        self.front.password = 'cloud:secret'
        error = self.assertRaises(exception.SandboxError, self.build)
        self.assertEqual('platform.registry', error.code)
        self.assertIn('(1 attempts)', error.detail)
        # Who has the wrong one is not to wait until that changes.
        self.assertNotIsInstance(error, exception.NodeUnavailable)
        path = os.path.join(self.folder, 'password')
        with open(path, 'w') as target:
            target.write('secret\n')
        self.options('registry', username='cloud', password_file=path)
        self.builder = self.new_builder()
        image = self.build()
        self.builder.remove(image)
        self.assertRaises(exception.ImageMissing,
                          self.builder.registry.ensure, image['reference'])

    def test_no_password(self):
        self.options('registry', username='cloud', password_file='/nowhere')
        error = self.assertRaises(exception.SandboxError, self.new_builder)
        self.assertIn('password_file', error.detail)

    def test_certificate_for_the_engine(self):
        path = os.path.join(self.folder, 'ca.pem')
        with open(path, 'w') as target:
            target.write('certificate')
        place = os.path.join(self.folder, 'certs.d')
        self.options('registry', ca_file=path, certs_dir=place)
        for _ in range(2):
            registry.Registry(self.conf, self.engine)
        with open(os.path.join(place, self.front.host, 'ca.crt')) as source:
            self.assertEqual('certificate', source.read())

    def test_runtimes(self):
        made = images.Images(self.engine).list()[self.runtime]
        shared = registry.Registry(self.conf, self.engine)
        name = 'pratai/runtime/%s:%s' % (self.runtime, made['fingerprint'])
        pushed = shared.push_runtime({
            'name': self.runtime, 'image': name,
            'fingerprint': made['fingerprint']})
        self.api.remove_image(pushed)
        self.assertEqual(name, shared.pull_runtime(self.runtime))
        self.assertRaises(exception.ImageMissing, shared.pull_runtime,
                          'python99')


class TestTwoNodes(RegistryTestCase):

    def test_the_other_node_runs_it(self):
        """What one node built another one starts."""
        self.index.wheel('first')
        image = self.build('first')
        # Made in the network that this thread is in.
        other = self.useFixture(engine.Engine())
        conf = self.conf
        conf.set_override('url', other.url, 'docker')
        conf.set_override('state_path', self.useFixture(
            fixtures.TempDir()).path)
        driver = docker_driver.DockerDriver(conf)
        # It needs no runtime for that, and has none by that.
        self.start(driver, image)
        self.assertEqual([], driver.runtimes())
        docker_builder.DockerBuilder(conf, driver).collect([image['id']])
        self.start(driver, image)
        docker_builder.DockerBuilder(conf, driver).collect([])
        self.assertEqual([], driver.engine.api.images())
        self.front.failures = ALWAYS
        error = self.assertRaises(exception.SandboxError, self.start, driver,
                                  image)
        self.assertEqual('platform.registry', error.code)
        self.front.failures = 0
        self.builder.remove(image)
        self.assertRaises(exception.ImageMissing, self.start, driver, image)

    def start(self, driver, image):
        """Start an instance, and end it when its runner has called.

        What it lacks it gets from the registry, as an executor does."""
        driver.fetch(image)
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            with socket.socket(socket.AF_UNIX) as control:
                control.bind(os.path.join(folder, 'control.sock'))
                control.listen()
                control.settimeout(60)
                sandbox = driver.start(runtime_base.Spec(
                    instance_id=uuid.uuid4().hex, run_dir=folder, image=image,
                    runtime=self.offered[self.runtime]))
                try:
                    control.accept()[0].close()
                finally:
                    driver.stop(sandbox)
