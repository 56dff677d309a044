# SPDX-License-Identifier: Apache-2.0
"""What is away: at the start of everything, and while it runs."""

import collections
import re
import time

from pratai import conf as configuration
from pratai.db import api as db_api
from pratai.db import migration
from pratai.tests.integration import base
from pratai.tests.integration import daemon
from pratai.tests.integration import databases
from pratai.tests.integration import deployment
from pratai.tests.integration import rabbitmq

ECHO = 'def main(payload):\n    return payload\n'
NOBODY = '0' * 32


class Away:

    SERVER = None

    def setUp(self):
        base.need(self, rabbitmq.RabbitMQ, self.SERVER)
        super().setUp()
        self.broker = self.useFixture(rabbitmq.RabbitMQ())
        self.database = self.useFixture(self.SERVER())
        url = self.database.database()
        self._make_schema(url)
        self.broker.kill()
        self.database.kill()
        self.seconds_away = 0
        self.away_since = time.monotonic()
        self.pratai = self.useFixture(deployment.Deployment(
            url, self.broker.url(), wait=False))

    @staticmethod
    def _make_schema(url):
        conf = configuration.new(files=[])
        conf.set_override('connection', url, 'database')
        database = db_api.Database(conf)
        migration.sync(database.engine())
        database.dispose()

    def assertRefused(self, response, *codes):
        self.assertEqual(503, response.status_code, response.text)
        self.assertIn(response.json()['code'], codes)
        self.assertGreater(int(response.headers['Retry-After']), 0)

    def test_away(self):
        self._nothing_there()
        self._database_there()
        self._all_there()
        self._broker_away()
        self._database_away()
        self._all_back()
        self._said_once()

    def _nothing_there(self):
        for service in (self.pratai.api, *self.pratai.webhooks):
            service.wait()
        self.assertRefused(
            self.pratai.http.get(self.pratai.api.url + '/v1/functions'),
            'database.unavailable')
        self.assertRefused(self.pratai.call({'id': NOBODY}),
                           'database.unavailable')

    def _database_there(self):
        self.database.start()
        self.assertEqual([], self.pratai.get('/v1/functions')['functions'])
        self.assertEqual(404, self.pratai.call({'id': NOBODY}).status_code)
        # No executor could say what runtimes there are.
        self.assertRefused(self.pratai.post_function('echo', ECHO),
                           'runtime.unavailable')
        self.assertEqual('degraded', self.pratai.get('/v1/status')['status'])
        for service in self.pratai.services:
            self.assertTrue(service.is_running(), service.host)

    def _broker_back(self):
        self.broker.start()
        self.seconds_away += time.monotonic() - self.away_since

    def _all_there(self):
        self._broker_back()
        # By themselves, with nobody started again.
        self.pratai.wait()
        self.echo = self.pratai.create('echo', ECHO)
        self.wait = self.pratai.create('wait', ECHO, type='sync')
        self.other = self.pratai.create('other', ECHO, type='sync')
        self.assertEqual(['inactive'] * 3, [
            one['status'] for one in (self.echo, self.wait, self.other)])
        self.accepted = [self._accept(1)]
        self.assertEqual('succeeded', self.pratai.finished(
            self.accepted[0])['status'])
        self.assertEqual(200, self.pratai.call(self.wait, 1).status_code)

    def _accept(self, payload):
        response = self.pratai.call(self.echo, payload)
        self.assertEqual(202, response.status_code, response.text)
        return response.json()['request_id']

    def _broker_away(self):
        self.broker.kill()
        self.away_since = time.monotonic()
        # Accepted, and answered before anybody looks for the broker.
        self.accepted += [self._accept(number) for number in range(2, 20)]
        # Where nobody knows the way yet, nobody can be asked for it.
        self.assertRefused(self.pratai.call(self.other, 1),
                           'conductor.unavailable')
        # A function is created, and built later.
        response = self.pratai.post_function('late', ECHO)
        self.assertEqual(202, response.status_code, response.text)
        self.late = response.json()
        # Of those who still report: executors go down.
        for binary in ('pratai-api', 'pratai-webhook', 'pratai-conductor'):
            daemon.until(self._is_told, binary)

    def _is_told(self, binary):
        status = self.pratai.get('/v1/status')
        return status['status'] == 'degraded' and any(
            line.startswith(binary) and 'The broker is away' in line
            for line in status['warnings'])

    def _database_away(self):
        self.database.kill()
        # What the webhook app remembers of a function is over in a second.
        time.sleep(1.5)
        for function in (self.echo, self.wait):
            self.assertRefused(self.pratai.call(function, 1),
                               'database.unavailable')
        self.assertRefused(
            self.pratai.http.get(self.pratai.api.url + '/v1/functions'),
            'database.unavailable')

    def _all_back(self):
        self.database.start()
        self.accepted.append(self._accept(20))
        self._broker_back()
        for request_id in self.accepted:
            self.assertEqual('succeeded', self.pratai.finished(
                request_id)['status'])
        path = '/v1/functions/' + self.late['id']
        daemon.until(lambda: self.pratai.get(path)['status'] == 'inactive')
        self.pratai.wait()
        for function in (self.wait, self.other):
            # Until those who lost the broker have all found it again.
            daemon.until(self._is_answered, function)
        daemon.until(lambda: self.pratai.get('/v1/status')['status'] == 'ok')

    def _is_answered(self, function):
        return self.pratai.call(function, 1).status_code == 200

    def _said_once(self):
        for service in self.pratai.services:
            text = service.tail(10 ** 6)
            lines = [line for line in text.splitlines()
                     if 'unreachable' in line or 'Connection failed' in line]
            # Away twice.
            self.assertLessEqual(len(lines), 2, text)
            self.assertNotIn('Traceback', text, service.host)
            # Nor does anything else come every second, although what was
            # tried for somebody may each time say that it failed.
            often = collections.Counter(
                re.sub('[0-9a-f-]{8,}', '', line.split(' ', 5)[-1])[:30]
                for line in text.splitlines()
                if ' WARNING ' in line or ' ERROR ' in line)
            self.assertLessEqual(max(often.values(), default=0),
                                 max(8, self.seconds_away / 2), often)


class TestAwayMariaDB(Away, base.TestCase):
    SERVER = databases.MariaDB


class TestAwayPostgreSQL(Away, base.TestCase):
    SERVER = databases.PostgreSQL
