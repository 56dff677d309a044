# SPDX-License-Identifier: Apache-2.0

import collections

from oslotest import base

from pratai.conductor import builds
from pratai.conductor import placement


class TestOrder(base.BaseTestCase):

    def test_the_same_whatever_the_order_of_hosts(self):
        self.assertEqual(placement.order('v', ['a', 'b', 'c']),
                         placement.order('v', ['c', 'a', 'b']))

    def test_a_host_that_leaves_moves_only_what_it_had(self):
        hosts = ['a', 'b', 'c', 'd']
        for number in range(200):
            version = 'v%d' % number
            before = placement.order(version, hosts)
            after = placement.order(version, hosts[:-1])
            self.assertEqual([host for host in before if host != 'd'], after)

    def test_spread(self):
        first = collections.Counter(
            placement.order('v%d' % number, ['a', 'b', 'c'])[0]
            for number in range(600))
        for host in 'abc':
            self.assertGreater(first[host], 120)


class TestShares(base.BaseTestCase):

    def test_table(self):
        for queued, ranked, room, expected in [
            (5, ['a', 'b'], {'a': 10, 'b': 10}, [('a', 5)]),
            (5, ['a', 'b'], {'a': 3, 'b': 10}, [('a', 3), ('b', 2)]),
            (5, ['a', 'b'], {'a': 0, 'b': 2}, [('b', 2)]),
            (5, ['a', 'b'], {'a': -3, 'b': 0}, []),
            (0, ['a'], {'a': 10}, []),
            (5, ['a'], {}, []),
        ]:
            self.assertEqual(expected,
                             placement.shares(queued, ranked, room))


class TestAssign(base.BaseTestCase):

    def test_table(self):
        executors = {'i1': 'a', 'i2': 'b'}
        for running, expected in [
            ({}, 'i1'),
            ({'i1': 1}, 'i2'),
            ({'i1': 1, 'i2': 1}, 'i1'),
            ({'i1': 2, 'i2': 2}, None),
            ({'gone': 9}, 'i1'),
        ]:
            self.assertEqual(expected,
                             builds.assign(executors, running, 2))
        self.assertIsNone(builds.assign({}, {}, 2))
