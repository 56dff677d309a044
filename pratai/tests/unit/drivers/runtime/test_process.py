# SPDX-License-Identifier: Apache-2.0
"""The process driver with the sandboxes that this machine can make."""

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading

import fixtures

from pratai import exception
from pratai.drivers.runtime import base as runtime_base
from pratai.drivers.runtime import process
from pratai.drivers.runtime import processes
from pratai.tests.unit.runners import base

# A service that starts an instance and is killed without a chance.
SERVICE = '''
import sys, time
from pratai import conf as configuration
from pratai.drivers.runtime import sandbox
conf = configuration.new(files=[])
conf.set_override('state_path', sys.argv[1])
conf.set_override('isolation', sys.argv[2], 'process')
launcher = sandbox.Launcher(conf)
process = launcher.spawn(sandbox.Command(
    ['/bin/sleep', '3600'], cgroup={'pids': 10}))
print(process.pid, flush=True)
time.sleep(3600)
'''


class TestSandbox(base.RunnerTestCase):
    """What a function sees."""

    def setUp(self):
        super().setUp()
        if not self.isolated:
            self.skipTest('Bubblewrap does not work here: %s'
                          % self.driver.launcher.warnings)

    def test_host_cannot_be_read(self):
        secret = os.path.join(self.state_path, 'secret')
        with open(secret, 'w') as f:
            f.write('secret')
        other = self.image('def main(p): pass')
        one = self.ready()
        paths = [secret, self.state_path, '/etc/shadow', '/home', '/var',
                 '/etc/hostname', '/sys', '/boot', '/opt', '/srv',
                 os.path.join(self.state_path, 'images', other['id']),
                 os.path.expanduser('~root/.ssh'), '/proc/1/root/etc/shadow',
                 '/proc/kcore', '/dev/mem', '/dev/kmsg', '/dev/fuse',
                 '/dev/vda', '/dev/sda']
        found = self.do(one, 'look', paths=paths).value
        self.assertEqual([], [path for path in paths if found[path] is None])
        for path in ('/', '/root'):
            if path in self.do(one, 'listdir', path='/').value:
                names = self.do(one, 'listdir', path=path).value
                self.assertEqual(names, [n for n in names if n in (
                    'bin', 'dev', 'etc', 'function', 'lib', 'lib32',
                    'lib64', 'libx32', 'pratai', 'proc', 'run', 'root',
                    'sbin', 'tmp', 'usr', '.pyenv')])

    def test_little_can_be_written(self):
        one = self.ready(deps={'x.py': ''})
        paths = ['/x', '/usr/x', '/etc/x', '/dev/x', '/function/x', '/deps/x',
                 '/function/new_module.py', '/run/x', '/run/pratai/x',
                 '/proc/sys/kernel/hostname', '/pratai/runner.py']
        found = self.do(one, 'touch', paths=paths).value
        self.assertEqual([], [path for path in paths if found[path] is None])
        paths = ['/tmp/x', '/dev/shm/x', 'x', '/dev/null']
        found = self.do(one, 'touch', paths=paths).value
        self.assertEqual([None] * 4, list(found.values()))

    def test_user_has_nothing(self):
        status = self.do(self.ready(), 'status').value
        for name in ('CapInh', 'CapPrm', 'CapEff', 'CapAmb'):
            self.assertEqual(0, int(status[name], 16), name)
        self.assertEqual('1', status['NoNewPrivs'])
        self.assertEqual('2', status['Seccomp'])
        self.assertNotIn('0', status['Uid'].split())
        self.assertNotIn('0', status['Gid'].split())

    def test_no_processes_of_others(self):
        one = self.ready()
        names = self.do(one, 'listdir', path='/proc').value
        self.assertLess(len([n for n in names if n.isdigit()]), 8)

    def test_network(self):
        with socket.socket() as listener:
            listener.bind(('127.0.0.1', 0))
            listener.listen()
            port = listener.getsockname()[1]
            one = self.ready()
            self.assertIsNotNone(self.do(one, 'connect', host='127.0.0.1',
                                         port=port).value)
            one = self.ready(network=True)
            self.assertIsNone(self.do(one, 'connect', host='127.0.0.1',
                                      port=port).value)

    def test_users_differ(self):
        if os.getuid():
            self.skipTest('Only root can be several users')
        first, second = self.ready(), self.ready()
        uids = {self.do(one, 'where').value['uid'] for one in (first, second)}
        self.assertEqual(2, len(uids))
        for uid in uids:
            self.assertGreaterEqual(uid, self.conf.process.uid_first)

    def test_further_paths(self):
        path = os.path.join(self.state_path, 'shared')
        os.makedirs(path)
        os.chmod(path, 0o755)
        self.assertEqual('ENOENT', self.do(
            self.ready(), 'look', paths=[path]).value[path])
        self.conf.set_override('bind', [path], 'process')
        self.assertIsNone(self.do(
            self.ready(), 'look', paths=[path]).value[path])


