# SPDX-License-Identifier: Apache-2.0

import os
import subprocess

from pratai.drivers.runtime import cgroup
from pratai.tests import base


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
            if os.path.dirname(path).endswith('pratai-test'):
                os.rmdir(os.path.dirname(path))

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
        self.assertEqual(-9, process.wait(10))
        self.assertTrue(group.kill())
        group.remove()
        group.remove()
        self.assertEqual([], self.all.left_over())

    def test_limits(self):
        group = self.all.create('one', memory=64 << 20, cpus=0.5, pids=9)
        self.addCleanup(group.remove)
        found = {}
        for path in group.paths.values():
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


class TestGroups(Groups, base.TestCase):

    def groups(self):
        return cgroup.Cgroups(self.state_path)


class TestVersion2(Groups, base.TestCase):
    """Where the memory controller is still one of version 1, too."""

    def groups(self):
        for root in (cgroup.ROOT, cgroup.ROOT + '/unified'):
            try:
                with open(os.path.join(root, 'cgroup.controllers')) as f:
                    return cgroup.Cgroups(self.state_path, 'pratai-test',
                                          root, f.read().split())
            except FileNotFoundError:
                pass
        raise OSError('version 2 is not mounted')


class TestNone(base.TestCase):

    def test_no_hierarchy(self):
        self.assertRaises(OSError, cgroup.Cgroups, self.state_path,
                          root=self.state_path)
