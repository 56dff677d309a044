# SPDX-License-Identifier: Apache-2.0

import os
import subprocess
import sys
import threading

from pratai.drivers.builder import files
from pratai.tests.unit.drivers.builder import base


class TestTrees(base.TestCase):

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, *names, content='x'):
        path = self.path(*names)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as target:
            target.write(content)
        return path

    def deep(self, *names):
        path = self.path(*names)
        os.mkdir(path)
        before = os.open('.', os.O_RDONLY)
        try:
            os.chdir(path)
            for _ in range(5000):
                os.mkdir('d')
                os.chdir('d')
        finally:
            os.fchdir(before)
            os.close(before)
        return path

    def test_measure(self):
        self.write('tree', 'a', 'b', content='x' * 100000)
        self.write('tree', 'c')
        os.symlink('/usr', self.path('tree', 'link'))
        size, count = files.measure(self.path('tree'), 1 << 30, 100)
        self.assertEqual(4, count)
        self.assertLess(100000, size)
        self.assertGreater(200000, size)
        self.assertRaises(files.TooLarge, files.measure, self.path('tree'),
                          99999, 100)
        self.assertRaises(files.TooLarge, files.measure, self.path('tree'),
                          1 << 30, 3)

    def test_measure_what_is_deep(self):
        self.assertRaises(files.TooLarge, files.measure, self.deep('tree'),
                          1 << 40, 1 << 40)

    def test_remove(self):
        files.remove(self.path('nothing'))
        outside = self.write('outside', 'kept')
        self.write('tree', 'a')
        os.symlink(self.path('outside'), self.path('tree', 'link'))
        files.remove(self.path('tree'))
        self.assertFalse(os.path.exists(self.path('tree')))
        self.assertTrue(os.path.exists(outside))

    def test_remove_what_is_deep(self):
        files.remove(self.deep('tree'))
        self.assertFalse(os.path.exists(self.path('tree')))

    def test_remove_what_is_closed(self):
        self.write('tree', 'closed', 'a', 'b')
        os.chmod(self.path('tree', 'closed', 'a'), 0)
        os.chmod(self.path('tree', 'closed'), 0)
        files.remove(self.path('tree'))
        self.assertFalse(os.path.exists(self.path('tree')))

    def test_link_tree(self):
        source = self.write('one', 'a', 'b')
        self.write('one', 'same', content='1')
        self.write('two', 'a', 'c')
        self.write('two', 'same', content='2')
        os.symlink('b', self.path('one', 'a', 'link'))
        for name in ('one', 'two'):
            files.link_tree(self.path(name), self.path('all'))
        self.assertTrue(os.path.samefile(source, self.path('all', 'a', 'b')))
        self.assertEqual(['b', 'c', 'link'],
                         sorted(os.listdir(self.path('all', 'a'))))
        self.assertTrue(os.path.islink(self.path('all', 'a', 'link')))
        with open(self.path('all', 'same')) as found:
            self.assertEqual('2', found.read())
        with open(self.path('one', 'same')) as found:
            self.assertEqual('1', found.read())

    def test_link_tree_does_not_follow(self):
        outside = self.path('outside')
        os.mkdir(outside)
        os.mkdir(self.path('one'))
        os.symlink(outside, self.path('one', 'a'))
        self.write('two', 'a', 'b')
        files.link_tree(self.path('one'), self.path('all'))
        self.assertRaises(files.TooLarge, files.link_tree, self.path('two'),
                          self.path('all'))
        self.assertEqual([], os.listdir(outside))

    def test_link_tree_on_another_disk(self):
        if not os.path.isdir('/dev/shm') or (
                os.stat('/dev/shm').st_dev == os.stat(self.folder).st_dev):
            self.skipTest('there is no other disk')
        target = '/dev/shm/pratai-test-%d' % os.getpid()
        self.addCleanup(files.remove, target)
        self.write('one', 'a', 'b')
        files.link_tree(self.path('one'), target)
        self.assertTrue(os.path.exists(os.path.join(target, 'a', 'b')))


class TestLock(base.TestCase):

    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.folder, 'lock')

    def test_one_at_a_time(self):
        with files.lock(self.path) as held:
            self.assertTrue(held)
            with files.lock(self.path) as again:
                self.assertFalse(again)
        with files.lock(self.path) as held:
            self.assertTrue(held)

    def test_shared(self):
        with files.lock(self.path, shared=True) as held:
            self.assertTrue(held)
            with files.lock(self.path, shared=True) as again:
                self.assertTrue(again)
            with files.lock(self.path) as alone:
                self.assertFalse(alone)

    def test_waiting(self):
        order = []
        waits = threading.Event()

        def wait():
            waits.set()
            threading.Event().wait(0.001)

        def run():
            with files.lock(self.path, wait=wait):
                order.append('second')

        with files.lock(self.path):
            thread = threading.Thread(target=run)
            thread.start()
            self.assertTrue(waits.wait(60))
            order.append('first')
        thread.join()
        self.assertEqual(['first', 'second'], order)

    def test_giving_up(self):
        class Enough(Exception):
            pass

        def wait():
            raise Enough

        with files.lock(self.path):
            self.assertRaises(
                Enough, files.lock(self.path, wait=wait).__enter__)

    def test_removed_meanwhile(self):
        with files.lock(self.path):
            os.unlink(self.path)
            with files.lock(self.path) as held:
                self.assertTrue(held)

    def test_another_process(self):
        program = ('import sys\n'
                   'from pratai.drivers.builder import files\n'
                   'with files.lock(sys.argv[1]) as held:\n'
                   '    print(held, flush=True)\n'
                   '    sys.stdin.read()\n')
        other = subprocess.Popen(
            [sys.executable, '-c', program, self.path], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.assertEqual('True\n', other.stdout.readline())
        with files.lock(self.path) as held:
            self.assertFalse(held)
        other.kill()
        other.communicate()
        with files.lock(self.path) as held:
            self.assertTrue(held)
