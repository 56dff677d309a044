# SPDX-License-Identifier: Apache-2.0

import concurrent.futures
import errno
import os
import subprocess
import threading
import time
from unittest import mock

from pratai.drivers.runtime import cgroup
from pratai.tests import base

# Of this process: what is in it comes and goes in other ones at any time.
PARENT = 'pratai-test-%d' % os.getpid()


class Groups:
    """Real ones, with a real process in them."""

    def groups(self):
        """:raises OSError: there are none."""
        raise NotImplementedError

    def setUp(self):
        super().setUp()
        try:
            self.all = self.groups()
        except OSError as e:
            self.skipTest('Control groups cannot be made here: %s' % e)
        self.addCleanup(self.remove_bases)

    def remove_bases(self):
        for path in self.all.bases.values():
            self.assertFalse(os.path.exists(path))
            parent = os.path.dirname(path)
            if os.path.basename(parent).startswith('pratai-test-'):
                os.rmdir(parent)

    def test_life(self):
        group = self.all.create('one', memory=64 << 20, cpus=0.5, pids=9)
        self.addCleanup(group.remove)
        process = subprocess.Popen(['/bin/sleep', '3600'])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertEqual(set(), group.pids())
        for path in group.procs:
            with open(path, 'w') as f:
                f.write(str(process.pid))
        self.assertEqual({process.pid}, group.pids())
        self.assertEqual(0, group.oom_kills())
        left, = self.all.left_over()
        self.assertEqual(group.paths, left.paths)
        # It is in the group until it is buried.
        group.kill(seconds=0.1)
        self.assertEqual(-9, process.wait(120))
        self.assertTrue(group.kill())
        group.remove()
        group.remove()
        self.assertEqual([], self.all.left_over())

    def test_many_at_once(self):
        """The last group that goes takes the one it is in with it, and the
        next one makes that anew: so do others, at the same time."""
        wanted = set(self.all.bases)

        def make(number):
            for turn in range(200):
                group = self.all.create('%d-%d' % (number, turn),
                                        memory=64 << 20, cpus=0.5, pids=9)
                try:
                    self.assertEqual(wanted, set(group.paths))
                    self.check_limits(group)
                finally:
                    group.remove()

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(make, range(4)))

    def test_limits(self):
        group = self.all.create('one', memory=64 << 20, cpus=0.5, pids=9)
        self.addCleanup(group.remove)
        self.check_limits(group)

    def test_limits_cannot_be_written(self):
        if not self.all.controllers.intersection(cgroup.CONTROLLERS):
            self.skipTest('There are no limits in this hierarchy')
        error = OSError(errno.EMFILE, 'fails')
        with mock.patch.object(cgroup, '_write', side_effect=error):
            self.assertIs(error, self.assertRaises(
                OSError, self.all.create, 'one', pids=9, cpus=0.5,
                memory=64 << 20))
        self.assertEqual([], self.all.left_over())

    def check_limits(self, group):
        """Those of create() as it is called here."""
        found = {}
        controllers = set()
        for path in group.paths.values():
            controllers.update(name.partition('.')[0]
                               for name in os.listdir(path))
            for name in ('memory.max', 'memory.limit_in_bytes', 'cpu.max',
                         'cpu.cfs_quota_us', 'pids.max'):
                try:
                    with open(os.path.join(path, name)) as f:
                        found[name.partition('.')[0]] = f.read().split()[0]
                except FileNotFoundError:
                    pass
        expected = {'memory': str(64 << 20), 'cpu': '50000', 'pids': '9'}
        self.assertEqual({name: expected[name]
                          for name in self.all.controllers
                          if name in expected}, found)
        self.assertLessEqual(self.all.controllers, controllers)


class TestGroups(Groups, base.TestCase):

    def groups(self):
        return cgroup.Cgroups(self.state_path)


