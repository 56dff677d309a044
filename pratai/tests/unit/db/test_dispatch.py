# SPDX-License-Identifier: Apache-2.0
"""The fence: claims, leases, results."""

import concurrent.futures
import time

from pratai import states
from pratai.tests import base


def result(item, status='succeeded', **values):
    now = time.time()
    return dict({'id': item['id'], 'attempt': item['attempt'],
                 'status': status, 'started_at': now, 'finished_at': now,
                 'duration': 1.5, 'start': 'warm', 'response': '{"a":1}',
                 'logs': 'log', 'truncated': False}, **values)


class TestDispatch(base.DatabaseTestCase):

    def setUp(self):
        super().setUp()
        self.echo = self.built()

    def claim(self, count=10, executor='e1', lease=30):
        return self.db.claim(self.echo['id'], executor, 'host-' + executor,
                             count, lease)

    def status(self, request_id):
        return self.db.request_get(request_id)['status']

    def test_claim_oldest_first(self):
        ids = self.queue(self.echo, 5)
        first = self.claim(2)
        self.assertEqual(ids[:2], [item['id'] for item in first])
        self.assertEqual([1, 1], [item['attempt'] for item in first])
        self.assertEqual(b'{"n":1}', first[0]['payload'])
        self.assertEqual(ids[2:], [item['id'] for item in self.claim()])
        self.assertEqual([], self.claim())

    def test_claimed_by_one_only(self):
        self.queue(self.echo, 60)
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            claims = list(pool.map(
                lambda n: self.claim(4, 'e%d' % (n % 3)), range(20)))
        ids = [item['id'] for claim in claims for item in claim]
        self.assertEqual(60, len(ids))
        self.assertEqual(60, len(set(ids)))

    def test_record(self):
        self.queue(self.echo)
        item, = self.claim()
        self.assertEqual(1, self.db.record([result(item)]))
        request = self.db.request_get(item['id'])
        self.assertEqual(('succeeded', {'a': 1}, {'n': 1}, 1.5, 'warm'), (
            request['status'], request['response'], request['payload'],
            request['duration'], request['start']))
        self.assertEqual('log', self.db.request_logs(item['id'])['logs'])

    def test_record_again(self):
        self.queue(self.echo)
        item, = self.claim()
        self.db.record([result(item)])
        self.assertEqual(0, self.db.record([
            result(item, 'failed', response=None)]))
        self.assertEqual(0, self.db.record([result(item)] * 2))
        self.assertEqual('succeeded', self.status(item['id']))

    def test_a_late_report_changes_nothing(self):
        self.queue(self.echo)
        first, = self.claim(lease=-1)
        self.assertEqual(1, self.db.redrive())
        self.assertEqual(0, self.db.record([result(first, 'failed')]))
        self.assertEqual('queued', self.status(first['id']))
        second, = self.claim(executor='e2')
        self.assertEqual(2, second['attempt'])
        self.assertEqual(0, self.db.record([result(first, 'failed')]))
        self.assertEqual('running', self.status(first['id']))
        self.assertEqual(1, self.db.record([result(second)]))
        self.assertEqual('succeeded', self.status(first['id']))

    def test_dead_after_so_many_failures_of_the_platform(self):
        request_id, = self.queue(self.echo)
        for _ in range(3):
            self.claim(lease=-1)
            self.db.redrive()
        request = self.db.request_get(request_id)
        self.assertEqual(('dead', 'platform.attempt_lost', 3),
                         (request['status'], request['code'],
                          request['attempt']))
        self.assertEqual([], self.claim())

    def test_given_back_for_lack_of_room_is_no_failure(self):
        self.queue(self.echo)
        for number in range(5):
            item, = self.claim()
            self.assertEqual(number + 1, item['attempt'])
            self.db.record([{'id': item['id'], 'attempt': item['attempt'],
                             'status': 'queued'}])
            self.assertEqual('queued', self.status(item['id']))

    def test_lease_renewed(self):
        self.queue(self.echo, 2)
        kept, lost = self.claim(lease=-1)
        self.db.renew('e1', [kept['id']], 30)
        self.db.renew('somebody else', [lost['id']], 30)
        self.assertEqual(1, self.db.redrive())
        self.assertEqual('running', self.status(kept['id']))
        self.assertEqual('queued', self.status(lost['id']))

    def register(self, host, incarnation):
        self.db.service_register('pratai-executor', host, incarnation,
                                 time.time(), {})

    def test_redrive_of_a_former_life(self):
        self.queue(self.echo, 3)
        old, = self.claim(1, 'old')
        other, = self.claim(1, 'other')
        self.register('host-old', 'newer')
        self.assertEqual(0, self.db.redrive('host-old', 'new'))
        self.register('host-old', 'new')
        self.assertEqual(1, self.db.redrive('host-old', 'new'))
        self.assertEqual('queued', self.status(old['id']))
        self.assertEqual('running', self.status(other['id']))

    def sync(self, status='succeeded', request_id='0' * 32):
        return result(
            {'id': request_id, 'attempt': 1}, status, payload='[1]',
            request={'project_id': 'p1', 'function_id': self.echo['id'],
                     'version_id': self.echo['version_id'], 'type': 'sync',
                     'event': 'webhook', 'created_at': time.time(),
                     'executor': 'h', 'executor_id': 'e1'})

    def test_sync(self):
        self.assertEqual(1, self.db.record([self.sync()]))
        self.assertEqual(0, self.db.record([self.sync('failed')]))
        request = self.db.request_get('0' * 32)
        self.assertEqual(('succeeded', [1], {'a': 1}), (
            request['status'], request['payload'], request['response']))

    def test_sync_seen_while_it_runs(self):
        self.db.record([self.sync('running')])
        self.assertEqual('running', self.status('0' * 32))
        self.assertEqual(1, self.db.record([self.sync()]))
        self.assertEqual('succeeded', self.status('0' * 32))

    def test_sync_both_in_one_batch(self):
        for order in (['running', 'succeeded'], ['succeeded', 'running']):
            request_id = order[0][0] * 32
            self.db.record([self.sync(status, request_id)
                            for status in order])
            self.assertEqual('succeeded', self.status(request_id))

    def test_sync_lost_is_not_repeated(self):
        self.db.record([self.sync('running')])
        self.register('h', 'new')
        self.assertEqual(1, self.db.redrive('h', 'new'))
        request = self.db.request_get('0' * 32)
        self.assertEqual(('error', 'platform.attempt_lost'),
                         (request['status'], request['code']))

    def test_cancel(self):
        waiting, running, done = self.queue(self.echo, 3)
        self.assertTrue(self.db.cancel_queued(waiting))
        self.assertEqual('cancelled', self.status(waiting))
        item = self.claim(1)[0]
        self.assertFalse(self.db.cancel_queued(item['id']))
        self.assertTrue(self.db.cancel_running(item['id']))
        self.assertEqual(0, self.db.record([result(item)]))
        self.assertEqual('cancelled', self.status(item['id']))

    def test_unknown_final_status(self):
        self.queue(self.echo)
        item, = self.claim()
        self.assertRaises(ValueError, self.db.record,
                          [result(item, 'building')])
        self.assertEqual('running', self.status(item['id']))

    def test_queued_functions(self):
        other = self.built('other')
        self.built('idle')
        self.queue(self.echo, 3)
        self.queue(other, 1)
        self.assertEqual(sorted([self.echo['id'], other['id']]),
                         self.db.queued_functions())
        self.assertEqual(sorted([self.echo['id'], other['id']])[:1],
                         self.db.queued_functions(limit=1))

    def test_running_counts(self):
        self.queue(self.echo, 5)
        self.claim(2, 'e1')
        self.claim(1, 'e2')
        self.assertEqual({(self.echo['id'], 'e1'): 2,
                          (self.echo['id'], 'e2'): 1},
                         self.db.running_counts())

    def test_active(self):
        self.queue(self.echo)
        self.assertEqual('inactive',
                         self.db.function_get(self.echo['id'])['status'])
        item, = self.claim()
        self.assertEqual('active',
                         self.db.function_get(self.echo['id'])['status'])
        self.db.record([result(item)])
        self.assertEqual('inactive',
                         self.db.function_get(self.echo['id'])['status'])

    def test_every_final_state_is_one_that_may_follow(self):
        for status in states.FINISHED:
            if status == states.DEAD:
                continue
            self.queue(self.echo)
            item, = self.claim()
            self.assertEqual(1, self.db.record([result(item, status)]))
            self.assertEqual(status, self.status(item['id']))
