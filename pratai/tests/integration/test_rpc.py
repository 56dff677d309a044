# SPDX-License-Identifier: Apache-2.0
"""Calls over a real broker while those who answer them come and go."""

import threading
import time

from oslo_config import cfg

from pratai import rpc
from pratai.tests.integration import base
from pratai.tests.integration import daemon
from pratai.tests.integration import rabbitmq

TOPIC = 'test'


class Endpoint:

    def double(self, number):
        time.sleep(0.005)
        return 2 * number


class Client(rpc.Client):

    def double(self, number, timeout=60, server=None):
        return self._call('double', timeout=timeout, server=server,
                          number=number)

    def cast(self, server):
        self._cast('double', server=server, number=1)


class TestCalls(base.TestCase):

    NEEDS = (rabbitmq.RabbitMQ,)

    def setUp(self):
        super().setUp()
        self.broker = self.shared(rabbitmq.RabbitMQ)
        self.url = self.broker.vhost()

    def transport(self):
        conf = cfg.ConfigOpts()
        conf([], project='test')
        return rpc.transport(conf, self.url)

    def server(self, host, topic=TOPIC):
        server = rpc.Server(self.transport(), topic, host, Endpoint())
        server.start()
        return server

    def test_nobody_there_is_told_at_once(self):
        client = Client(self.transport(), TOPIC)
        # Longer than the test may take.
        self.assertRaises(rpc.Error, client.double, 1, timeout=3600)
        server = self.server('one')
        self.addCleanup(server.stop)
        self.assertEqual(2, client.double(1))
        self.assertRaises(rpc.Error, client.double, 1, timeout=3600,
                          server='two')
        self.assertRaises(rpc.Error, client.cast, 'two')
        self.assertEqual(4, client.double(2, server='one'))

    def test_what_the_broker_has(self):
        """As doc/source/admin/messaging.rst promises it, when nobody has
        set an option."""
        topics = (rpc.CONDUCTOR, rpc.EXECUTOR)
        for topic in topics:
            self.addCleanup(self.server('one', topic).stop)
            self.assertEqual(2, Client(self.transport(), topic).double(1))
        kept = {*topics, *(topic + '.one' for topic in topics)}
        queues = {one['name']: (one['type'], one['durable'],
                                one['arguments'])
                  for one in self.broker.list(
                      'queues', self.url, 'name', 'type', 'durable',
                      'arguments')}
        for name in kept:
            self.assertEqual(
                ('quorum', True, [['x-queue-type', 'longstr', 'quorum']]),
                queues.pop(name), name)
        # One for replies, and one for what is sent to all, of each.
        self.assertEqual(
            [*(topic + '_fanout' for topic in topics), 'reply', 'reply'],
            sorted(name.rpartition('_')[0] for name in queues))
        for name, found in queues.items():
            self.assertEqual(
                ('classic', False, [['x-expires', 'signedint', 600000]]),
                found, name)
        self.assertIn(
            {'name': 'pratai', 'type': 'topic', 'durable': True},
            self.broker.list('exchanges', self.url, 'name', 'type',
                             'durable'))
        self.assertEqual(
            {(name, name) for name in kept},
            {(one['destination_name'], one['routing_key'])
             for one in self.broker.list(
                 'bindings', self.url, 'source_name', 'destination_name',
                 'routing_key') if one['source_name'] == 'pratai'})

    def test_no_call_is_lost(self):
        servers = [self.server('one'), self.server('two')]
        client = Client(self.transport(), TOPIC)
        end = threading.Event()
        answers = []

        def call():
            number = 0
            while not end.is_set():
                number += 1
                try:
                    answers.append(client.double(number) == 2 * number)
                except rpc.Error as error:
                    answers.append(repr(error))
        callers = [threading.Thread(target=call) for _ in range(6)]
        for caller in callers:
            caller.start()

        def more():
            # So many that some were asked for after this was called.
            wanted = len(answers) + 2 * len(callers)
            daemon.until(lambda: len(answers) >= wanted)

        try:
            more()
            for _ in range(4):
                servers[0].stop()
                more()
                servers[0] = self.server('one')
                more()
        finally:
            end.set()
            for caller in callers:
                caller.join()
            for server in servers:
                server.stop()
        self.assertEqual([], [one for one in answers if one is not True])
