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


def executor(host, state='enabled', draining=False, runtimes=('py',)):
    return {'host': host, 'incarnation': 'i-' + host, 'state': state,
            'details': {'draining': draining, 'runtimes': list(runtimes)}}


#: Details of an executor whose Docker engine does not answer.
AWAY = {'available': False, 'runtimes': ['py']}
#: Of one that has not heard yet that it is enabled again.
PAUSED = {'paused': True, 'runtimes': ['py']}


def spec(node=None, runtime='py'):
    return {'id': 'v', 'runtime': runtime, 'image': {'node': node}}


class TestTakes(base.BaseTestCase):

    def test_table(self):
        for one, wanted, expected in [
            (executor('a'), spec(), True),
            (executor('a'), spec(node='a'), True),
            (executor('a'), spec(node='b'), False),
            (executor('a'), spec(runtime='other'), False),
            (executor('a'), dict(spec(), image=None), True),
            (executor('a', state='disabled'), spec(), False),
            (executor('a', state='draining'), spec(), False),
            (executor('a', draining=True), spec(), False),
            (dict(executor('a'), details=AWAY), spec(), False),
            (dict(executor('a'), details=PAUSED), spec(), False),
        ]:
            self.assertEqual(expected, placement.takes(one, wanted),
                             (one, wanted))


class TestIsStranded(base.BaseTestCase):

    def test_table(self):
        for executors, wanted, down_for, expected in [
            # Any node can have it.
            ([executor('a')], spec(), 100, False),
            # Its node is up.
            ([executor('a'), executor('b')], spec('a'), 0, False),
            # Its node may come back, or not.
            ([executor('b')], spec('a'), 5, False),
            ([executor('b')], spec('a'), 60, True),
            # An operator keeps its node from work.
            ([executor('a', state='draining'), executor('b')], spec('a'), 0,
             True),
            # It is being restarted, as a rule.
            ([executor('a', draining=True), executor('b')], spec('a'), 5,
             False),
            # It does not offer the runtime any more.
            ([executor('a', runtimes=['other']), executor('b')], spec('a'),
             60, True),
            # Its engine may come back, or not.
            ([dict(executor('a'), details=AWAY), executor('b')], spec('a'),
             5, False),
            ([dict(executor('a'), details=AWAY), executor('b')], spec('a'),
             60, True),
            # Nobody else could run it.
            ([executor('a', state='disabled')], spec('a'), 0, False),
            ([executor('b', runtimes=['other'])], spec('a'), 60, False),
            ([], spec('a'), 60, False),
        ]:
            self.assertEqual(expected, placement.is_stranded(
                {one['host']: one for one in executors}, wanted, down_for,
                60), (executors, wanted, down_for))


class TestChoose(base.BaseTestCase):

    def test_table(self):
        a, b = executor('a'), executor('b')
        for running, expected in [
            ([], a),
            (['i-a'], b),
            (['i-a', 'i-b'], a),
            (['i-a', 'i-b', 'i-b', 'i-a'], None),
            (['gone'] * 9, a),
        ]:
            chosen = builds.choose(
                [{'id': 'x', 'project_id': 'p', 'runtime': 'py'}], [a, b],
                [{'executor_id': one, 'project_id': 'q'} for one in running],
                2)
            self.assertEqual(expected and ('x', expected), chosen)

    def test_projects_take_turns(self):
        queued = [{'id': 'a%d' % n, 'project_id': 'a', 'runtime': 'py'}
                  for n in range(3)]
        queued.append({'id': 'b0', 'project_id': 'b', 'runtime': 'py'})
        chosen, _ = builds.choose(queued, [executor('a')], [], 2)
        self.assertEqual('a0', chosen)
        running = [{'executor_id': 'i-a', 'project_id': 'a'}]
        chosen, _ = builds.choose(queued[1:], [executor('a')], running, 2)
        self.assertEqual('b0', chosen)

    def test_one_that_nobody_can_build_blocks_no_other(self):
        queued = [{'id': 'x', 'project_id': 'p', 'runtime': 'other'},
                  {'id': 'y', 'project_id': 'p', 'runtime': 'py'}]
        self.assertEqual('y', builds.choose(queued, [executor('a')], [],
                                            2)[0])

    def test_nothing_to_do(self):
        self.assertIsNone(builds.choose([], [executor('a')], [], 2))
        self.assertIsNone(builds.choose(
            [{'id': 'x', 'project_id': 'p', 'runtime': 'py'}], [], [], 2))
