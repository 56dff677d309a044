# SPDX-License-Identifier: Apache-2.0
"""Services that are stopped while functions run for longer than the grace."""

import concurrent.futures
import socket

import sqlalchemy as sa

from pratai.tests.functional import standalone
from pratai.tests.integration import base
from pratai.tests.integration import daemon
from pratai.tests.integration import databases
from pratai.tests.integration import deployment
from pratai.tests.integration import rabbitmq

ASKS = standalone.ASKS


class TestStop(base.TestCase):

    NEEDS = (rabbitmq.RabbitMQ, databases.MariaDB)

    def setUp(self):
        super().setUp()
        self.pratai = self.useFixture(deployment.Deployment(
            self.shared(databases.MariaDB).database(),
            self.shared(rabbitmq.RabbitMQ).vhost(), conductors=2,
            executors=2, options={
                ('executor', 'shutdown_grace'): 1,
                # So that nobody has to wait until it runs out.
                ('conductor', 'lease'): 600}))
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(self.listener.close)
        self.listener.settimeout(daemon.PATIENCE)
        self.port = self.listener.getsockname()[1]

    def accept(self):
        """:returns: the connection of a function that begins to run."""
        connection, _ = self.listener.accept()
        self.addCleanup(connection.close)
        return connection

    def create(self, name, **metadata):
        return self.pratai.create(name, ASKS, network=True, **metadata)

    def executor(self):
        """:returns: the executor that runs a request now."""
        def look():
            return self.pratai.get('/v1/requests', status='running')[
                'requests']

        request, = daemon.until(look)
        return next(one for one in self.pratai.executors
                    if one.host == request['executor'])

    def stop(self, service):
        self.assertTrue(service.stop(), service.tail())

    def outcome(self, request_id):
        request = self.pratai.finished(request_id)
        return (request['status'], request['response'], request['attempt'],
                request['code'])

    def test_an_async_request_goes_to_another_node(self):
        function = self.create('asks')
        request_id = self.pratai.call(function, self.port).json()[
            'request_id']
        self.accept()
        executor = self.executor()
        self.stop(executor)
        # To the other one, where all conductors may be stopped meanwhile.
        connection = self.accept()
        self.assertNotEqual(executor.host, self.executor().host)
        for conductor in self.pratai.conductors:
            self.stop(conductor)
        connection.sendall(b'answer')
        self.pratai.conductors[1].start()
        self.assertEqual(('succeeded', 'answer', 2, None),
                         self.outcome(request_id))

    def test_a_caller_is_told(self):
        function = self.create('asks', type='sync')
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(self.pratai.call, function, self.port)
            self.accept()
            self.stop(self.executor())
            answer = waiting.result()
        self.assertEqual((500, 'platform.instance_lost'), (
            answer.status_code, answer.json()['code']))
        self.assertEqual(
            ('error', None, 1, 'platform.instance_lost'),
            self.outcome(answer.headers['X-Pratai-Request-Id']))
        # Nor does it run again by itself.
        self.listener.settimeout(3)
        self.assertRaises(TimeoutError, self.listener.accept)


class TestTakeOver(base.TestCase):
    """An executor that is killed, and started again."""

    NEEDS = (rabbitmq.RabbitMQ, databases.MariaDB)

    def test_what_it_never_had_is_no_failure(self):
        database = self.shared(databases.MariaDB).database()
        pratai = self.useFixture(deployment.Deployment(
            database, self.shared(rabbitmq.RabbitMQ).vhost()))
        function = pratai.create(
            'echo', 'def main(payload):\n    return payload\n')
        executor, = pratai.executors
        executor.kill()
        ids = {pratai.call(function, 'x').json()['request_id']
               for _ in range(5)}
        # It counts as up for a while, and they are sent to it.
        daemon.until(lambda: ids == {
            request['id'] for request in pratai.get(
                '/v1/requests', status='running')['requests']})
        executor.start()
        for request_id in ids:
            self.assertEqual('succeeded',
                             pratai.finished(request_id)['status'])
        engine = sa.create_engine(database, poolclass=sa.NullPool)
        self.addCleanup(engine.dispose)
        with engine.connect() as connection:
            self.assertEqual(5 * [(0,)], connection.execute(
                sa.text('SELECT failures FROM requests')).all())
