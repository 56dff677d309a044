# SPDX-License-Identifier: Apache-2.0

import os
import subprocess
import sys
import threading

import fixtures

from pratai import exception
from pratai.drivers.builder import base as driver
from pratai.drivers.builder import files
from pratai.tests import small_disk
from pratai.tests.unit.drivers.builder import base

FAILED = 'build.requirements_failed'
FOREVER = 'import time\nprint("never ending", flush=True)\ntime.sleep(10000)'


class TestNode(base.BuilderTestCase):
    """What goes wrong on the node is not the tenant's fault."""

    def test_the_disk_is_nearly_full(self):
        self.options(min_free=1 << 40)
        self.index.wheel('first')
        detail = self.refused('platform.no_space', 'first',
                              error=exception.SandboxError)
        self.assertIn('room', detail)

    def test_the_disk_is_full(self):
        self.index.wheel('first', files={
            'x%d' % number: os.urandom(1 << 20) for number in range(40)})
        small = os.path.join(self.folder, 'small')
        os.mkdir(small)
        small_disk.mount(self, small, 'size=60m')
        self.state = os.path.join(small, 'state')
        self.conf.set_override('state_path', self.state)
        self.builder = self.new_builder()
        self.refused('platform.no_space', 'first',
                     error=exception.SandboxError)
        self.assertEqual([], os.listdir(os.path.join(self.state, 'layers')))

    def test_a_crash_leaves_nothing_that_counts(self):
        self.index.sdist('first', code=FOREVER)
        # A life of the service that is killed while it builds.
        program = (
            'import sys\n'
            'from pratai import conf\n'
            'from pratai.tests.unit.drivers.builder import base\n'
            'from pratai.drivers.builder import base as driver, process\n'
            'c = conf.new(files=[])\n'
            'c.set_override("state_path", sys.argv[1])\n'
            'c.set_override("index_url", sys.argv[2], group="builder")\n'
            'builder = process.ProcessBuilder(c, None)\n'
            'build = driver.Build("1" * 32, "2" * 32, base.RUNTIME, "",\n'
            '                     "first")\n'
            'builder.build(build, lambda line: print(line, flush=True))\n')
        life = subprocess.Popen(
            [sys.executable, '-c', program, self.state, self.index.url],
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(life.stdout.close)
        for line in life.stdout:
            if 'Preparing metadata' in line:
                break
        else:
            self.fail('It ended: %s' % life.wait())
        life.kill()
        life.wait()
        life.stdout.read()      # until the last of its processes is gone
        self.assertEqual([], os.listdir(os.path.join(self.state, 'layers')))
        self.assertEqual([], os.listdir(os.path.join(self.state, 'images')))
        self.builder.collect([])
        self.assertNothingHalfMade()
        self.index.wheel('first')
        self.build('first')

    def test_collect(self):
        self.options(collect_grace=0)
        self.builder = self.new_builder()
        self.index.wheel('first')
        self.index.wheel('second')
        one, two, three = (self.build('first'), self.build('first'),
                           self.build('second'))
        self.builder.collect([one['id']])
        self.assertTrue(os.path.exists(self.image_path(one)))
        self.assertFalse(os.path.exists(self.image_path(two)))
        self.assertFalse(os.path.exists(self.layer_path(three)))
        self.assertTrue(os.path.exists(self.layer_path(one, 'first.py')))
        self.builder.remove(one)
        self.builder.collect([])
        self.assertEqual([], os.listdir(os.path.join(self.state, 'layers')))
        self.assertEqual(self.build('second')['layer'], three['layer'])

    def test_collect_what_another_node_collects(self):
        self.options(collect_grace=0)
        shared = os.path.join(self.folder, 'shared')
        nodes = []
        for name in ('one', 'two'):
            self.state = os.path.join(self.folder, name)
            os.mkdir(self.state)
            for folder in ('images', 'layers', 'cache', 'builds'):
                path = os.path.join(shared, folder)
                os.makedirs(path, exist_ok=True)
                os.symlink(path, os.path.join(self.state, folder))
            self.conf.set_override('state_path', self.state)
            nodes.append(self.new_builder())
        self.builder, other = nodes
        self.index.wheel('first')
        self.index.wheel('second')
        for name in ('first', 'second'):
            self.builder.remove(self.build(name))
        lock = self.builder.images.lock

        def lock_later(name):
            other.collect([])
            return lock(name)

        self.builder.images.lock = lock_later
        self.builder.collect([])
        self.assertNothingHalfMade()
        for folder in ('layers', 'images', os.path.join('cache', 'locks')):
            self.assertEqual([], os.listdir(os.path.join(shared, folder)))

    def test_killed_while_it_removes_dependencies(self):
        self.options(collect_grace=0)
        self.builder = self.new_builder()
        self.index.wheel('first')
        image = self.build('first')
        self.builder.remove(image)
        remove = files.remove

        def remove_half(path):
            if path.endswith(image['layer']) and os.path.exists(path):
                os.unlink(os.path.join(path, 'first.py'))
                raise KeyboardInterrupt
            remove(path)

        with fixtures.MonkeyPatch(
                'pratai.drivers.builder.files.remove', remove_half):
            self.assertRaises(KeyboardInterrupt, self.builder.collect, [])
        self.assertTrue(os.path.exists(
            self.layer_path(self.build('first'), 'first.py')))
        self.builder.collect([])
        self.assertNothingHalfMade()

    def test_collect_keeps_what_is_young(self):
        image = self.build()
        self.builder.collect([])
        self.assertTrue(os.path.exists(self.image_path(image)))

    def test_collect_while_building(self):
        self.options(collect_grace=0)
        self.builder = self.new_builder()
        self.index.wheel('first')
        builds = [self.new_build('first') for _ in range(6)]
        known = [build.version_id for build in builds]
        stop = threading.Event()

        def collect():
            while not stop.is_set():
                self.builder.collect(known)

        thread = threading.Thread(target=collect)
        thread.start()
        try:
            images = [self.builder.build(build, str) for build in builds]
        finally:
            stop.set()
            thread.join()
        for image in images:
            self.assertTrue(os.path.exists(self.layer_path(image,
                                                           'first.py')))

    def test_a_runtime_that_pip_is_not_for(self):
        # It is said to be old, and has to bring its own pip.
        old = dict(base.RUNTIME, version='3.5.0', name='python35')
        self.index.wheel('first')
        build = self.new_build('first')
        build.runtime = old
        try:
            image = self.builder.build(build, self.log.append)
        except exception.BuildError as error:
            self.assertEqual(FAILED, error.code)
            self.assertIn('python35 is too old', error.detail)
        else:
            self.assertTrue(os.path.exists(self.layer_path(image,
                                                           'first.py')))

    def test_one_build_is_not_done_twice_at_once(self):
        self.index.sdist('first', code=FOREVER)
        build = self.new_build('first')
        seen = threading.Event()

        def log(line):
            seen.set()

        def run():
            try:
                self.builder.build(build, log)
            except exception.BuildError:
                pass

        thread = threading.Thread(target=run)
        thread.start()
        seen.wait(60)
        again = driver.Build(build.build_id, build.version_id, base.RUNTIME,
                             base.MAIN)
        self.assertRaises(exception.SandboxError, self.builder.build, again,
                          str)
        self.builder.cancel(build.build_id)
        thread.join()
        self.assertNothingHalfMade()
