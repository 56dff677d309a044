# SPDX-License-Identifier: Apache-2.0
"""The docker runtime driver on a real engine."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import uuid

from pratai import exception
from pratai.drivers.runtime import base as runtime_base
from pratai.drivers.runtime import docker as docker_driver
from pratai.tests.integration.docker import base

NODE = 'org.openstack.pratai.node'
INSTANCE = 'org.openstack.pratai.instance'

# A service that starts an instance and is killed without a chance.
SERVICE = '''
import os, socket, sys, time
from pratai import conf as configuration
from pratai.drivers.runtime import base, docker
conf = configuration.new(files=[])
conf.set_override('state_path', sys.argv[1])
conf.set_override('url', sys.argv[2], 'docker')
driver = docker.DockerDriver(conf)
run_dir = os.path.join(sys.argv[1], 'run', 'former')
os.mkdir(run_dir)
control = socket.socket(socket.AF_UNIX)
control.bind(os.path.join(run_dir, 'control.sock'))
control.listen()
runtime, = driver.runtimes()
driver.start(base.Spec('former', run_dir, {
    'id': 'x', 'reference': sys.argv[3], 'layer': None}, runtime))
print(driver.node, flush=True)
time.sleep(3600)
'''


class TestContainer(base.DockerTestCase):
    """What a function sees."""

    def test_host_cannot_be_read(self):
        secret = os.path.join(self.state_path, 'secret')
        with open(secret, 'w') as f:
            f.write('secret')
        one = self.ready()
        paths = [secret, self.state_path, self.engine.root, '/etc/shadow',
                 '/proc/1/root/etc/shadow', '/proc/kcore', '/dev/mem',
                 '/dev/kmsg', '/dev/fuse', '/dev/vda', '/dev/sda',
                 '/var/run/docker.sock', '/root/x',
                 os.path.expanduser('~root/.ssh')]
        found = self.do(one, 'look', paths=paths).value
        self.assertEqual([], [path for path in paths if found[path] is None])

    def test_little_can_be_written(self):
        one = self.ready(deps={'x.py': ''})
        paths = ['/x', '/usr/x', '/etc/x', '/etc/hosts', '/etc/resolv.conf',
                 '/etc/hostname', '/dev/x', '/dev/mqueue/x', '/function/x',
                 '/deps/x', '/function/new_module.py', '/run/x', '/var/x',
                 '/var/tmp/x', '/run/lock/x', '/run/pratai/x', '/pratai/x',
                 '/proc/sys/kernel/hostname', '/pratai/runner.pyc',
                 '/sys/fs/cgroup/x', '/sys/x', '/home/x', '/root/x']
        found = self.do(one, 'touch', paths=paths).value
        self.assertEqual([], [path for path in paths if found[path] is None])
        paths = ['/tmp/x', '/dev/shm/x', 'x', '/dev/null']
        found = self.do(one, 'touch', paths=paths).value
        self.assertEqual([None] * 4, list(found.values()))

    def test_writable_mounts_are_bounded(self):
        one = self.ready(textwrap.dedent('''
            import os
            def main(payload):
                found = []
                for line in open('/proc/mounts'):
                    _, path, kind, options = line.split()[:4]
                    if options.split(',')[0] == 'rw' and os.access(
                            path, os.W_OK) and os.path.isdir(path):
                        found.append((path, 'size=65536k' in options))
                return sorted(found)
            '''))
        # NOTE: queues cannot be made, see test_little_can_be_written.
        self.assertEqual([['/dev/mqueue', False], ['/dev/shm', True],
                          ['/tmp', True]], one.request().value)

    def test_user_has_nothing(self):
        status = self.do(self.ready(), 'status').value
        for name in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'):
            self.assertEqual(0, int(status[name], 16), name)
        self.assertEqual('1', status['NoNewPrivs'])
        self.assertEqual('2', status['Seccomp'])
        self.assertNotIn('0', status['Uid'].split())
        self.assertNotIn('0', status['Gid'].split())

    def test_users_differ(self):
        first, second = self.ready(), self.ready()
        uids = {self.do(one, 'where').value['uid'] for one in (first, second)}
        self.assertEqual(2, len(uids))
        for uid in uids:
            self.assertGreaterEqual(uid, self.conf.docker.uid_first)

    def test_no_network(self):
        one = self.ready(textwrap.dedent('''
            import os, socket
            def main(payload):
                with socket.create_server(('localhost', 0)) as server:
                    socket.create_connection(server.getsockname()).close()
                return sorted(os.listdir('/sys/class/net'))
            '''))
        self.assertEqual(['lo'], one.request().value)

    def test_nothing_is_left_by_number(self):
        one = self.ready(textwrap.dedent('''
            import ctypes
            def main(payload):
                libc = ctypes.CDLL(None)
                return [libc.shmget(1, 4096, 0o1600),
                        libc.msgget(1, 0o1600), libc.semget(1, 1, 0o1600),
                        libc.mq_open(b'/x', 0o102, 0o600, None)]
            '''))
        self.assertEqual([-1] * 4, one.request().value)

    def test_limits(self):
        one = self.ready(memory=100, cpus=2, concurrency=3)
        limits = self.do(one, 'limits').value
        options = self.conf.docker
        self.assertEqual((100 + 2 * options.memory_allowance) << 20,
                         limits['RLIMIT_DATA'][0])
        self.assertEqual([0, 0], limits['RLIMIT_CORE'])
        self.assertEqual([options.max_files_open] * 2,
                         limits['RLIMIT_NOFILE'])
        self.assertEqual([options.max_file << 20] * 2,
                         limits['RLIMIT_FSIZE'])
        container, = self.containers()
        config = self.api.inspect_container(container['Id'])['HostConfig']
        memory = (300 + 2 * options.memory_allowance
                  + 2 * options.tmp_size) << 20
        self.assertEqual((memory, memory),
                         (config['Memory'], config['MemorySwap']))
        self.assertEqual(600000, config['CpuQuota'])
        self.assertEqual(64 * 3 + 6 + 16, config['PidsLimit'])

    def test_environment_of_the_operator(self):
        self.conf.set_override('environment', {'http_proxy': 'http://p:1'},
                               'docker')
        one = self.ready('import os\ndef main(p): return dict(os.environ)')
        found = one.request().value
        self.assertEqual('http://p:1', found['http_proxy'])
        self.assertEqual([], [name for name in found if 'PRATAI' in name])


class TestDriver(base.DockerTestCase):

    def spec(self, image=None, **kwargs):
        name = uuid.uuid4().hex
        run_dir = os.path.join(self.state_path, 'run', name)
        os.makedirs(run_dir)
        open(os.path.join(run_dir, 'control.sock'), 'w').close()
        return runtime_base.Spec(name, run_dir, image or self.image(),
                                 self.runtime, **kwargs)

    def test_runtimes(self):
        function = self.image()['reference']
        self.assertIn('python311', self.api.inspect_image(function)[
            'Config']['Labels'].values())
        self.assertEqual(
            ('python311', 'python', '3.11.2', 'For tests'),
            tuple(self.runtime[key] for key in (
                'name', 'language', 'version', 'description')))
        self.assertIn(self.runtime['fingerprint'],
                      self.api.images('pratai/runtime/python311')[0]['Id'])

    def test_runner_is_compiled(self):
        runner = self.runtime['properties']['runner']
        self.assertTrue(runner.endswith('.pyc'), runner)
        before = os.stat(runner).st_ino
        self.assertEqual([self.runtime], self.driver.runtimes())
        self.assertEqual(before, os.stat(runner).st_ino)
        image = self.runtime['properties']['image']
        self.assertEqual(self.driver.runners.source,
                         self.driver.runners.compiled(image, 'no-python'))
        self.assertEqual([], self.containers())

    def test_runner_that_is_not_compiled(self):
        source = self.driver.runners.source
        properties = self.runtime['properties']
        self.runtime = dict(self.runtime, properties=dict(
            properties, runner=source, command=[
                'python3', *properties['flags'], '/pratai/runner.py']))
        self.check_alive(self.ready())

    def test_image_is_missing(self):
        image = dict(self.image(), reference='pratai/function/none:latest')
        error = self.assertRaises(exception.ImageMissing, self.driver.start,
                                  self.spec(image))
        self.assertEqual('platform.image_missing', error.code)
        self.assertIn('pratai/function/none', error.detail)
        self.assertEqual([], self.containers())

    def test_image_is_deleted_behind_our_back(self):
        image = self.image('def main(p): return "%s"' % uuid.uuid4().hex)
        one = self.ready(image=image)
        self.driver.stop(one.sandbox)
        self.api.remove_image(image['reference'])
        self.assertRaises(exception.ImageMissing, self.driver.start,
                          self.spec(image))

    def test_interpreter_is_missing(self):
        self.runtime = dict(self.runtime, properties={
            'command': ['no-such-python']})
        error = self.assertRaises(exception.SandboxError, self.driver.start,
                                  self.spec())
        self.assertIn('no-such-python', error.detail)
        self.assertEqual([], self.containers())
        self.assertNotIsInstance(error, exception.EngineUnavailable)

    def test_stop(self):
        one = self.ready()
        self.assertEqual(1, len(self.containers()))
        self.assertEqual(3, len(self.do(one, 'daemons').value))
        self.begin(one, 'fork_bomb')
        self.driver.stop(one.sandbox)
        self.driver.stop(one.sandbox)
        found = self.driver.inspect(one.sandbox)
        self.assertEqual((False, 137), (found['running'],
                                        found['exit_code']))
        self.assertEqual([], self.containers())
        self.assertFalse(os.path.exists('/proc/%d' % one.sandbox.pid))
        self.assertTrue(os.path.isdir(one.spec.run_dir))
        self.assertNotIn(one.sandbox.private.uid, self.driver.uids.used)

    def test_killed_from_outside(self):
        one = self.ready()
        os.kill(one.sandbox.pid, signal.SIGKILL)
        self.until(lambda: not self.driver.inspect(one.sandbox)['running'],
                   'end of the runner')
        found = self.driver.inspect(one.sandbox)
        self.assertEqual((137, False, 0), (
            found['exit_code'], found['oom_killed'], found['oom_kills']))

    def test_removed_behind_our_back(self):
        one = self.ready()
        self.api.remove_container(one.sandbox.private.container, force=True)
        self.assertFalse(self.driver.inspect(one.sandbox)['running'])
        self.driver.stop(one.sandbox)

    def test_out_of_memory(self):
        # A child is killed, and the runner lives.
        one = self.ready(concurrency=1)
        result = self.do(one, 'eat_shared')
        self.assertEqual(9, result.exited['signal'])
        found = self.driver.inspect(one.sandbox)
        self.assertEqual((True, True), (found['running'],
                                        found['oom_killed']))
        self.assertGreaterEqual(found['oom_kills'], 1)
        self.check_alive(one)
        other = self.ready(concurrency=1)
        self.assertFalse(self.driver.inspect(other.sandbox)['oom_killed'])

    def test_out_of_memory_as_a_whole(self):
        # All there is is the runner, which imports.
        source = textwrap.dedent('''
            import mmap
            kept = []
            while True:
                kept.append(mmap.mmap(-1, 1 << 20))
                kept[-1].write(b"x" * (1 << 20))
            ''')
        image = self.image(source)
        error = self.assertRaises(AssertionError, self.instance, image=image,
                                  concurrency=1, memory=32)
        self.assertIn("'oom_killed': True", str(error))

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

    def test_many_at_once(self):
        image = self.image()
        started, errors = [], []

        def start():
            with self.engine.inside():
                try:
                    started.append(self.ready(image=image))
                except Exception as error:
                    errors.append(error)

        threads = [threading.Thread(target=start) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([], errors)
        for one in started:
            self.check_alive(one)
        self.assertEqual(6, len(self.containers()))

    def test_describe(self):
        found = self.driver.describe()
        self.assertEqual('docker', found['isolation'])
        self.assertTrue(found['limits'])
        self.assertEqual([str] * len(found['warnings']),
                         [type(text) for text in found['warnings']])

    def test_unknown_oci_runtime(self):
        self.conf.set_override('oci_runtime', 'no-such-runtime', 'docker')
        driver = docker_driver.DockerDriver(self.conf)
        self.assertIn('no-such-runtime', ' '.join(
            driver.describe()['warnings']))
        error = self.assertRaises(exception.SandboxError, driver.start,
                                  self.spec())
        self.assertIn('no-such-runtime', error.detail)

    def test_identity_is_kept(self):
        self.assertEqual(self.driver.node,
                         docker_driver.DockerDriver(self.conf).node)


class TestReconcile(base.DockerTestCase):

    def make(self, labels):
        """:returns: id of a container that runs."""
        made = self.api.create_container(
            'pratai/runtime/python311:test', ['sleep', '3600'],
            labels=labels, host_config=self.api.create_host_config(
                network_mode='none'))['Id']
        self.addCleanup(self.api.remove_container, made, force=True)
        self.api.start(made)
        return made

    def runs(self, container):
        return bool(self.api.containers(filters={'id': container}))

    def test_only_what_is_ours_and_left(self):
        alive = self.ready()
        others = [self.make(labels) for labels in (
            {}, {NODE: 'another', INSTANCE: 'x'}, {INSTANCE: 'x'},
            # A build's, which is its builder's to remove.
            {NODE: self.driver.node})]
        left = self.api.create_container(
            'pratai/runtime/python311:test', ['sleep', '3600'],
            labels={NODE: self.driver.node, INSTANCE: 'left'})['Id']
        os.makedirs(os.path.join(self.driver.run_path, 'left', 'x'))
        self.driver.reconcile()
        self.assertEqual([], self.api.containers(
            all=True, filters={'id': left}))
        for other in others:
            self.assertTrue(self.runs(other))
        self.check_alive(alive)
        self.assertNotIn('left', os.listdir(self.driver.run_path))

    def test_former_life(self):
        service = subprocess.Popen(
            [sys.executable, '-c', SERVICE, self.state_path, self.engine.url,
             self.image()['reference']], stdout=subprocess.PIPE, text=True,
            env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)))
        self.addCleanup(service.stdout.close)
        self.addCleanup(service.wait)
        self.addCleanup(service.kill)
        self.assertEqual(self.driver.node, service.stdout.readline().strip())
        container, = self.containers()
        service.kill()
        service.wait()
        # It ends by itself with its service, and is removed later.
        self.until(lambda: not self.runs(container['Id']), 'end')
        self.driver.reconcile()
        self.assertEqual([], self.containers())