class TestVersion2(Groups, base.TestCase):
    """Where the memory controller is still one of version 1, too."""

    def groups(self):
        for root in (cgroup.ROOT, cgroup.ROOT + '/unified'):
            try:
                with open(os.path.join(root, 'cgroup.controllers')) as f:
                    return cgroup.Cgroups(self.state_path, PARENT, root,
                                          f.read().split())
            except FileNotFoundError:
                pass
        raise OSError('version 2 is not mounted')

    def test_while_another_thread_makes_the_base(self):
        base = self.all.bases['unified']
        delegate = self.all._delegate
        made = threading.Event()

        def late(path):
            if path == base:
                made.set()
                time.sleep(0.3)
            delegate(path)

        def make(name):
            group = self.all.create(name, memory=64 << 20, cpus=0.5, pids=9)
            self.addCleanup(group.remove)
            self.check_limits(group)

        self.all._delegate = late
        with concurrent.futures.ThreadPoolExecutor() as pool:
            first = pool.submit(make, 'one')
            self.assertTrue(made.wait(120))
            make('two')
            first.result()


class Late(cgroup.Cgroups):
    """Of another process that makes the base anew: what is made in it has
    controllers a moment later. In a directory like others."""

    there = ()

    def _set_up(self):
        self.bases = {'unified': os.path.join(self.root, self.name)}
        self.controllers = set(cgroup.CONTROLLERS)
        os.makedirs(self.bases['unified'], exist_ok=True)

    def _make(self, name):
        group = super()._make(name)
        for file in self.there:
            with open(os.path.join(group.paths['unified'], file), 'w'):
                pass
        self.there = ('cpu.max', 'memory.max', 'pids.max')
        return group


class TestLate(base.TestCase):

    def test_no_group_without_limits(self):
        groups = Late(self.state_path, root=self.state_path)
        path = groups.create('one', memory=64 << 20, cpus=0.5,
                             pids=9).paths['unified']
        found = {}
        for name in os.listdir(path):
            with open(os.path.join(path, name)) as f:
                found[name] = f.read()
        self.assertEqual({'memory.max': str(64 << 20), 'pids.max': '9',
                          'cpu.max': '50000 100000'}, found)


class TestNone(base.TestCase):

    def test_no_hierarchy(self):
        self.assertRaises(OSError, cgroup.Cgroups, self.state_path,
                          root=self.state_path)


class TestGroupOf(base.TestCase):
    """Groups that somebody else made, in both versions."""

    def setUp(self):
        super().setUp()
        self.root = os.path.join(self.state_path, 'cgroup')
        self.proc = os.path.join(self.state_path, 'proc')
        os.makedirs(os.path.join(self.proc, '17'))

    def find(self, text, name='c0ffee'):
        with open(os.path.join(self.proc, '17', 'cgroup'), 'w') as f:
            f.write(text)
        return cgroup.group_of(17, name, self.root, self.proc)

    def make(self, path, file, text):
        path = os.path.join(self.root, path)
        os.makedirs(path)
        with open(os.path.join(path, file), 'w') as f:
            f.write(text)

    def test_version_1(self):
        self.make('memory/docker/c0ffee', 'memory.oom_control',
                  'oom_kill_disable 0\nunder_oom 0\noom_kill 3\n')
        text = ('9:cpuset:/docker/c0ffee\n4:memory:/docker/c0ffee\n'
                '2:cpu,cpuacct:/docker/c0ffee\n0::/\n')
        self.assertEqual(3, self.find(text).oom_kills())

    def test_version_2(self):
        self.make('system.slice/docker-c0ffee.scope', 'memory.events',
                  'low 0\nhigh 0\nmax 7\noom 2\noom_kill 2\n')
        self.assertEqual(2, self.find(
            '0::/system.slice/docker-c0ffee.scope\n').oom_kills())

    def test_not_to_be_seen(self):
        self.make('memory/docker/other', 'memory.oom_control', '')
        for text in ('', '4:memory:/docker/other\n0::/docker/other\n',
                     '4:memory:/docker/c0ffee\n0::/docker/c0ffee\n'):
            self.assertIsNone(self.find(text))
        self.assertIsNone(cgroup.group_of(18, 'c0ffee', self.root,
                                          self.proc))
