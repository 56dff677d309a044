# SPDX-License-Identifier: Apache-2.0
"""The network of functions that may use one: out of the node, nowhere else.

A bridge of our own, made by the engine, and rules of our own for what comes
from it. The engine itself keeps containers from reaching each other within
the bridge (enable_icc=false), and those of other bridges.
"""

import logging
import os
import subprocess
import threading

from pratai import exception
from pratai.drivers import docker_engine

LOG = logging.getLogger(__name__)

SECONDS = 20
REFUSE = '-j REJECT --reject-with icmp-port-unreachable'
REFUSE6 = '-j REJECT --reject-with icmp6-port-unreachable'
# Where the kernel says whether packets within a bridge meet the rules.
WITHIN = '/proc/sys/net/bridge/bridge-nf-call-iptables'
PATH = os.environ.get('PATH', '') + ':/usr/sbin:/sbin'


class Network:
    """The bridge, and what guards it.

    :param node: the identity of the executor; others have their own bridge.
    :ivar problems: list of sentences, why it cannot be used.
    """

    def __init__(self, conf, engine, node):
        self.options = conf.docker
        self.engine = engine
        self.node = node
        self.name = 'pratai-' + node[:12]
        self.interface = 'pt-' + node[:12]
        self.problems = []
        self._lock = threading.Lock()

    def prepare(self):
        """Make it; that it cannot be is no reason not to start.

        :raises exception.EngineUnavailable:
        """
        try:
            self.ensure()
        except exception.EngineUnavailable:
            raise
        except exception.SandboxError as error:
            LOG.warning('%s', error.detail)

    def ensure(self):
        """Make it if it is not there, and see that it is closed.

        :returns: the name that the engine knows it by.
        :raises exception.SandboxError: functions cannot have a network.
        """
        with self._lock:
            try:
                self._ensure_bridge()
                if self.options.network_rules:
                    self._ensure_rules()
            except exception.NodeUnavailable:
                raise
            except exception.SandboxError as error:
                self.problems = ['Functions that use the network cannot run: '
                                 + error.detail]
                raise exception.SandboxError(self.problems[0]) from error
            self.problems = []
        return self.name

    # The bridge.

    def _ensure_bridge(self):
        with self.engine.errors('list networks'):
            found = [one for one in self.engine.api.networks(
                names=[self.name]) if one['Name'] == self.name]
        if not found:
            found = [self._create()]
        options = found[0].get('Options') or {}
        if {key: options.get(key) for key in self._options()} != \
                self._options():
            raise exception.SandboxError(
                'the network %s of the engine was made with other options; '
                'remove it' % self.name)

    def _options(self):
        prefix = 'com.docker.network.bridge.'
        return {prefix + 'name': self.interface,
                prefix + 'enable_icc': 'false',
                prefix + 'enable_ip_masquerade': 'true'}

    def _create(self):
        ipam = None
        if self.options.network_subnet:
            ipam = {'Driver': 'default',
                    'Config': [{'Subnet': self.options.network_subnet}]}
        with self.engine.errors('create a network'):
            self.engine.api.create_network(
                self.name, driver='bridge', options=self._options(),
                ipam=ipam, labels={docker_engine.NODE: self.node})
        return {'Options': self._options()}

    # The rules.

    def _ensure_rules(self):
        """:raises exception.SandboxError:"""
        for family, programs, denied in (
                (4, ('iptables-save', 'iptables-restore'),
                 self.options.network_deny),
                (6, ('ip6tables-save', 'ip6tables-restore'), None)):
            if family == 6 and not os.path.exists('/proc/net/if_inet6'):
                continue
            present = self._run(programs[0], '-t', 'filter').splitlines()
            script = changes(present, self.interface, self.node[:12], denied)
            if script:
                LOG.info('Making firewall rules for %s (IPv%d)',
                         self.interface, family)
                self._run(programs[1], '--noflush', '-w', '5', input=script)
        # NOTE: the engine sees to that when it makes such a bridge; without
        # it nothing would keep containers of one bridge apart.
        try:
            with open(WITHIN) as f:
                if f.read().strip() == '1':
                    return
        except OSError:
            pass
        raise exception.SandboxError(
            'packets within a bridge do not meet the rules of the firewall '
            '(sysctl net.bridge.bridge-nf-call-iptables is not 1)')

    @staticmethod
    def _run(*command, input=None):
        try:
            done = subprocess.run(
                command, input=input, capture_output=True, text=True,
                timeout=SECONDS, env=dict(os.environ, PATH=PATH))
        except (OSError, subprocess.SubprocessError) as error:
            raise exception.SandboxError(
                '%s: %s' % (command[0], error)) from error
        if done.returncode:
            raise exception.SandboxError('%s: %s' % (
                command[0], ' '.join(done.stderr.split())[:300]
                or 'exit code %d' % done.returncode))
        return done.stdout


def changes(present, interface, key, denied):
    """Compare rules with what there should be.

    :param present: lines of iptables-save for the table "filter".
    :param interface: the bridge.
    :param key: makes the names of our chains differ from those of others.
    :param denied: networks that cannot be reached; None for all of them.
    :returns: input for ``iptables-restore --noflush``, empty if all is well.
    """
    refuse, wanted = REFUSE6, ['']
    if denied is not None:
        refuse = REFUSE
        wanted = ['-o %s ' % interface] + ['-d %s ' % one for one in denied]
    # NOTE: the engine leaves DOCKER-USER alone, and puts it first when it
    # starts again. It is of use while it is first.
    forward = 'FORWARD'
    if [line for line in present if line.startswith('-A FORWARD ')][:1] == [
            '-A FORWARD -j DOCKER-USER']:
        forward = 'DOCKER-USER'
    chains = {
        'PRATAI-%s-IN' % key: ('INPUT', [refuse]),
        'PRATAI-%s-FWD' % key: (forward, [rule + refuse for rule in wanted])}
    script = []
    for chain, (parent, rules) in chains.items():
        rules = ['-A %s %s' % (chain, rule) for rule in rules]
        there = [line for line in present
                 if line.startswith('-A %s ' % chain)]
        if there != rules or not any(line.startswith(':%s ' % chain)
                                     for line in present):
            script += [':%s - [0:0]' % chain, *rules]
        jump = '%s -i %s -j %s' % (parent, interface, chain)
        heads = [line for line in present
                 if line.startswith('-A %s ' % parent)]
        # Nothing may let it pass before us.
        if heads[:1] != ['-A ' + jump]:
            script += ['-D ' + jump] * heads.count('-A ' + jump)
            script += ['-I ' + jump]
    return '\n'.join(['*filter', *script, 'COMMIT', '']) if script else ''
