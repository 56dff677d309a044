# SPDX-License-Identifier: Apache-2.0
"""Real databases whose disk is full, and has room again."""

import errno
import os

from pratai.tests import small_disk
from pratai.tests.functional import standalone
from pratai.tests.integration import base
from pratai.tests.integration import daemon
from pratai.tests.integration import databases

MODULE = 'def main(payload):\n    return payload\n'
SIZE = 50000            # bytes of a payload; it cannot be compressed
MOST = 1000             # calls until there has to be no room left


class Small:
    """Mixed into a server: its data is on a small disk."""

    MB = None

    @classmethod
    def missing(cls):
        return super().missing() or small_disk.why_not()

    def prepare(self):
        self.disk = os.path.join(self.path, 'data')
        os.mkdir(self.disk)
        small_disk.mount(self, self.disk, 'size=%dm' % self.MB)
        self.own(self.disk)
        super().prepare()

    def fill(self):
        path = os.path.join(self.disk, 'filler')
        with open(path, 'wb') as filler:
            standalone.until(self._take_all, filler.fileno())

    def _take_all(self, descriptor):
        place = os.fstatvfs(descriptor)
        try:
            os.posix_fallocate(descriptor, 0, place.f_bavail * place.f_frsize)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            return False    # the server has taken some of it meanwhile
        return True

    def make_room(self):
        os.unlink(os.path.join(self.disk, 'filler'))


class SmallPostgreSQL(Small, databases.PostgreSQL):

    MB = 160


class SmallMariaDB(Small, databases.MariaDB):

    MB = 400


class FullDatabase:

    SERVER = None

    def setUp(self):
        base.need(self, self.SERVER)
        super().setUp()
        self.server = self.useFixture(self.SERVER())
        self.pratai = self.useFixture(standalone.Standalone({
            ('database', 'connection'): self.server.database()}))

    def until_refused(self, function):
        """:returns: the ids of the requests that there was room for still.
        """
        accepted = []
        while len(accepted) < MOST:
            response = self.pratai.post(
                function, os.urandom(SIZE // 2).hex())
            if not response.ok:
                self.assertEqual((503, 'database.unavailable'), (
                    response.status_code, response.json()['code']))
                self.assertLessEqual(1, int(response.headers['Retry-After']))
                return accepted
            accepted.append(response.json()['request_id'])
        self.fail('%d requests were accepted' % MOST)

    def is_back(self, function):
        self.start_again()
        return self.pratai.post(function, 1).ok

    def test_full_and_with_room_again(self):
        kept = self.pratai.create('kept', MODULE)
        waits = self.pratai.create('waits', MODULE, type='sync')
        accepted = [self.pratai.post(kept, 1).json()['request_id']]
        self.server.fill()
        accepted += self.until_refused(kept)
        accepted += self.while_full(waits)
        self.server.make_room()
        daemon.until(self.is_back, kept)
        for request_id in accepted:
            self.assertEqual('succeeded',
                             self.pratai.finished(request_id)['status'])
        self.assertEqual('inactive',
                         self.pratai.create('new', MODULE)['status'])


class TestFullPostgreSQL(FullDatabase, base.TestCase):

    SERVER = SmallPostgreSQL

    def while_full(self, waits):
        # What only reads goes on, and so does what keeps its result later.
        self.assertEqual(2, len(self.pratai.get('/v1/functions')[
            'functions']))
        response = self.pratai.post(waits, 1)
        self.assertEqual((200, 1), (response.status_code, response.json()))
        return [response.headers['X-Pratai-Request-Id']]

    def start_again(self):
        self.assertTrue(self.server.is_running())


class TestFullMariaDB(FullDatabase, base.TestCase):
    """It ends itself when it cannot write."""

    SERVER = SmallMariaDB

    def while_full(self, waits):
        return []

    def start_again(self):
        if not self.server.is_running():
            self.server.kill()
            self.server.start()
