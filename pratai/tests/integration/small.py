# SPDX-License-Identifier: Apache-2.0
"""Small servers of our own: memcached, a container registry, HAProxy."""

import csv
import os
import re
import socket
import urllib.request

from pratai.tests.integration import daemon
from pratai.tests.integration import deployment


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
    """A container registry, without TLS and open to whoever reaches it.

    :param host: address of this machine that it listens on.
    """

    NEEDS = {'docker-registry': 'docker-registry'}

    def __init__(self, host='127.0.0.1'):
        super().__init__()
        self._host = host

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
        return '%s:%d' % (self._host, self.port)

    def command(self):
        return [self.find('docker-registry'), 'serve', self._file]

    def is_ready(self):
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}))
        with opener.open('http://%s/v2/' % self.address, timeout=5) as one:
            return one.status == 200


class HAProxy(daemon.Daemon):
    """The load balancer of etc/haproxy, with other addresses.

    :param servers: {'api': ports of its two servers, 'webhook': those}.
    :ivar ports: {name: where it listens for them}.
    """

    NEEDS = {'haproxy': 'haproxy'}
    _PORTS = {'9998': 'api', '9898': 'webhook'}

    def __init__(self, servers):
        super().__init__()
        self._servers = servers

    def prepare(self):
        self.ports = dict(zip(self._servers,
                              daemon.free_ports(len(self._servers))))
        with open(os.path.join(deployment.ETC, 'haproxy',
                               'pratai.cfg')) as file:
            text = file.read()
        text, binds = re.subn(
            r'(?m)^( +bind ):(\d+)$', lambda match: '%s127.0.0.1:%d' % (
                match[1], self.ports[self._PORTS[match[2]]]), text)
        text, servers = re.subn(
            r'192\.0\.2\.1([12]):(\d+)', lambda match: '127.0.0.1:%d' % (
                self._servers[self._PORTS[match[2]]][int(match[1]) - 1]), text)
        assert (binds, servers) == (2, 4), (binds, servers)
        self._write('pratai.cfg', text)
        # What is in the usual haproxy.cfg.
        self._write('haproxy.cfg', 'global\n    stats socket %s\n' %
                    self._path('stats'))

    def _path(self, name):
        return os.path.join(self.path, name)

    def _write(self, name, text):
        with open(self._path(name), 'w') as file:
            file.write(text)

    def command(self):
        return [self.find('haproxy'), '-db', '-f', self._path('haproxy.cfg'),
                '-f', self._path('pratai.cfg')]

    def is_ready(self):
        for port in self.ports.values():
            socket.create_connection(('127.0.0.1', port), 5).close()
        return True

    def status(self, name, number):
        """:returns: what it thinks of a server: "UP", "DOWN", or a change
            of mind such as "UP 1/2".

        :param name: "api" or "webhook".
        :param number: 0 for the first one.
        """
        with socket.socket(socket.AF_UNIX) as stats:
            stats.settimeout(daemon.PATIENCE)
            stats.connect(self._path('stats'))
            stats.sendall(b'show stat\n')
            with stats.makefile() as answer:
                rows = list(csv.DictReader(answer))
        status, = [row['status'] for row in rows
                   if row['# pxname'] == 'pratai_' + name
                   and row['svname'] == 'controller%d' % (number + 1)]
        return status
