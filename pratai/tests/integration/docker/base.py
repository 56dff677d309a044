# SPDX-License-Identifier: Apache-2.0
"""Instances in containers of an engine that all tests of a process share."""

import atexit
import contextlib
import os
import shutil
import tempfile
import threading
import uuid

import docker
import fixtures

from pratai.drivers.runtime import docker as docker_driver
from pratai.tests import base
from pratai.tests.integration import base as integration
from pratai.tests.integration import engine
from pratai.tests.integration import images
from pratai.tests.unit.runners import base as runners_base

_LOCK = threading.Lock()
_ENGINES = {}


def shared(**kwargs):
    """:returns: an Engine that runs until the process ends."""
    key = repr(sorted(kwargs.items()))
    with _LOCK:
        if key not in _ENGINES:
            one = engine.Engine(**kwargs)
            one.start()
            atexit.register(one.close)
            _ENGINES[key] = one
        return _ENGINES[key]


def unsteady(test):
    """:returns: an Engine that tests may kill; it runs after each again."""
    one = shared(network=True, args=('--label=for=killing',))

    def restart():
        if not one.answers():
            one.start()

    test.addCleanup(restart)
    return one


class DockerTestCase(runners_base.RunnerTestCase):
    """A test with instances in containers."""

    isolated = True

    def setUp(self):
        # NOTE: not what RunnerTestCase does, which chooses an interpreter.
        base.TestCase.setUp(self)
        integration.cannot(self, engine.why_not())
        self.useFixture(fixtures.FakeLogger())
        # Before it is in the network of an engine, which has no way out.
        images.debian(images.SUITE)
        self.engine = self.make_engine()
        inside = self.engine.inside()
        inside.__enter__()
        self.addCleanup(inside.__exit__, None, None, None)
        self.api = docker.APIClient(base_url=self.engine.url, version='auto')
        self.addCleanup(self.api.close)
        images.runtime(self.api)
        self.state_path = tempfile.mkdtemp(prefix='pratai-', dir='/tmp')
        self.addCleanup(shutil.rmtree, self.state_path, ignore_errors=True)
        self.conf.set_override('state_path', self.state_path)
        self.conf.set_override('url', self.engine.url, 'docker')
        self.configure()
        self.driver = docker_driver.DockerDriver(self.conf)
        self.addCleanup(self.clean)
        self.runtime, = self.driver.runtimes()

    def make_engine(self):
        return shared(network=True)

    def configure(self):
        pass

    def no_groups(self):
        return None

    def clean(self):
        """Leave nothing on the engine that others share."""
        for one in self.containers():
            self.api.remove_container(one['Id'], force=True)
        with contextlib.suppress(docker.errors.NotFound):
            self.api.remove_network(self.driver.network.name)

    def containers(self):
        """:returns: those of this test's driver, as the engine lists them.
        """
        return self.api.containers(all=True, filters={
            'label': 'org.openstack.pratai.node=' + self.driver.node})

    def image(self, source=None, deps=None):
        if source is None:
            with open(runners_base.HOSTILE) as f:
                source = f.read()
        files = {'/function/new_module.py': source}
        for name, text in (deps or {}).items():
            files[os.path.join('/deps', name)] = text
        return {'driver': 'docker', 'id': uuid.uuid4().hex,
                'layer': None if deps is None else uuid.uuid4().hex,
                'reference': images.function(
                    self.api, 'pratai/runtime/python311:test', files)}
