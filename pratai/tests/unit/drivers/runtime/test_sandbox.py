# SPDX-License-Identifier: Apache-2.0
"""Programs other than runners in a sandbox, as builds have them."""

import errno
import os
import shutil
import stat
import subprocess
import tempfile
from unittest import mock

import fixtures

from pratai import exception
from pratai.drivers.runtime import processes
from pratai.drivers.runtime import sandbox
from pratai.drivers.runtime import seccomp
from pratai.drivers.runtime import uids
from pratai.tests import base


class TestSpawn(base.TestCase):

    isolation = 'auto'

    def setUp(self):
        super().setUp()
        if (self.isolation == 'none' and os.getuid() == 0
                and not os.stat('/').st_mode & 0o001):
            self.skipTest('other users cannot enter / on this machine')
        self.useFixture(fixtures.FakeLogger())
        self.state_path = tempfile.mkdtemp(prefix='pratai-', dir='/tmp')
        self.addCleanup(shutil.rmtree, self.state_path, ignore_errors=True)
        os.chmod(self.state_path, 0o711)
        self.conf.set_override('state_path', self.state_path)
        self.conf.set_override('isolation', self.isolation, 'process')
        self.launcher = sandbox.Launcher(self.conf)

    def run_(self, script, **kwargs):
        """:returns: (exit code, output) of a shell script."""
        process = self.launcher.spawn(
            sandbox.Command(['/bin/sh', '-c', script], **kwargs),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        output = process.stdout.read().decode()
        return process.wait(120), output

    def test_exit_code(self):
        self.assertEqual((3, 'hello\n'), self.run_('echo hello; exit 3'))
        code, _ = self.run_('sh -c \'kill -TERM $$\'')
        self.assertEqual(128 + 15, code)

    def test_environment(self):
        os.environ['PRATAI_SECRET'] = 'x'
        self.addCleanup(os.environ.pop, 'PRATAI_SECRET')
        code, output = self.run_('env; pwd', env={'COLOUR': 'red'},
                                 cwd='/usr')
        self.assertEqual(0, code, output)
        self.assertIn('COLOUR=red\n', output)
        self.assertNotIn('SECRET', output)
        self.assertTrue(output.endswith('/usr\n'))

    def test_limits(self):
        # NOTE: without a sandbox the user may run many other programs.
        limits = {'data': 64 << 20, 'nproc': 7777, 'fsize': 1024,
                  'nofile': 55, 'core': 0, 'cpu': 9}
        code, output = self.run_('cat /proc/self/limits', limits=limits)
        self.assertEqual(0, code, output)
        found = {line[:26].strip(): line[26:].split()[:2]
                 for line in output.splitlines()}
        for name, value in (('Max data size', 64 << 20),
                            ('Max processes', 7777), ('Max file size', 1024),
                            ('Max open files', 55), ('Max cpu time', 9),
                            ('Max core file size', 0)):
            self.assertEqual([str(value)] * 2, found[name], name)

    def test_writable_directory(self):
        target = os.path.join(self.state_path, 'target')
        os.mkdir(target)
        inside = self.launcher.path(target, '/target')
        code, output = self.run_(
            'cd %s; mkdir -p a/b; echo x > a/b/file; chmod 700 a; '
            'chmod 600 a/b/file; echo y > run; chmod 6755 run; '
            'ln -s /etc/shadow a/link; mkfifo a/fifo' % inside,
            binds=[sandbox.Bind(target, '/target', writable=True)])
        self.assertEqual((0, ''), (code, output))
        shadow = os.stat('/etc/shadow')
        sandbox.reclaim(target)
        self.assertEqual(shadow.st_uid, os.stat('/etc/shadow').st_uid)
        self.assertEqual(shadow.st_mode, os.stat('/etc/shadow').st_mode)
        modes = {}
        for path, directories, files in os.walk(target):
            for name in directories + files:
                found = os.lstat(os.path.join(path, name))
                self.assertEqual(os.getuid(), found.st_uid)
                modes[name] = stat.S_IMODE(found.st_mode)
        modes.pop('link')
        self.assertEqual({'a': 0o755, 'b': 0o755, 'file': 0o644,
                          'run': 0o755}, modes)

    def test_directory_below_one_that_is_closed(self):
        closed = os.path.join(self.state_path, 'closed')
        os.makedirs(os.path.join(closed, 'open'))
        os.chmod(closed, 0o700)
        if self.launcher.isolation == 'none' and os.getuid() == 0:
            self.skipTest('Without mounts nobody gets through')
        path = os.path.join(closed, 'open')
        self.assertEqual((0, ''), self.run_('cd %s && ls' % path,
                                            prefixes=[path]))

    def test_program_is_missing(self):
        process = self.launcher.spawn(sandbox.Command(['/no/such/program']))
        self.addCleanup(process.kill)
        self.assertNotEqual(0, process.wait(120))

    def test_node_cannot(self):
        records = self.launcher.records.path
        os.rename(records, records + '.away')
        error = self.assertRaises(exception.NodeUnavailable, self.run_, ':')
        self.assertIn('No such file', error.detail)
        os.rename(records + '.away', records)
        self.assertEqual((0, ''), self.run_(':'))

    def test_source_is_missing(self):
        if self.launcher.isolation == 'none':
            self.skipTest('Nothing is mounted without a sandbox')
        process = self.launcher.spawn(
            sandbox.Command(['/bin/true'],
                            binds=[sandbox.Bind('/no/such', '/x')]),
            stderr=subprocess.PIPE)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.kill)
        self.assertNotEqual(0, process.wait(120))
        self.assertIn(b'/no/such', process.stderr.read())

    def test_kill(self):
        process = self.launcher.spawn(sandbox.Command(
            ['/bin/sh', '-c', 'trap "" TERM; sleep 3600 & setsid sleep 3600 '
             '& wait'], cgroup={'pids': 20, 'memory': 64 << 20, 'cpus': 1}))
        self.assertIsNone(process.poll())
        self.assertRaises(subprocess.TimeoutExpired, process.wait, 0.1)
        pids = [process.pid]
        if process.group is not None:
            pids = process.group.pids()
            self.assertIn(process.pid, pids)
        identities = [processes.identity(pid) for pid in pids]
        process.kill()
        process.kill()
        self.assertEqual([], [one for one in identities
                              if processes.lives(one)])
        self.assertIsNotNone(process.poll())

    def test_kill_while_nothing_can_be_looked_up(self):
        process = self.launcher.spawn(sandbox.Command(
            ['/bin/sh', '-c', 'sleep 3600 & wait'], cgroup={'pids': 20}))
        listdir, failures = os.listdir, [errno.EMFILE] * 3

        def fail(path):
            if path == '/proc' and failures:
                raise OSError(failures.pop(), 'fails')
            return listdir(path)

        with mock.patch.object(processes.os, 'listdir', fail):
            process.kill()
        self.assertIsNotNone(process.poll())
        self.assertEqual([], os.listdir(self.launcher.records.path))

    def test_memory_of_all(self):
        if not self.launcher.cgroups:
            self.skipTest('There are no control groups here: %s'
                          % self.launcher.warnings)
        process = self.launcher.spawn(sandbox.Command(
            ['/bin/sh', '-c', 'head -c 64M /dev/zero | tail -c 64M | wc -c'],
            cgroup={'memory': 32 << 20}), stdout=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        process.stdout.read()
        process.wait(120)
        self.assertGreater(process.count_oom_kills(), 0)
        process.kill()
        self.assertGreater(process.count_oom_kills(), 0)

    def test_processes_of_all(self):
        if not self.launcher.cgroups:
            self.skipTest('There are no control groups here: %s'
                          % self.launcher.warnings)
        code, output = self.run_(
            'for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done',
            cgroup={'pids': 6})
        self.assertIn('fork', output)

    def user(self):
        """:returns: (its uid, its uid map, its user namespace)."""
        if self.launcher.isolation != 'bubblewrap':
            self.skipTest('there is no bubblewrap')
        code, output = self.run_('id -u; cat /proc/self/uid_map; '
                                 'readlink /proc/self/ns/user')
        self.assertEqual(0, code, output)
        uid, uid_map, namespace = output.splitlines()
        return int(uid), [int(word) for word in uid_map.split()], namespace

    def test_namespace_of_its_own(self):
        uid, uid_map, namespace = self.user()
        if not self.launcher.has_userns:
            self.skipTest('this system gives no user namespaces to root')
        self.assertEqual([uid, uid, 1], uid_map)
        self.assertNotEqual(os.readlink('/proc/self/ns/user'), namespace)
        if os.getuid() == 0:
            self.assertIn(uid, range(
                self.conf.process.uid_first,
                self.conf.process.uid_first + self.conf.process.uid_count))

    def test_root_does_without(self):
        if os.getuid():
            self.skipTest('an ordinary user cannot do without')
        self.useFixture(fixtures.MonkeyPatch(
            'pratai.drivers.runtime.userns.UNSHARE', None))
        self.launcher = sandbox.Launcher(self.conf)
        uid, _, namespace = self.user()
        self.assertIn('user namespaces', ' '.join(self.launcher.warnings))
        self.assertNotEqual(0, uid)
        self.assertEqual(os.readlink('/proc/self/ns/user'), namespace)


class TestPlain(TestSpawn):
    """Without bubblewrap."""

    isolation = 'none'


class TestUids(base.TestCase):

    def test_all_are_used(self):
        pool = uids.Pool(1000, 3)
        self.assertEqual({1000, 1001, 1002}, {pool.take() for _ in range(3)})
        self.assertRaises(exception.SandboxError, pool.take)
        pool.give(1001)
        self.assertEqual(1001, pool.take())

    def test_one_pool_a_range(self):
        self.assertIs(uids.pool(5, 7), uids.pool(5, 7))
        self.assertIsNot(uids.pool(5, 7), uids.pool(5, 8))


class TestFilter(base.TestCase):
    """What the filter does is tested with functions that try."""

    def test_machines(self):
        for machine in ('x86_64', 'aarch64'):
            code = seccomp.program(machine)
            self.assertEqual(0, len(code) % 8)
            self.assertLess(len(code) // 8, 4096)
        self.assertIsNone(seccomp.program('pdp11'))

    def test_jumps_end_within(self):
        for machine in ('x86_64', 'aarch64'):
            code = seccomp.program(machine)
            count = len(code) // 8
            for number in range(count):
                op, yes, no = code[8 * number], code[8 * number + 2], \
                    code[8 * number + 3]
                if op & 7 == 5:
                    self.assertLess(number + max(yes, no) + 1, count)
