# SPDX-License-Identifier: Apache-2.0
"""The guarantee: an accepted request runs at least once and is recorded
exactly once, whatever is killed meanwhile."""

import collections
import concurrent.futures
import itertools
import socketserver
import threading
import time

import requests
import sqlalchemy as sa

from pratai.db import models
from pratai.tests.integration import base
from pratai.tests.integration import cloud
from pratai.tests.integration import daemon
from pratai.tests.integration import databases
from pratai.tests.integration import deployment
from pratai.tests.integration import engine
from pratai.tests.integration import rabbitmq

CALLERS = 8
#: Seconds that something is away before it is started again.
AWAY = 1.5
#: Times as many posts as have to be accepted, after which callers give up.
MOST = 4
# Says that it runs, and who reads it counts: what is recorded of the run
# comes by another way.
COUNT = '''
import socket


def main(payload):
    with socket.create_connection(('%s', %d), 50) as one:
        one.sendall(b'%%s\\n' %% payload.encode())
    return payload
'''


class Counter(socketserver.ThreadingTCPServer):
    """Counts the runs of a function that connects to it."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, host):
        self.runs = collections.Counter()
        self._lock = threading.Lock()
        super().__init__((host, 0), None)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def finish_request(self, request, address):
        with request, request.makefile('rb') as lines:
            line = lines.readline().decode().strip()
            with self._lock:
                self.runs[line] += 1

    def handle_error(self, request, address):
        """A function that was killed half way: it ran, or it did not."""


class Load:
    """Posts at a steady rate, whatever the answers are.

    :param total: how many at least are to be accepted; it goes on until
        enough() is called.
    """

    def __init__(self, pratai, function, total, rate):
        self._url = '/function/%s' % function['id']
        self._webhooks = pratai.webhooks
        self._total = total
        self._pause = 1 / rate
        self._numbers = itertools.count()
        self._enough = False
        self._lock = threading.Lock()
        self.accepted = {}
        self.answers = collections.Counter()
        self._pool = concurrent.futures.ThreadPoolExecutor(CALLERS)
        self._due = time.monotonic()
        self._callers = [self._pool.submit(self._call)
                         for _ in range(CALLERS)]

    def _call(self):
        with requests.Session() as session:
            session.trust_env = False
            while True:
                with self._lock:
                    number = next(self._numbers)
                    if self._is_enough(number):
                        return
                    # What could not be sent in time is not made up for.
                    due = self._due = max(self._due + self._pause,
                                          time.monotonic())
                time.sleep(max(0, due - time.monotonic()))
                self._post(session, number)

    def _is_enough(self, number):
        # NOTE: one that accepts next to nothing is to fail, not to go on.
        return self._enough and (len(self.accepted) >= self._total
                                 or number >= MOST * self._total)

    def _post(self, session, number):
        webhook = self._webhooks[number % len(self._webhooks)]
        try:
            response = session.post(
                webhook.url + self._url, timeout=60,
                json={'payload': 'run-%d' % number})
        except requests.RequestException as error:
            # Killed, nothing was promised.
            self.answers[type(error).__name__] += 1
            time.sleep(0.2)
            return
        self.answers[response.status_code] += 1
        if response.status_code == 202:
            self.accepted[response.json()['request_id']] = 'run-%d' % number
        else:
            assert response.status_code == 503, response.text

    def enough(self):
        self._enough = True

    def is_over(self):
        return all(caller.done() for caller in self._callers)

    def join(self):
        for caller in self._callers:
            caller.result()
        self._pool.shutdown()


class Guarantee:

    #: Requests that are accepted at least, and how many are sent a second.
    REQUESTS, RATE = 750, 25
    #: A request that every kill meets is to be tried once more.
    OPTIONS = {('conductor', 'max_attempts'): 100}
    #: Where functions reach the counter.
    HOST = '127.0.0.1'
    RUNTIME = {}

    def start_counter(self):
        self.counter = Counter(self.HOST)
        self.addCleanup(self.counter.server_close)
        self.addCleanup(self.counter.shutdown)

    def victims(self):
        """:returns: what is killed in turn: (name, what has kill() and
            start())."""
        return [('webhook', self.pratai.webhooks[0]),
                ('conductor', self.pratai.conductors[0]),
                ('executor', self.pratai.executors[0]),
                ('RabbitMQ', self.broker),
                ('database', self.database),
                ('second conductor', self.pratai.conductors[1]),
                ('second executor', self.pratai.executors[1])]

    def test_guarantee(self):
        function = self.pratai.create(
            'count', COUNT % self.counter.server_address, network=True,
            public=True, **self.RUNTIME)
        self.assertEqual('inactive', function['status'], function)
        load = Load(self.pratai, function, self.REQUESTS, self.RATE)
        victims = self.victims()
        kills = collections.Counter()
        turn = 0
        # All of them at least once, and on for as long as callers call.
        while turn < len(victims) or not load.is_over():
            name, victim = victims[turn % len(victims)]
            time.sleep(AWAY)
            victim.kill()
            kills[name] += 1
            time.sleep(AWAY)
            since = time.time()
            victim.start()
            self.pratai.is_back(victim, since)
            turn += 1
            if turn == len(victims):
                load.enough()
        load.join()
        try:
            self._check(load)
        finally:
            self.addDetail('services', base.text(self.pratai.logs()))
        print('%d accepted, %d runs, %s, kills %s' % (
            len(load.accepted), sum(self.counter.runs.values()),
            dict(load.answers), dict(kills)))

    def _check(self, load):
        self.assertGreaterEqual(len(load.accepted), self.REQUESTS)
        self.engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        self.addCleanup(self.engine.dispose)
        # That the database was away was told.
        self.assertGreater(load.answers[503], 0)
        self.pratai.wait()
        daemon.until(self._is_quiet, seconds=300)
        rows = self._rows()
        missing = set(load.accepted) - set(rows)
        self.assertEqual(set(), missing)
        # Rows are all that were accepted; a caller may have missed its 202.
        self.assertEqual([], [tuple(row) for row in rows.values()
                              if row.status != 'succeeded'][:10])
        # What runs have sent was perhaps not all read yet.
        daemon.until(lambda: len(self.counter.runs) >= len(rows))
        self.assertEqual(set(rows), self._with_result())
        runs = sum(self.counter.runs.values())
        retries = sum(row.attempt - 1 for row in rows.values())
        self.assertGreaterEqual(runs, len(rows))
        self.assertLessEqual(runs, len(rows) + retries)
        # And each by itself.
        for request_id, payload in load.accepted.items():
            count = self.counter.runs[payload]
            self.assertTrue(1 <= count <= rows[request_id].attempt,
                            (request_id, count, rows[request_id].attempt))

    def _is_quiet(self):
        with self.engine.connect() as connection:
            return not connection.scalar(
                sa.select(sa.func.count()).select_from(models.Request).where(
                    models.Request.status.in_(['queued', 'running'])))

    def _rows(self):
        columns = models.Request.__table__.c
        with self.engine.connect() as connection:
            return {row.id: row for row in connection.execute(sa.select(
                columns.id, columns.status, columns.attempt,
                columns.failures, columns.code, columns.detail))}

    def _with_result(self):
        with self.engine.connect() as connection:
            found = connection.scalars(
                sa.select(models.RequestResult.__table__.c.id)).all()
        self.assertEqual(len(found), len(set(found)))
        return set(found)


class TestGuaranteeProcesses(Guarantee, base.TestCase):
    """With the process drivers and PostgreSQL, and without Keystone."""

    NEEDS = (rabbitmq.RabbitMQ, databases.PostgreSQL)

    def setUp(self):
        super().setUp()
        self.start_counter()
        self.broker = self.useFixture(rabbitmq.RabbitMQ())
        self.database = self.useFixture(databases.PostgreSQL())
        self.url = self.database.database()
        self.pratai = self.useFixture(deployment.Deployment(
            self.url, self.broker.url(), conductors=2, executors=2,
            options=self.OPTIONS))


class TestGuaranteeDocker(Guarantee, base.TestCase):
    """With MariaDB, Keystone, a registry, and an engine for each node, which
    is killed as well."""

    NEEDS = cloud.NEEDS
    REQUESTS, RATE = 5000, 30
    RUNTIME = {'runtime': 'python311'}

    def setUp(self):
        super().setUp()
        base.cannot(self, engine.why_not())
        self.cloud = self.useFixture(cloud.Cloud(
            options=self.OPTIONS, conductors=2))
        self.HOST = self.cloud.gateway
        self.start_counter()
        self.broker = self.cloud.broker
        self.database = self.cloud.database
        self.url = self.cloud.pratai.options['database', 'connection'
                                             ].replace('%%', '%')
        self.pratai = self.cloud.pratai

    def victims(self):
        return [*super().victims(), ('engine', self.cloud.engines[0]),
                ('second engine', self.cloud.engines[1])]
