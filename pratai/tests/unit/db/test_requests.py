# SPDX-License-Identifier: Apache-2.0

import datetime
import subprocess
import sys

from oslo_db import exception as db_exception
import sqlalchemy as sa

from pratai import exception
from pratai.db import base as db_base
from pratai.db import models
from pratai.tests import base

# PyDLL: with the interpreter's lock held.
FORKS = '''
import ctypes, os
from pratai.db import base
base.time_ordered_id()
fork = ctypes.PyDLL(None).fork
for _ in range(2):
    if not fork():
        os.write(1, (base.time_ordered_id() + '\\n').encode())
        os._exit(0)
    os.wait()
os.write(1, base.time_ordered_id().encode())
'''


class TestRequests(base.DatabaseTestCase):

    def setUp(self):
        super().setUp()
        self.echo = self.built()

    def ids(self, project_id='p1', limit=10, marker=None, sort_dir='desc',
            **filters):
        return [item['id'] for item in self.db.request_list(
            project_id, filters, limit, marker, sort_dir)]

    def test_list(self):
        other = self.built('other', 'p2')
        ids = self.queue(self.echo, 5)
        foreign = self.queue(other, 1)
        newest = ids[::-1]
        self.assertEqual(newest, self.ids())
        self.assertEqual(ids, self.ids(sort_dir='asc'))
        self.assertEqual(newest[:2], self.ids(limit=2))
        self.assertEqual(newest[2:4], self.ids(limit=2, marker=newest[1]))
        self.assertEqual([ids[4]], self.ids(marker=ids[3], sort_dir='asc'))
        self.assertEqual(foreign, self.ids('p2'))
        self.assertEqual(foreign + newest, self.ids(None))
        self.assertEqual(newest, self.ids(function_id=self.echo['id']))
        self.assertEqual([], self.ids(status='failed'))
        self.assertEqual([ids[0]], self.ids(id=ids[0]))
        self.assertEqual(newest, self.ids(id=ids[0][:8]))
        self.assertEqual([], self.ids(id='f'))

    def test_of_another_project(self):
        request_id, = self.queue(self.echo)
        for method in (self.db.request_get, self.db.request_logs):
            error = self.assertRaises(exception.NotFound, method, request_id,
                                      'p2')
            self.assertEqual('request.not_found', error.code)

    def test_all_or_none(self):
        row = dict(id='a' * 32, project_id='p1', function_id='f',
                   version_id='v', type='async', event='webhook',
                   status='queued', attempt=0, failures=0, max_attempts=3,
                   created_at=db_base.now())
        self.assertRaises(
            db_exception.DBDuplicateEntry, self.db.request_add, [row, row],
            [{'id': 'a' * 32, 'payload': b'1'}])
        self.assertEqual([], self.ids())

    def test_purge(self):
        old, new, running = self.queue(self.echo, 3)
        self.db.cancel_queued(old)
        self.db.cancel_queued(new)
        long_ago = db_base.now() - datetime.timedelta(days=31)
        with self.db.writer() as session:
            session.execute(
                sa.update(models.Request).where(models.Request.id == old)
                .values(id=db_base.time_ordered_id(long_ago),
                        finished_at=long_ago))
            session.execute(
                sa.delete(models.RequestPayload)
                .where(models.RequestPayload.id == old))
        self.assertEqual(1, self.db.request_purge(30))
        self.assertEqual(0, self.db.request_purge(30))
        self.assertEqual([running, new], self.ids())
        self.assertEqual(1, self.db.request_purge(-1))
        self.assertEqual([running], self.ids())
        with self.db.reader() as session:
            self.assertEqual([running], list(session.scalars(
                sa.select(models.RequestPayload.id))))

    def test_lists_do_not_sort(self):
        """Each list of requests walks an index, so it costs the same with
        a million rows."""
        for where in ("project_id='p'", "project_id='p' AND id < 'f'",
                      "function_id='f'", "project_id='p' AND function_id='f'",
                      "status='queued' AND function_id='f'"):
            with self.db.reader() as session:
                plan = ' '.join(row[3] for row in session.execute(sa.text(
                    'EXPLAIN QUERY PLAN SELECT * FROM requests WHERE %s '
                    'ORDER BY id DESC LIMIT 100' % where)))
            self.assertIn('USING INDEX requests_', plan)
            self.assertNotIn('TEMP B-TREE', plan, where)


class TestIds(base.TestCase):

    def test_time_ordered(self):
        before = db_base.time_ordered_id()
        self.assertEqual(32, len(before))
        self.assertEqual('7', before[12])
        self.assertIn(before[16], '89ab')
        later = [db_base.time_ordered_id() for _ in range(100)]
        self.assertEqual(100, len(set(later)))
        self.assertLessEqual(before[:12], min(later)[:12])

    def test_forks_that_python_does_not_know_of(self):
        """As uWSGI makes its workers."""
        out = subprocess.run([sys.executable, '-c', FORKS], check=True,
                             capture_output=True, text=True).stdout
        # Not what they have of the time.
        ends = [line[16:] for line in out.split()]
        self.assertEqual(3, len(set(ends)), out)
