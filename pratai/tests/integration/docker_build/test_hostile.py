# SPDX-License-Identifier: Apache-2.0
"""Broken code and packages, through a whole service on a Docker engine.

Functions that misbehave when they run are in docker/test_executor.py. What is
left out has a counterpart in test_broken.py, or never gets as far as a driver.
"""

import os

import fixtures

from pratai.drivers import docker_engine
from pratai.tests.functional import test_hostile
from pratai.tests.integration import base as integration
from pratai.tests.integration import engine
from pratai.tests.integration.docker import base as docker_base
from pratai.tests.integration.docker_build import runtimes
from pratai.tests.unit.drivers.builder import index


class DockerMixin:
    """Gives a test of a service the docker drivers, in the network of the
    engine."""

    def setUp(self):
        integration.cannot(self, engine.why_not())
        server = docker_base.shared(network=True, uplink=True)
        inside = server.inside()
        inside.__enter__()
        self.addCleanup(inside.__exit__, None, None, None)
        runtimes.provide(docker_engine.Engine(server.url, 120), 'python311')
        packages = index.Index(os.path.join(
            self.useFixture(fixtures.TempDir()).path, 'index'))
        self.options = {**self.options,
                        ('executor', 'runtime_driver'): 'docker',
                        ('builder', 'driver'): 'docker',
                        ('builder', 'index_url'): packages.url,
                        ('docker', 'url'): server.url}
        super().setUp()
        self.assertEqual(['docker'], [
            one['details']['isolation']
            for one in self.pratai.get('/v1/status')['services']
            if one['binary'] == 'pratai-executor'])


class TestCode(DockerMixin, test_hostile.TestCode):

    test_requirements_that_do_not_exist = None
    test_building = None


class TestPackages(DockerMixin, test_hostile.TestPackages):
    pass