class TestDriver(base.RunnerTestCase):

    def test_settings(self):
        spec = runtime_base.Spec(
            'x', '/run/x', self.image('', deps={'a.py': ''}), self.runtime,
            memory=100, cpus=2, concurrency=3, timeout=10)
        settings = self.driver.settings(spec)
        self.assertEqual(
            (100 + 2 * self.conf.process.memory_allowance) << 20,
            settings['limits']['memory'])
        self.assertGreaterEqual(settings['limits']['nproc'],
                                3 * self.conf.process.max_processes)
        if self.isolated:
            self.assertEqual(('/function', '/deps', ['/tmp', '/dev/shm']),
                             (settings['code_dir'], settings['deps_dir'],
                              settings['tmp_dirs']))

    def test_limits(self):
        one = self.ready(memory=100, cpus=2)
        limits = self.do(one, 'limits').value
        memory = (100 + 2 * self.conf.process.memory_allowance) << 20
        self.assertEqual(memory, limits['RLIMIT_DATA'][0])
        self.assertEqual([0, 0], limits['RLIMIT_CORE'])
        self.assertEqual([self.conf.process.max_file << 20] * 2,
                         limits['RLIMIT_FSIZE'])

    def test_image_is_missing(self):
        for image in ({'id': 'nothing', 'layer': None},
                      dict(self.image(''), layer='nothing')):
            spec = runtime_base.Spec('x', self.state_path, image,
                                     self.runtime)
            self.assertRaises(exception.ImageMissing, self.driver.start, spec)
            self.assertRaises(exception.ImageMissing, self.driver.settings,
                              spec)

    def test_interpreter_is_missing(self):
        properties = dict(self.runtime['properties'],
                          interpreter='/usr/bin/no-such-python')
        run_dir = self.useFixture(fixtures.TempDir()).path
        open(os.path.join(run_dir, 'control.sock'), 'w').close()
        one = self.driver.start(runtime_base.Spec(
            'x', run_dir, self.image('x = 1'),
            dict(self.runtime, properties=properties)))
        self.addCleanup(self.driver.stop, one)
        self.until(lambda: not self.driver.inspect(one)['running'], 'its end')
        found = self.driver.inspect(one)
        self.assertNotEqual(0, found['exit_code'])
        self.assertIn('no-such-python', found['output'])

    def test_no_room_for_another_user(self):
        if os.getuid():
            self.skipTest('Only root can be several users')
        pool = self.driver.launcher.uids
        self.addCleanup(setattr, pool, 'count', pool.count)
        self.ready()
        pool.count = 0
        spec = runtime_base.Spec('x', self.state_path, self.image(''),
                                 self.runtime)
        self.assertRaises(exception.SandboxError, self.driver.start, spec)

    def test_stop(self):
        one = self.ready()
        pids = self.do(one, 'daemons').value
        self.assertEqual(3, len(pids))
        self.begin(one, 'fork_bomb')
        self.driver.stop(one.sandbox)
        self.driver.stop(one.sandbox)
        found = self.driver.inspect(one.sandbox)
        self.assertFalse(found['running'])
        self.assertFalse(os.path.exists('/proc/%d' % one.sandbox.pid))
        self.assertTrue(os.path.isdir(one.spec.run_dir))
        if self.driver.launcher.uids:
            self.assertNotIn(one.sandbox.private.process.uid,
                             self.driver.launcher.uids.used)
        if self.driver.launcher.cgroups:
            group = one.sandbox.private.process.group
            self.assertEqual([], [path for path in group.paths.values()
                                  if os.path.exists(path)])
        self.assertEqual([], os.listdir(
            os.path.join(self.state_path, 'sandboxes')))

    def test_life_does_not_hang_on_a_thread(self):
        started = []
        thread = threading.Thread(target=lambda: started.append(self.ready()))
        thread.start()
        thread.join()
        self.check_alive(started[0])

    def test_killed_from_outside(self):
        one = self.ready()
        os.kill(one.sandbox.pid, signal.SIGKILL)
        self.until(lambda: not self.driver.inspect(one.sandbox)['running'],
                   'end of the runner')
        self.assertEqual(137, self.driver.inspect(one.sandbox)['exit_code'])

    def test_output_is_kept_in_part(self):
        one = self.ready(textwrap.dedent('''
            for number in range(100000):
                print(number)
            def main(payload):
                pass
            '''))
        self.until(lambda: '99999\n' in self.driver.inspect(
            one.sandbox)['output'], 'output')
        self.driver.stop(one.sandbox)
        output = self.driver.inspect(one.sandbox)['output']
        self.assertLess(len(output), 20000)
        self.assertTrue(output.endswith('99999\n'))

    def test_describe(self):
        found = self.driver.describe()
        self.assertIn(found['isolation'], ('bubblewrap', 'none'))
        self.assertTrue(found['limits'])
        self.assertEqual([str] * len(found['warnings']),
                         [type(text) for text in found['warnings']])

    def test_isolation_is_not_to_be_had(self):
        self.conf.set_override('bwrap', 'no-such-bwrap', 'process')
        driver = process.ProcessDriver(self.conf)
        self.assertEqual('none', driver.describe()['isolation'])
        self.assertIn('not isolated', ' '.join(driver.describe()['warnings']))
        self.conf.set_override('bwrap', '/bin/false', 'process')
        self.assertEqual('none', process.ProcessDriver(
            self.conf).describe()['isolation'])
        self.conf.set_override('isolation', 'bubblewrap', 'process')
        self.assertRaises(exception.SandboxError, process.ProcessDriver,
                          self.conf)


