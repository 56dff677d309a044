# SPDX-License-Identifier: Apache-2.0
"""What functions with a network reach, and what they do not.

The engine's network namespace stands for the node. Beside it is another one,
the world, with an address of the internet and the metadata address.
"""

import contextlib
import os
import socket
import subprocess
import textwrap
import threading

from pratai import exception
from pratai.drivers.runtime import docker as docker_driver
from pratai.tests.integration import engine
from pratai.tests.integration.docker import base

WORLD = '198.51.100.1'
METADATA = '169.254.169.254'
MANAGEMENT = '198.51.100.9'
NODE = '198.51.100.2'
PORT = 21080

LOOK = textwrap.dedent('''
    import errno, socket
    def main(payload):
        if payload is None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.connect(("198.51.100.1", 1))
                return s.getsockname()[0]
        if payload == "listen":
            import time
            server = socket.create_server(("0.0.0.0", 21080))
            print("listens", flush=True)
            time.sleep(30)
        answers = []
        for host, port in payload:
            try:
                socket.create_connection((host, port), 3).close()
                answers.append(True)
            except OSError:
                answers.append(False)
        return answers
    ''')


def run(*command):
    subprocess.run(command, check=True, capture_output=True)


class TestNetwork(base.DockerTestCase):

    def make_engine(self):
        return base.shared(network=True, args=('--label=for=networks',))

    def configure(self):
        self.conf.set_override('network_deny', ['169.254.0.0/16',
                                                MANAGEMENT + '/32'], 'docker')
        world = os.path.join(self.engine.root, 'world')
        if not os.path.exists(world):
            self.make_world(world)
        with open(world) as there, \
                open('/proc/thread-self/ns/net') as before:
            engine.enter(there)
            try:
                self.serve()
            finally:
                engine.enter(before)
        self.serve()

    @staticmethod
    def make_world(world):
        open(world, 'w').close()
        run('unshare', '--net=' + world, 'true')
        enter = ('nsenter', '--net=' + world)
        run('ip', 'link', 'add', 'out', 'type', 'veth', 'peer', 'name', 'in')
        run('ip', 'link', 'set', 'in', 'netns', world)
        run('ip', 'addr', 'add', NODE + '/24', 'dev', 'out')
        run('ip', 'link', 'set', 'out', 'up')
        run(*enter, 'ip', 'link', 'set', 'lo', 'up')
        for address in (WORLD + '/24', MANAGEMENT + '/24', METADATA + '/32'):
            run(*enter, 'ip', 'addr', 'add', address, 'dev', 'in')
        run(*enter, 'ip', 'link', 'set', 'in', 'up')
        run('ip', 'route', 'add', 'default', 'via', WORLD)

    def serve(self):
        """Take connections, in the network that the thread is in."""
        listener = socket.create_server(('0.0.0.0', PORT))
        self.addCleanup(listener.close)

        def answer():
            with contextlib.suppress(OSError):
                while True:
                    listener.accept()[0].close()

        threading.Thread(target=answer, daemon=True).start()
        self.addCleanup(listener.shutdown, socket.SHUT_RDWR)

    def reach(self, one, *hosts):
        return one.request([[host, PORT] for host in hosts]).value

    def connects(self, host):
        try:
            socket.create_connection((host, PORT), 3).close()
        except OSError:
            return False
        return True

    def gateway(self):
        network, = self.api.networks(names=[self.driver.network.name])
        return network['IPAM']['Config'][0]['Gateway']

    def test_reach(self):
        # The node itself reaches all of it, so it is not that nobody does.
        for host in (WORLD, METADATA, MANAGEMENT, NODE):
            self.assertTrue(self.connects(host), host)
        image = self.image(LOOK)
        one = self.ready(image=image, network=True)
        self.assertTrue(self.connects(self.gateway()))
        self.assertEqual([True], self.reach(one, WORLD))
        self.assertEqual([False] * 4, self.reach(
            one, METADATA, MANAGEMENT, NODE, self.gateway()))
        other = self.ready(image=image, network=True)
        address = other.request().value
        request = base.runners_base.runner_client.Request(other)
        self.addCleanup(request.close)
        request.send('listen')
        self.until(lambda: b'listens' in request.log.data, 'listens')
        self.assertEqual([True], self.reach(other, address))
        self.assertEqual([False], self.reach(one, address))
        without = self.ready(image=image)
        self.assertEqual([False] * 3, self.reach(without, WORLD, NODE,
                                                 self.gateway()))
        self.check_files(one)

    def check_files(self, one):
        """The network brings no file that can be written."""
        for path in ('/etc/hosts', '/etc/resolv.conf', '/etc/hostname'):
            with open('/proc/%d/root%s' % (one.sandbox.pid, path)):
                pass
        mounts = subprocess.run(
            ['cat', '/proc/%d/mounts' % one.sandbox.pid],
            capture_output=True, text=True, check=True).stdout
        for line in mounts.splitlines():
            _, path, kind, options = line.split()[:4]
            if path.startswith('/etc/'):
                self.assertEqual('ro', options.split(',')[0], path)

    def test_rules_are_made_again(self):
        image = self.image(LOOK)
        self.ready(image=image, network=True)
        self.assertEqual([], self.driver.describe()['warnings'])
        self.addCleanup(self.engine.start)      # makes its own rules again
        self.addCleanup(self.engine.terminate)
        run('iptables', '-F')
        run('iptables', '-I', 'INPUT', '-j', 'ACCEPT')
        one = self.ready(image=image, network=True)
        self.assertEqual([False] * 3, self.reach(one, METADATA, NODE,
                                                 self.gateway()))

    def test_rules_survive_the_engine(self):
        self.engine.kill()
        self.engine.start()
        self.until(lambda: self.driver.engine.away is None, 'return')
        one = self.ready(image=self.image(LOOK), network=True)
        self.assertEqual([True, False, False], self.reach(
            one, WORLD, METADATA, NODE))

    def test_network_removed_behind_our_back(self):
        self.api.remove_network(self.driver.network.name)
        one = self.ready(image=self.image(LOOK), network=True)
        self.assertEqual([True, False], self.reach(one, WORLD, METADATA))

    def test_network_of_somebody_else(self):
        self.api.remove_network(self.driver.network.name)
        self.api.create_network(self.driver.network.name, driver='bridge')
        driver = docker_driver.DockerDriver(self.conf)
        self.assertIn('other options', ' '.join(
            driver.describe()['warnings']))
        self.assertRaises(exception.SandboxError, driver.network.ensure)
        # Those without a network run.
        self.driver = driver
        self.ready(image=self.image(LOOK))

    def test_bridge_that_rules_do_not_see(self):
        path = '/proc/sys/net/bridge/bridge-nf-call-iptables'
        self.addCleanup(self.write, path, '1')
        self.write(path, '0')
        error = self.assertRaises(exception.SandboxError,
                                  self.driver.network.ensure)
        self.assertIn('bridge-nf-call-iptables', error.detail)

    @staticmethod
    def write(path, value):
        with open(path, 'w') as f:
            f.write(value)
