# SPDX-License-Identifier: Apache-2.0
"""A memcached and a container registry of our own."""

import os
import socket
import urllib.request

from pratai.tests.integration import daemon


class Memcached(daemon.Daemon):

    NEEDS = {'memcached': 'memcached'}

    def prepare(self):
        self.port, = daemon.free_ports(1)

    @property
    def address(self):
        return '127.0.0.1:%d' % self.port

    def command(self):
        # As root it wants to be told whom to become.
        who = ['-u', 'nobody'] if os.geteuid() == 0 else []
        return [self.find('memcached'), '-l', '127.0.0.1',
                '-p', str(self.port), '-U', '0', '-m', '16', *who]

    def is_ready(self):
        with socket.create_connection(('127.0.0.1', self.port), 5) as one:
            one.settimeout(5)
            one.sendall(b'version\r\n')
            return one.recv(7) == b'VERSION'


class Registry(daemon.Daemon):
    """A container registry, without TLS and open to whoever reaches it."""

    NEEDS = {'docker-registry': 'docker-registry'}

    def prepare(self):
        self.port, = daemon.free_ports(1)
        self._file = os.path.join(self.path, 'config.yml')
        with open(self._file, 'w') as file:
            file.write(
                'version: 0.1\n'
                'log: {level: warn}\n'
                'storage:\n'
                '  filesystem: {rootdirectory: %s/data}\n'
                '  delete: {enabled: true}\n'
                'http: {addr: "%s"}\n' % (self.path, self.address))

    @property
    def address(self):
        return '127.0.0.1:%d' % self.port

    def command(self):
        return [self.find('docker-registry'), 'serve', self._file]

    def is_ready(self):
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}))
        with opener.open('http://%s/v2/' % self.address, timeout=5) as one:
            return one.status == 200