class TestPlain(base.RunnerTestCase):
    isolation = 'none'

    def test_others_get_at_it_later(self):
        if os.getuid():
            self.skipTest('Functions have the user of the service')
        self.conf.set_override(
            'interpreters', [self.runtime['properties']['interpreter']],
            'process')
        os.chmod(self.state_path, 0o700)
        driver = process.ProcessDriver(self.conf)
        self.assertEqual([], driver.runtimes())
        self.assertTrue(driver.runtimes_change)
        os.chmod(self.state_path, 0o711)
        found, = driver.runtimes()
        self.assertEqual(self.runtime['name'], found['name'])
        self.assertEqual([found], driver.runtimes())
        self.runtime, self.driver = found, driver
        self.check_alive(self.ready())

    @staticmethod
    def pipes():
        """:returns: set of the names of those that this process has."""
        found = set()
        for name in os.listdir('/proc/self/fd'):
            with contextlib.suppress(FileNotFoundError):
                found.add(os.readlink('/proc/self/fd/' + name))
        return {name for name in found if name.startswith('pipe:')}

    def test_nothing_stays_of_one_that_cannot_be_started(self):
        """Neither before there is a process nor after that."""
        self.ready()

        def register(*args):
            raise OSError(errno.ENOSPC, 'No space left on device')

        spec = runtime_base.Spec(
            'x', os.path.join(self.state_path, 'run', 'x'), self.image(''),
            self.runtime)
        os.makedirs(spec.run_dir)
        before = self.pipes()
        self.useFixture(fixtures.MonkeyPatch(
            'selectors.DefaultSelector.register', register))
        for code in (errno.ENOENT, errno.ENOSPC)[os.getuid() > 0:]:
            error = self.assertRaises(exception.NodeUnavailable,
                                      self.driver.start, spec)
            self.assertIn(os.strerror(code), str(error))
            self.assertFalse(os.path.exists(spec.run_dir + '.tmp'))
            self.assertEqual(set(), self.pipes() - before)
            # What root gives to the sandbox's user.
            os.unlink(os.path.join(spec.run_dir, 'runner.sock'))
            with open(os.path.join(spec.run_dir, 'control.sock'), 'w'):
                pass


