# SPDX-License-Identifier: Apache-2.0
"""Small servers of our own: memcached, a container registry, HAProxy."""

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
    """A load balancer, as in etc/haproxy, but that it says nothing of where
    callers come from.

    :param backends: {name: ports of servers}.
    :ivar ports: {name: where it listens for them}.
    """

    NEEDS = {'haproxy': 'haproxy'}

    def __init__(self, backends):
        super().__init__()
        self._backends = backends

    def prepare(self):
        ports = daemon.free_ports(len(self._backends))
        self.ports = dict(zip(self._backends, ports))
        self._file = os.path.join(self.path, 'haproxy.cfg')
        with open(self._file, 'w') as file:
            file.write('defaults\n mode http\n timeout connect 20s\n'
                       ' timeout check 20s\n'
                       ' timeout client 60s\n timeout server 60s\n'
                       ' retries 2\n retry-on conn-failure\n'
                       ' option redispatch 1\n'
                       ' option httpchk GET /healthcheck\n'
                       ' default-server check inter 500ms fall 1 rise 1\n')
            for name, servers in self._backends.items():
                file.write('listen %s\n bind 127.0.0.1:%d\n'
                           ' balance roundrobin\n'
                           % (name, self.ports[name]))
                file.writelines(' server %s%d 127.0.0.1:%d\n'
                                % (name, port, port) for port in servers)

    def command(self):
        return [self.find('haproxy'), '-db', '-f', self._file]

    def is_ready(self):
        for port in self.ports.values():
            socket.create_connection(('127.0.0.1', port), 5).close()
        return True
