# SPDX-License-Identifier: Apache-2.0
"""All of it at once: Keystone, RabbitMQ, MariaDB, a registry, and nodes with
a Docker engine each."""

import fixtures

from pratai.drivers import docker_engine
from pratai.tests.integration import daemon
from pratai.tests.integration import databases
from pratai.tests.integration import deployment
from pratai.tests.integration import engine
from pratai.tests.integration import rabbitmq
from pratai.tests.integration import small
from pratai.tests.integration.docker_build import runtimes
from pratai.tests.integration.keystone import server

#: User ids of containers; each node has some of its own.
UIDS = 1910000000
UIDS_EACH = 4096
#: Where engines reach this machine, see engine.Engine.
GATEWAYS = '10.213.0.0/16'
NEEDS = (server.Cloud, rabbitmq.RabbitMQ, databases.MariaDB, small.Registry)


class Cloud(fixtures.Fixture):
    """The attributes are what runs; ``pratai`` is the Deployment.

    :param nodes: how many executors, each with an engine.
    :param offered: the runtimes, by name, of all nodes.
    :param options: {(group, name): value} for all of Pratai's processes.
    """

    def __init__(self, nodes=2, offered=('python311',), options=None,
                 **counts):
        super().__init__()
        self._nodes = nodes
        self._offered = offered
        self._options = options or {}
        self._counts = counts

    def _setUp(self):
        self.keystone = daemon.shared(server.Cloud)
        self.broker = self.useFixture(rabbitmq.RabbitMQ())
        self.database = self.useFixture(databases.MariaDB())
        self.engines = [
            self.useFixture(engine.Engine(
                network=True, uplink=True,
                args=['--insecure-registry=' + GATEWAYS]))
            for _ in range(self._nodes)]
        self.gateway = self.engines[0].gateway
        self.registry = self.useFixture(small.Registry(self.gateway))
        for one in self.engines:
            client = docker_engine.Engine(one.url, 300)
            for name in self._offered:
                runtimes.provide(client, name)
        self.pratai = self.useFixture(deployment.Deployment(
            self.database.database(), self.broker.url(),
            executors=self._nodes, options=self._all_options(),
            nodes=[self._node(number) for number in range(self._nodes)],
            token=lambda: self.keystone.token('admin'), **self._counts))
        self.keystone.add_endpoint(self.pratai.api.url)

    def _all_options(self):
        options = {
            ('api', 'auth_strategy'): 'keystone',
            ('webhook', 'trusted_networks'): '',
            ('executor', 'runtime_driver'): 'docker',
            ('builder', 'driver'): 'docker',
            ('registry', 'url'): self.registry.address + '/cloud',
            ('registry', 'insecure'): 'true',
            # The engines' rules are in networks of their own.
            ('docker', 'network_rules'): 'false',
            ('docker', 'timeout'): 120}
        options.update((('keystone_authtoken', name), value)
                       for name, value in self.keystone.options().items())
        options.update(self._options)
        return options

    def _node(self, number):
        return {('docker', 'url'): self.engines[number].url,
                ('docker', 'uid_first'): UIDS + number * UIDS_EACH,
                ('docker', 'uid_count'): UIDS_EACH}