class Reconcile:
    """Another service ends without a word."""

    def setUp(self):
        super().setUp()
        self.service = subprocess.Popen(
            [sys.executable, '-c', SERVICE, self.state_path, self.isolation],
            stdout=subprocess.PIPE, env=dict(os.environ, PYTHONPATH=(
                os.pathsep.join(sys.path))))
        self.addCleanup(self.service.wait)
        self.addCleanup(self.service.stdout.close)
        self.addCleanup(self.service.kill)
        self.pid = int(self.service.stdout.readline())
        self.identity = processes.identity(self.pid)

    @staticmethod
    def make_deep(path):
        """Make a directory that Python's own shutil cannot remove."""
        os.makedirs(path)
        place = os.open(path, os.O_RDONLY)
        for _ in range(1500):
            os.mkdir('d', dir_fd=place)
            below = os.open('d', os.O_RDONLY, dir_fd=place)
            os.close(place)
            place = below
        os.close(place)

    def lives(self):
        return processes.lives(self.identity)

    def test_it_dies_with_its_service(self):
        self.assertTrue(self.lives())
        self.service.kill()
        self.until(lambda: not self.lives(), 'end of the program')
        self.until(lambda: not os.listdir(
            os.path.join(self.state_path, 'sandboxes')), 'no records')
        if self.driver.launcher.cgroups:
            self.until(lambda: not self.driver.launcher.cgroups.left_over(),
                       'no control groups')

    def test_nothing_of_a_living_service_is_touched(self):
        self.driver.reconcile()
        self.assertTrue(self.lives())
        self.assertEqual(1, len(os.listdir(
            os.path.join(self.state_path, 'sandboxes'))))

    def test_left_overs(self):
        names = os.listdir(os.path.join(self.state_path, 'sandboxes'))
        self.assertEqual(1, len(names))
        self.make_deep(os.path.join(self.state_path, 'run', 'old'))
        self.service.kill()
        self.service.wait()
        self.until(lambda: not self.lives(), 'end of the program')
        survivor = subprocess.Popen(['/bin/sleep', '3600'])
        self.addCleanup(survivor.wait)
        self.addCleanup(survivor.kill)
        innocent = subprocess.Popen(['/bin/sleep', '3600'])
        self.addCleanup(innocent.wait)
        self.addCleanup(innocent.kill)
        with open(os.path.join(self.state_path, 'sandboxes', names[0]),
                  'w') as f:
            f.write(processes.identity(survivor.pid) + '\n')
            # Somebody else has that number now.
            f.write('%d:1\n' % innocent.pid)
        self.driver.reconcile()
        self.assertEqual(-9, survivor.wait(120))
        self.assertIsNone(innocent.poll())
        self.assertEqual([], os.listdir(
            os.path.join(self.state_path, 'sandboxes')))
        self.assertEqual([], os.listdir(os.path.join(self.state_path, 'run')))
        if self.driver.launcher.cgroups:
            # They are in use until somebody has buried the dead.
            self.until(self.no_groups, 'no control groups')

    def no_groups(self):
        self.driver.reconcile()
        return not self.driver.launcher.cgroups.left_over()


class TestReconcile(Reconcile, base.RunnerTestCase):
    pass


class TestReconcilePlain(Reconcile, base.RunnerTestCase):
    isolation = 'none'
