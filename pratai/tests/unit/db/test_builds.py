# SPDX-License-Identifier: Apache-2.0
"""Builds that wait, fail for the platform, or make a lost image again."""

import datetime

import sqlalchemy as sa

from pratai import states
from pratai.db import models
from pratai.tests import base

CODE = 'platform.registry'


class TestBuilds(base.DatabaseTestCase):

    def queued(self, *args):
        return [one['project_id'] for one in self.db.build_queued(*args)]

    def claim(self):
        build, = self.db.build_claim('e1', 1, 30)
        return build

    def fail(self, build, most=3):
        return self.db.build_give_back(build['build_id'], build['attempt'],
                                       most, CODE, 'No registry.')

    def pass_time(self):
        """As if all that has to wait had waited."""
        with self.db.writer() as session:
            session.execute(sa.update(models.Build).where(
                models.Build.status == states.QUEUED).values(
                lease_until=datetime.datetime(2001, 1, 1)))

    def test_projects_take_turns(self):
        for number in range(3):
            self.function('f%d' % number, 'p1')
        self.function('g', 'p2')
        self.assertEqual(['p1', 'p2', 'p1', 'p1'], self.queued())

    def test_of_these_runtimes(self):
        self.function('f', 'p1', runtime='python27')
        self.function('g', 'p2')
        self.assertEqual(['p2'], self.queued(['python311', 'python313']))
        self.assertEqual([], self.queued([]))

    def test_what_the_platform_failed_waits(self):
        self.function()
        self.assertTrue(self.fail(self.claim()))
        self.assertEqual([], self.queued())
        self.pass_time()
        self.assertEqual(['p1'], self.queued())

    def test_the_platform_fails_too_often(self):
        function = self.function()
        self.assertTrue(self.fail(self.claim(), most=2))
        self.assertFalse(self.fail(self.claim(), most=2))
        function = self.db.function_get(function['id'])
        self.assertEqual((states.ERROR, CODE), (function['status'],
                                                function['status_code']))

    def lose_image(self, function):
        image = self.db.version_spec(function['version_id'])['image']
        return self.db.version_rebuild(function['version_id'], image)

    def test_a_lost_image_is_made_again_however_long_it_takes(self):
        function = self.built()
        self.assertTrue(self.lose_image(function))
        self.assertIsNone(self.db.version_spec(function['version_id']))
        for _ in range(5):
            self.assertTrue(self.fail(self.claim(), most=2))
        self.assertEqual(states.INACTIVE, self.db.function_get(
            function['id'])['status'])
        build = self.claim()
        self.db.build_finish(build['build_id'], build['attempt'],
                             {'id': 'new'}, None, None)
        self.assertEqual({'id': 'new'}, self.db.version_spec(
            function['version_id'])['image'])

    def test_an_image_is_lost_once(self):
        function = self.built()
        image = self.db.version_spec(function['version_id'])['image']
        self.assertFalse(self.db.version_rebuild(function['version_id'],
                                                 {'id': 'another'}))
        for expected in (True, False):
            self.assertEqual(expected, self.db.version_rebuild(
                function['version_id'], image))
        self.assertEqual(1, len(self.queued()))
