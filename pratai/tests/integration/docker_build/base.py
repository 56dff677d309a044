# SPDX-License-Identifier: Apache-2.0
"""Builds on an engine that all tests of a process share."""

import asyncio
from concurrent import futures
import contextlib
import os
import shutil
import tempfile
import time
import uuid

import docker
import fixtures

from pratai import exception
from pratai.drivers import docker_engine
from pratai.drivers.builder import base as builder_base
from pratai.drivers.builder import docker as docker_builder
from pratai.drivers.runtime import docker as docker_driver
from pratai.executor import attempts
from pratai.executor import instances
from pratai.tests import base
from pratai.tests.integration import base as integration
from pratai.tests.integration import engine
from pratai.tests.integration.docker import base as docker_base
from pratai.tests.integration.docker_build import runtimes
from pratai.tests.unit.drivers.builder import index

MAIN = 'def main(payload=None):\n    return payload\n'


class TestCase(base.TestCase):
    """Has an engine with a way out, and a builder on it."""

    runtime = 'python311'

    def setUp(self):
        super().setUp()
        integration.cannot(self, engine.why_not())
        self.logger = self.useFixture(fixtures.FakeLogger())
        self.server = self.make_server()
        inside = self.server.inside()
        inside.__enter__()
        self.addCleanup(inside.__exit__, None, None, None)
        self.folder = tempfile.mkdtemp(prefix='pratai-', dir='/tmp')
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        os.chmod(self.folder, 0o755)
        self.conf.set_override('state_path',
                               os.path.join(self.folder, 'state'))
        self.conf.set_override('url', self.server.url, 'docker')
        self.options(min_free=0, collect_grace=0)
        self.engine = docker_engine.Engine(self.server.url, 120)
        self.api = self.engine.api
        runtimes.provide(self.engine, self.runtime)

    def make_server(self):
        return docker_base.shared(network=True, uplink=True)

    def options(self, group='builder', **values):
        for name, value in values.items():
            self.conf.set_override(name, value, group=group)

    def new_builder(self):
        driver = docker_driver.DockerDriver(self.conf)
        self.addCleanup(self.clean, driver)
        self.offered = {one['name']: one for one in driver.runtimes()}
        return docker_builder.DockerBuilder(self.conf, driver)

    def clean(self, driver):
        """Leave nothing on the engine that others share."""
        label = 'org.openstack.pratai.node=' + driver.node
        for one in self.api.containers(all=True, filters={'label': label}):
            self.api.remove_container(one['Id'], force=True)
        for one in self.api.images(filters={'label': label}):
            for tag in one['RepoTags'] or ():
                self.api.remove_image(tag, force=True)
        with contextlib.suppress(docker.errors.NotFound):
            self.api.remove_network(driver.network.name)

    def new_build(self, requirements='', module=MAIN, runtime=None, **values):
        return builder_base.Build(
            build_id=uuid.uuid4().hex, version_id=uuid.uuid4().hex,
            runtime=self.offered[runtime or self.runtime], module=module,
            requirements=requirements, **values)

    def run_in(self, image, *argv):
        """:returns: what a program says in a container of an image."""
        container = self.api.create_container(
            image['reference'], entrypoint=list(argv[:1]),
            command=list(argv[1:]), network_disabled=True)
        try:
            self.api.start(container)
            code = self.api.wait(container)['StatusCode']
            said = self.api.logs(container).decode()
        finally:
            self.api.remove_container(container, force=True)
        self.assertEqual(0, code, said)
        return said

    @contextlib.asynccontextmanager
    async def attempts(self):
        """:returns: context manager of (Attempts, the list of what they
            report), with instances as an executor has them."""
        reports = []
        with futures.ThreadPoolExecutor(2) as threads:
            started = instances.Instances(
                self.conf, self.builder.runtime_driver, self.offered, 8192,
                threads)
            try:
                yield attempts.Attempts(
                    self.conf, started, reports.append, 'node', 'life',
                    self.fail), reports
            finally:
                await started.stop()
                await asyncio.gather(*started._starts)

    def version(self, image):
        """:returns: what an executor knows of the version of an image."""
        return {'id': image['id'], 'image': image, 'memory': 128, 'cpus': 1,
                'timeout': 30, 'network': False, 'isolation': 'request',
                'concurrency': 10, 'runtime': self.runtime,
                'project_id': 'p', 'function_id': 'f'}

    async def assertWaits(self, code, version):
        """Nobody can start the version now; who asks for it comes again."""
        attempt = {'id': 'queued', 'attempt': 1, 'payload': '1'}
        async with self.attempts() as (executor, reports):
            executor.submit(version, attempt)
            try:
                await executor.serve(version, 'waits', b'1', time.time())
                self.fail('It was run')
            except exception.Unavailable as error:
                self.assertEqual((503, code, 5), (
                    error.status, error.code, error.retry_after))
            # Not at once, or it would be sent here again and again.
            self.assertEqual([], reports)
            while not reports:
                await asyncio.sleep(0.05)
            self.assertEqual([('queued', 'queued', False, code)], [
                (one['id'], one['status'], one['lost'], one['code'])
                for one in reports])

    async def assertRuns(self, version):
        async with self.attempts() as (executor, _):
            result = await executor.serve(version, 'waits', b'1', time.time())
            self.assertEqual(('succeeded', '1'),
                             (result['status'], result['response']), result)

    def images(self, kind):
        """:returns: names of the images of a kind that this test made."""
        found = self.api.images(filters={'label': [
            'org.openstack.pratai.kind=' + kind,
            'org.openstack.pratai.node=' + self.builder.runtime_driver.node]})
        return sorted(tag for one in found for tag in one['RepoTags'] or ())

    def containers(self):
        """:returns: those of builds that there are."""
        return self.api.containers(all=True, filters={'label': [
            'org.openstack.pratai.kind=build',
            'org.openstack.pratai.node=' + self.builder.runtime_driver.node]})


class BuilderTestCase(TestCase):
    """Has an index with the packages that a test adds."""

    def setUp(self):
        super().setUp()
        self.index = index.Index(os.path.join(self.folder, 'index'))
        self.options(index_url=self.index.url)
        self.useFixture(fixtures.EnvironmentVariable(
            'PIP_CONFIG_FILE', os.devnull))
        for name in ('PIP_FIND_LINKS', 'PIP_EXTRA_INDEX_URL'):
            self.useFixture(fixtures.EnvironmentVariable(name, None))
        self.log = []
        self.builder = self.new_builder()

    def build(self, requirements='', **values):
        """:returns: the image."""
        return self.builder.build(self.new_build(requirements, **values),
                                  self.log.append)

    def refused(self, code, requirements='', error=None, **values):
        """:returns: detail of the error that a build ends with."""
        error = self.assertRaises(error or exception.BuildError, self.build,
                                  requirements, **values)
        self.assertEqual(code, error.code, error.detail)
        self.assertEqual(1, len(error.detail.splitlines()))
        self.assertNothingLeft()
        return error.detail

    def assertNothingLeft(self):
        self.assertEqual([], self.images('function'))
        self.assertEqual([], self.images('layer'))
        self.assertEqual([], self.containers())
        self.assertEqual([], os.listdir(os.path.join(
            self.conf.state_path, 'builds')))
