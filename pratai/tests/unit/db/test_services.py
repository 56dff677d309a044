# SPDX-License-Identifier: Apache-2.0

import datetime
import time

import sqlalchemy as sa

from pratai import exception
from pratai.db import models
from pratai.tests import base

OFFERED = [{'name': name, 'language': 'python', 'version': version,
            'description': ''} for name, version in (
    ('python39', '3.9.2'), ('python311', '3.11.2'), ('python27', '2.7.18'))]


class TestServices(base.DatabaseTestCase):

    def register(self, host='h', incarnation='i1', runtimes=()):
        self.db.service_register(
            'pratai-executor', host, incarnation, time.time(),
            {'runtimes': list(runtimes)}, {'key': 'secret'})

    def test_beat(self):
        self.assertFalse(self.db.service_beat('pratai-executor', 'h', 'i1',
                                              {}))
        self.register()
        self.assertTrue(self.db.service_beat('pratai-executor', 'h', 'i1',
                                             {'x': 1}))
        self.assertFalse(self.db.service_beat('pratai-executor', 'h', 'i0',
                                              {}))
        service, = self.db.service_list()
        self.assertEqual(('up', {'x': 1}), (service['status'],
                                            service['details']))
        self.assertNotIn('private', service)

    def test_state(self):
        self.register()
        service, = self.db.service_list()
        self.assertEqual(('enabled', None), (service['state'],
                                             service['state_reason']))
        changed = self.db.service_set_state(service['id'], 'draining', 'why')
        self.assertEqual(('draining', 'why'), (changed['state'],
                                               changed['state_reason']))
        # It outlasts a restart, in order or not, and no heartbeat ends it.
        self.db.service_beat('pratai-executor', 'h', 'i1', {})
        self.db.service_remove('pratai-executor', 'h', 'i1')
        gone, = self.db.service_list()
        self.assertEqual(('down', 'draining'), (gone['status'],
                                                gone['state']))
        self.register(incarnation='i2')
        back, = self.db.service_list()
        self.assertEqual((service['id'], 'up', 'draining'), (
            back['id'], back['status'], back['state']))
        self.db.service_set_state(service['id'], 'enabled')
        self.db.service_remove('pratai-executor', 'h', 'i2')
        self.assertEqual([], self.db.service_list())
        self.assertRaises(exception.NotFound, self.db.service_set_state,
                          service['id'], 'enabled')

    def test_one_row_a_process(self):
        self.register(incarnation='i1')
        self.register(incarnation='i2')
        service, = self.db.service_list()
        self.assertEqual('i2', service['incarnation'])
        self.db.service_remove('pratai-executor', 'h', 'i1')
        self.assertEqual(1, len(self.db.service_list()))
        self.db.service_remove('pratai-executor', 'h', 'i2')
        self.assertEqual([], self.db.service_list())

    def test_down(self):
        self.register()
        self.assertEqual('secret', self.db.executors_up()[0]['private'][
            'key'])
        self.register('old')
        with self.db.writer() as session:
            session.execute(sa.update(models.Service).where(
                models.Service.host == 'old').values(
                updated_at=datetime.datetime(2001, 1, 1)))
        self.register('h')
        self.assertEqual({'h': 'up', 'old': 'down'}, {
            item['host']: item['status'] for item in self.db.service_list()})
        self.assertEqual(['h'], [item['host']
                                 for item in self.db.executors_up()])

    def test_runtimes(self):
        self.db.runtimes_offered(OFFERED)
        self.db.runtimes_offered(OFFERED)
        self.register(runtimes=['python39', 'python27'])
        self.assertEqual(
            [('python27', 'available', False), ('python39', 'available',
                                                True),
             ('python311', 'unavailable', False)],
            [(item['name'], item['status'], item['default'])
             for item in self.db.runtime_list()])
        self.conf.set_override('default_runtime', 'python27', 'limits')
        self.assertTrue(self.db.runtime_get('python27')['default'])
        by_id = self.db.runtime_get(self.db.runtime_get('python39')['id'])
        self.assertEqual('python39', by_id['name'])
        self.assertRaises(exception.NotFound, self.db.runtime_get, 'perl')

    def test_a_newer_version_of_a_runtime(self):
        self.db.runtimes_offered(OFFERED)
        self.db.runtimes_offered([dict(OFFERED[0], version='3.9.9')])
        self.assertEqual('3.9.9',
                         self.db.runtime_get('python39')['version'])
