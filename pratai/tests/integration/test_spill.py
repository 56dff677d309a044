# SPDX-License-Identifier: Apache-2.0
"""A function lives on one node for as long as that has room."""

import concurrent.futures

from pratai.tests.integration import base
from pratai.tests.integration import databases
from pratai.tests.integration import deployment
from pratai.tests.integration import rabbitmq

MEMORY = 256
SLOW = '''
import time


def main(payload):
    time.sleep(payload)
    return payload
'''


class TestSpill(base.TestCase):
    """With two nodes, each with memory for one request at a time."""

    def setUp(self):
        base.need(self, rabbitmq.RabbitMQ, databases.MariaDB)
        super().setUp()
        self.pratai = self.useFixture(deployment.Deployment(
            self.shared(databases.MariaDB).database(),
            self.shared(rabbitmq.RabbitMQ).vhost(), executors=2,
            options={('executor', 'memory'): MEMORY,
                     # Nobody would wait as long for the node that is full.
                     ('executor', 'room_seconds'): 600}))

    def nodes(self, function, *payloads):
        """:returns: where requests ran that were sent at once."""
        with concurrent.futures.ThreadPoolExecutor(len(payloads)) as pool:
            answers = list(pool.map(
                lambda payload: self.pratai.call(function, payload),
                payloads))
        self.assertEqual([200] * len(payloads),
                         [answer.status_code for answer in answers])
        return [self.pratai.finished(
            answer.headers['X-Pratai-Request-Id'])['executor']
            for answer in answers]

    def test_spill(self):
        function = self.pratai.create('slow', SLOW, type='sync',
                                      memory=MEMORY)
        self.assertEqual('inactive', function['status'], function)
        home = {node for _ in range(5) for node in self.nodes(function, 0)}
        self.assertEqual(1, len(home), home)
        both = {node for _ in range(3)
                for node in self.nodes(function, 1.5, 1.5)}
        self.assertEqual(2, len(both), both)
        # And home again.
        self.assertEqual(home, set(self.nodes(function, 0)))
