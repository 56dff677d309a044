# SPDX-License-Identifier: Apache-2.0
"""A RabbitMQ of our own."""

import itertools
import json
import os
import socket

from pratai.tests.integration import daemon

PROGRAMS = '/usr/lib/rabbitmq/bin'


class RabbitMQ(daemon.Daemon):
    """One node, without plugins.

    Its distribution port and its epmd, which by default are open to every
    network that the machine is in, are on loopback like the rest.
    """

    # NOTE: not the scripts of /usr/sbin: those of Debian change the user and
    # run the system's own node.
    NEEDS = {PROGRAMS + '/rabbitmq-server': 'rabbitmq-server',
             'erl': 'erlang-base'}
    _vhosts = itertools.count(1)

    def prepare(self):
        self.port, self._dist, self._epmd, self._ctl = daemon.free_ports(4)
        self._node = 'pratai-%d@localhost' % self.port
        with open(os.path.join(self.path, 'enabled_plugins'), 'w') as file:
            file.write('[].\n')
        with open(os.path.join(self.path, 'rabbitmq.conf'), 'w') as file:
            # What a small machine has to offer is enough for tests.
            file.write('disk_free_limit.absolute = 64MB\n'
                       'vm_memory_high_watermark.relative = 0.5\n'
                       'log.console = true\nlog.console.level = warning\n'
                       'log.file = false\n')

    def command(self):
        return [PROGRAMS + '/rabbitmq-server']

    def environment(self):
        return {
            'PATH': os.environ.get('PATH', os.defpath),
            'LANG': 'C.UTF-8',
            'HOME': self.path,  # where the cookie is
            'RABBITMQ_NODENAME': self._node,
            'RABBITMQ_NODE_IP_ADDRESS': '127.0.0.1',
            'RABBITMQ_NODE_PORT': str(self.port),
            'RABBITMQ_DIST_PORT': str(self._dist),
            'ERL_EPMD_PORT': str(self._epmd),
            'ERL_EPMD_ADDRESS': '127.0.0.1',
            'RABBITMQ_CTL_DIST_PORT_MIN': str(self._ctl),
            'RABBITMQ_CTL_DIST_PORT_MAX': str(self._ctl),
            'RABBITMQ_MNESIA_BASE': os.path.join(self.path, 'data'),
            'RABBITMQ_LOG_BASE': self.path,
            'RABBITMQ_LOGS': '-',
            'RABBITMQ_PID_FILE': os.path.join(self.path, 'pid'),
            'RABBITMQ_CONF_ENV_FILE': '/dev/null',
            'RABBITMQ_CONFIG_FILE': os.path.join(self.path, 'rabbitmq'),
            'RABBITMQ_ENABLED_PLUGINS_FILE': os.path.join(
                self.path, 'enabled_plugins'),
            'RABBITMQ_GENERATED_CONFIG_DIR': self.path,
            # One scheduler that does not spin: the tests need the CPUs.
            'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS':
                '+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none '
                '-kernel inet_dist_use_interface {127,0,0,1}',
        }

    def is_ready(self):
        with socket.create_connection(('127.0.0.1', self.port), 5) as one:
            one.settimeout(5)
            one.sendall(b'AMQP\x00\x00\x09\x01')
            return one.recv(1) == b'\x01'

    def ctl(self, *arguments):
        """:returns: the output of rabbitmqctl."""
        return self.run(PROGRAMS + '/rabbitmqctl', '-q', '-n', self._node,
                        *arguments)

    def list(self, what, url, *columns):
        """What there is in the virtual host of a transport URL.

        :param what: queues, exchanges or bindings.
        :returns: a dict of the columns for each.
        """
        return json.loads(self.ctl('list_' + what, '-p',
                                   url.rpartition('/')[2], '--formatter',
                                   'json', *columns))

    def vhost(self):
        """:returns: the transport URL of a new, empty virtual host."""
        name = 'v%d' % next(self._vhosts)
        self.ctl('eval',
                 'rabbit_vhost:add(<<"%s">>, <<"guest">>), '
                 'rabbit_auth_backend_internal:set_permissions('
                 '<<"guest">>, <<"%s">>, <<".*">>, <<".*">>, <<".*">>, '
                 '<<"guest">>).' % (name, name))
        return self.url(name)

    def url(self, vhost=''):
        return 'rabbit://guest:guest@127.0.0.1:%d/%s' % (self.port, vhost)
