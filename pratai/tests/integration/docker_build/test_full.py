# SPDX-License-Identifier: Apache-2.0
"""An engine whose disk is full, and has room again."""

import asyncio
import os
import shutil
import tempfile

from pratai import exception
from pratai.tests import small_disk
from pratai.tests.integration import base as integration
from pratai.tests.integration import engine
from pratai.tests.integration.docker_build import base

SIZE = 800                  # MB; loading the runtime takes its size twice
MB = 1 << 20


class TestFullDisk(base.BuilderTestCase):

    def make_server(self):
        integration.cannot(self, small_disk.why_not())
        # NOTE: named so that, should the tests be killed, its guard removes
        # all of it.
        root = tempfile.mkdtemp(prefix=engine.PREFIX, dir='/tmp')
        self.addCleanup(shutil.rmtree, root, ignore_errors=True)
        server = engine.Engine(root, network=True)
        self.data = server.path('data')
        os.mkdir(self.data)
        small_disk.mount(self, self.data, 'size=%dm' % SIZE)
        return self.useFixture(server)

    def fill(self, left):
        """Leave so many bytes on the disk of the engine."""
        path = os.path.join(self.data, 'filler')
        with open(path, 'wb') as filler:
            place = os.statvfs(path)
            free = place.f_bavail * place.f_frsize - left
            os.posix_fallocate(filler.fileno(), 0, free)

    def make_room(self):
        os.unlink(os.path.join(self.data, 'filler'))

    def warnings(self):
        return [text for text in
                self.builder.runtime_driver.describe()['warnings']
                if 'no room' in text]

    def test_build(self):
        self.index.wheel('large', files={
            'large/x%d' % number: os.urandom(MB) for number in range(40)})
        self.assertEqual([], self.warnings())
        # The first step has no room, and the last one.
        for left in (0, 20 * MB):
            self.fill(left)
            detail = self.refused('platform.no_space', 'large',
                                  error=exception.NoSpace)
            self.assertIn('no space left', detail)
            self.make_room()
        self.assertEqual(1, len(self.warnings()))
        image = self.build('large')
        self.run_in(image, 'python3', '-c',
                    'import sys; sys.path[:0] = ["/deps"]; import large')

    def test_start(self):
        driver = self.builder.runtime_driver
        version = self.version(self.build())
        run = os.path.join(self.conf.state_path, 'run')
        users = set(driver.uids.used)
        for left in (0, 8192):
            self.fill(left)
            asyncio.run(self.assertWaits('platform.no_space', version))
            self.assertEqual(([], users), (os.listdir(run),
                                           driver.uids.used))
            self.assertEqual([], self.api.containers(all=True))
            self.make_room()
        self.assertEqual(1, len(self.warnings()))
        asyncio.run(self.assertRuns(version))
