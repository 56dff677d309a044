# SPDX-License-Identifier: Apache-2.0
"""Engines that go away and come back; two of them; other OCI runtimes."""

import os
import shutil
import signal
import uuid

import docker
import fixtures

from pratai import exception
from pratai.drivers.runtime import docker as docker_driver
from pratai.tests.integration import engine
from pratai.tests.integration import images
from pratai.tests.integration.docker import base


class TestAway(base.DockerTestCase):

    def make_engine(self):
        return base.unsteady(self)

    def setUp(self):
        super().setUp()
        self.logger = self.useFixture(fixtures.FakeLogger())

    def said(self, words):
        return self.logger.output.count(words)

    def test_killed_and_started_again(self):
        image = self.image()
        before = self.ready(image=image)
        self.engine.kill()
        for _ in range(3):
            error = self.assertRaises(
                exception.EngineUnavailable, self.start_anything, image)
            self.assertEqual((503, 'platform.engine_unavailable'),
                             (error.status, error.code))
        self.assertRaises(exception.EngineUnavailable, self.driver.runtimes)
        self.assertEqual(1, self.said('is not available'))
        self.assertIn('is not available', ' '.join(
            self.driver.describe()['warnings']))
        # What runs goes on, and can be ended.
        self.check_alive(before)
        self.driver.stop(before.sandbox)
        self.until(lambda: not os.path.exists(
            '/proc/%d/exe' % before.sandbox.pid), 'end of the runner')
        self.assertFalse(self.driver.inspect(before.sandbox)['running'])
        self.engine.start()
        self.until(lambda: self.driver.engine.away is None, 'return')
        self.until(lambda: not self.containers(), 'no left-over')
        self.assertEqual(1, self.said('docker.sock is back'))
        self.check_alive(self.ready(image=image))
        self.assertEqual([], self.driver.describe()['warnings'])

    def start_anything(self, image):
        run_dir = os.path.join(self.state_path, 'run', uuid.uuid4().hex)
        os.makedirs(run_dir)
        open(os.path.join(run_dir, 'control.sock'), 'w').close()
        self.driver.start(base.runners_base.runtime_base.Spec(
            uuid.uuid4().hex, run_dir, image, self.runtime))

    def test_not_there_at_start(self):
        image = self.image()
        self.engine.kill()
        driver = docker_driver.DockerDriver(self.conf)
        self.assertRaises(exception.EngineUnavailable, driver.runtimes)
        driver.reconcile()
        self.assertEqual(1, self.said('is not available'))
        self.engine.start()
        self.until(lambda: driver.engine.away is None, 'return')
        self.assertEqual([self.runtime], driver.runtimes())
        self.driver = driver
        self.check_alive(self.ready(image=image))

    def test_hangs(self):
        image = self.image()
        # NOTE: of this connection only. The next one, which is made when the
        # engine is back, may take as long as it takes.
        api = self.driver.engine.api
        self.assertEqual(self.conf.docker.timeout, api.timeout)
        api.timeout = 2
        os.kill(self.engine.process.pid, signal.SIGSTOP)
        self.addCleanup(os.kill, self.engine.process.pid, signal.SIGCONT)
        for _ in range(50):     # only the first one waits
            self.assertRaises(exception.EngineUnavailable,
                              self.start_anything, image)
        self.assertEqual(1, self.said('no answer in time'))
        os.kill(self.engine.process.pid, signal.SIGCONT)
        self.until(lambda: self.driver.engine.away is None, 'return')
        self.check_alive(self.ready(image=image))

    def test_live_restore(self):
        self.engine.terminate()
        self.engine.args.append('--live-restore')
        self.addCleanup(self.engine.start)
        self.addCleanup(self.engine.terminate)
        self.addCleanup(self.engine.args.remove, '--live-restore')
        self.engine.start()
        one = self.ready(image=self.image())
        self.engine.kill()
        self.assertRaises(exception.EngineUnavailable, self.driver.runtimes)
        self.engine.start()
        self.until(lambda: self.said('docker.sock is back'), 'return')
        self.assertEqual([self.runtime], self.driver.runtimes())
        self.check_alive(one)
        self.assertTrue(self.driver.inspect(one.sandbox)['running'])
        self.driver.stop(one.sandbox)
        self.assertEqual([], self.containers())

    def test_restarted_while_nothing_happens(self):
        image = self.image()
        self.ready(image=image)
        self.engine.terminate()
        self.engine.start()
        self.check_alive(self.ready(image=image))
        self.assertEqual(0, self.said('is not available'))


class TestTwo(base.DockerTestCase):

    def test_two_engines(self):
        other = self.useFixture(engine.Engine(network=True))
        api = docker.APIClient(base_url=other.url, version='auto')
        self.addCleanup(api.close)
        self.assertEqual([], api.images())
        images.runtime(api)
        first = self.ready()
        self.conf.set_override('url', other.url, 'docker')
        state_path = self.useFixture(fixtures.TempDir()).path
        self.conf.set_override('state_path', state_path)
        mine, self.driver = self.driver, docker_driver.DockerDriver(self.conf)
        self.addCleanup(setattr, self, 'driver', mine)
        self.api, api_before = api, self.api
        self.addCleanup(setattr, self, 'api', api_before)
        second = self.ready()
        self.assertEqual(1, len(self.containers()))
        self.assertEqual([], api_before.containers(
            filters={'label': 'org.openstack.pratai.node='
                     + self.driver.node}))
        self.check_alive(first)
        self.check_alive(second)


class TestOtherRuntime(base.DockerTestCase):
    """Another name for the same program, which says that it was called."""

    def make_engine(self):
        folder = self.useFixture(fixtures.TempDir()).path
        self.called = os.path.join(folder, 'called')
        program = os.path.join(folder, 'other')
        with open(program, 'w') as f:
            f.write('#!/bin/sh\necho "$@" >> %s\nexec %s "$@"\n' % (
                self.called, shutil.which('runc')))
        os.chmod(program, 0o755)
        return self.useFixture(engine.Engine(
            network=True, args=['--add-runtime=other=' + program]))

    def configure(self):
        self.conf.set_override('oci_runtime', 'other', 'docker')

    def test_function_runs(self):
        self.assertEqual([], self.driver.describe()['warnings'])
        one = self.ready()
        self.check_alive(one)
        with open(self.called) as f:
            self.assertIn(one.sandbox.private.container, f.read())
