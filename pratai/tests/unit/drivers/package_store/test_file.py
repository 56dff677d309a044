# SPDX-License-Identifier: Apache-2.0

import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
import uuid

import fixtures
import testtools

from pratai import conf
from pratai import exception
from pratai.drivers.package_store import file
from pratai.tests import small_disk


class TestFileStore(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.conf = conf.new(files=[])
        state = self.useFixture(fixtures.TempDir()).path
        self.conf.set_override('state_path', state)
        self.path = os.path.join(state, 'packages')
        self.store = file.FileStore(self.conf)

    def test_it_is_kept(self):
        package_id = uuid.uuid4().hex
        location = self.store.put(package_id, b'a zip')
        self.assertEqual(b'a zip', self.store.get(location))
        self.assertEqual(b'a zip', file.FileStore(self.conf).get(location))
        path = os.path.join(self.path, location)
        self.assertEqual(0o600, os.stat(path).st_mode & 0o777)
        self.assertEqual([location], os.listdir(self.path))

    def test_again(self):
        package_id = uuid.uuid4().hex
        first = self.store.put(package_id, b'one')
        self.assertEqual(first, self.store.put(package_id, b'two'))
        self.assertEqual(b'two', self.store.get(first))

    def test_delete(self):
        location = self.store.put(uuid.uuid4().hex, b'a zip')
        self.store.delete(location)
        self.store.delete(location)
        error = self.assertRaises(exception.NotFound, self.store.get,
                                  location)
        self.assertEqual('package.not_found', error.code)

    def test_only_ids(self):
        for package_id in ('', '../x', 'x' * 32, 'A' * 32, '1' * 32 + '\n',
                           '1' * 31, '/' + '1' * 31, '1' * 33):
            self.assertRaises(exception.Invalid, self.store.put, package_id,
                              b'')
        self.assertEqual([], os.listdir(self.path))

    def test_only_locations(self):
        with open(os.path.join(self.path, 'other'), 'w'):
            pass
        for location in ('', '.', 'other', '../packages/other', '/etc/passwd',
                         '1' * 32 + '.zip\n', '1' * 32):
            self.assertRaises(exception.NotFound, self.store.get, location)
            self.store.delete(location)
        self.assertEqual(['other'], os.listdir(self.path))

    def test_readers_never_see_half(self):
        package_id = uuid.uuid4().hex
        packages = [bytes([number]) * (1 << 20) for number in range(2)]
        location = self.store.put(package_id, packages[0])
        stop = threading.Event()
        seen = set()

        def read():
            while not stop.is_set():
                seen.add(self.store.get(location))

        thread = threading.Thread(target=read)
        thread.start()
        for number in range(20):
            self.store.put(package_id, packages[number % 2])
        stop.set()
        thread.join()
        self.assertLessEqual(seen, set(packages))

    def test_what_a_crash_left_is_removed_when_it_is_old(self):
        names = ['.%s.%s.tmp' % (uuid.uuid4().hex, uuid.uuid4().hex)
                 for _ in range(2)]
        for name in names:
            with open(os.path.join(self.path, name), 'w') as target:
                target.write('half')
        old = time.time() - file.STALE - 1
        os.utime(os.path.join(self.path, names[0]), (old, old))
        file.FileStore(self.conf)
        self.assertEqual(names[1:], os.listdir(self.path))

    def test_what_cannot_be_written_leaves_nothing(self):
        # A limit on the size of files, for a process of its own.
        program = (
            'import resource, sys\n'
            'from pratai import conf, exception\n'
            'from pratai.drivers.package_store import file\n'
            'c = conf.new(files=[])\n'
            'c.set_override("state_path", sys.argv[1])\n'
            'store = file.FileStore(c)\n'
            'resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000))\n'
            'store.put("1" * 32, b"x" * 10000)\n'
            'try:\n'
            '    store.put("1" * 32, b"y" * 10001)\n'
            'except exception.Unavailable as error:\n'
            '    print(error.code, error.retry_after)\n')
        self.assertTrue(resource.RLIMIT_FSIZE)
        said = subprocess.run(
            [sys.executable, '-c', program, self.conf.state_path], check=True,
            capture_output=True, text=True).stdout
        self.assertEqual('service.unavailable 5\n', said)
        self.assertEqual(['1' * 32 + '.zip'], os.listdir(self.path))
        self.assertEqual(b'x' * 10000, self.store.get('1' * 32 + '.zip'))

    def test_a_full_disk(self):
        small = tempfile.mkdtemp()
        self.addCleanup(os.rmdir, small)
        small_disk.mount(self, small, 'size=1m')
        self.conf.set_override('path', small, group='package_store')
        store = file.FileStore(self.conf)
        location = store.put('1' * 32, b'x' * 500000)
        self.assertRaises(exception.Unavailable, store.put, '2' * 32,
                          b'y' * 600000)
        self.assertEqual([location], os.listdir(small))
        store.put('3' * 32, b'y' * 400000)
