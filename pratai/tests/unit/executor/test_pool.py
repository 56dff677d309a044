# SPDX-License-Identifier: Apache-2.0

from oslotest import base

from pratai.executor import pool

LIMITS = pool.Limits(memory=1000, max_running=8, max_instances=3,
                     instance_concurrency=2)
SPEC = {'id': 'v', 'memory': 100, 'concurrency': 5}


def view(name, version='v', ready=True, running=0, last_used=0.0):
    return pool.View(name, version, ready, running, last_used)


class TestDecide(base.BaseTestCase):

    def decide(self, views=(), memory_used=0, running=0,
               running_of_version=0, waiting=0, spec=SPEC):
        return pool.decide(spec, list(views), memory_used, running,
                           running_of_version, waiting, LIMITS)

    def test_table(self):
        use, start, wait = pool.USE, pool.START, pool.WAIT
        others = [view('a', 'x', running=1), view('b', 'y', running=1)]
        for name, expected, kwargs in [
            ('nothing there', pool.Decision(start), {}),
            ('an idle one', pool.Decision(use, instance='a'),
             {'views': [view('a')]}),
            ('another version', pool.Decision(start),
             {'views': [view('a', 'other')]}),
            ('the fullest with room', pool.Decision(use, instance='b'),
             {'views': [view('a'), view('b', running=1)]}),
            ('the last used of equals', pool.Decision(use, instance='b'),
             {'views': [view('a'), view('b', last_used=9.0)]}),
            ('all full', pool.Decision(start),
             {'views': [view('a', running=2)]}),
            ('one starts, it will have room', pool.Decision(wait),
             {'views': [view('a', ready=False)], 'waiting': 1}),
            ('one starts, others will fill it', pool.Decision(start),
             {'views': [view('a', ready=False)], 'waiting': 2}),
            ('node full of requests', pool.Decision(wait), {'running': 8}),
            ('memory all promised', pool.Decision(wait),
             {'memory_used': 901, 'views': [view('a')]}),
            ('memory just enough', pool.Decision(use, instance='a'),
             {'memory_used': 900, 'views': [view('a')]}),
            ('limit of the function', pool.Decision(wait),
             {'running_of_version': 5, 'views': [view('a')]}),
            ('no place, all busy', pool.Decision(wait),
             {'views': others + [view('c', 'z', running=1)]}),
            ('no place, one is idle', pool.Decision(start, evict='c'),
             {'views': others + [view('c', 'z')]}),
            ('no place, the oldest idle goes',
             pool.Decision(start, evict='d'),
             {'views': [view('c', 'z', last_used=5.0),
                        view('d', 'z', last_used=2.0),
                        view('e', 'z', running=1, last_used=1.0)]}),
            ('one that starts is not evicted', pool.Decision(wait),
             {'views': others + [view('c', 'z', ready=False)]}),
        ]:
            self.assertEqual(expected, self.decide(**kwargs), name)


class TestExpired(base.BaseTestCase):

    def test_only_idle_ones_that_are_old(self):
        views = [view('old', last_used=1.0), view('new', last_used=99.0),
                 view('busy', last_used=1.0, running=1),
                 view('starting', last_used=1.0, ready=False)]
        self.assertEqual(['old'], pool.expired(views, 100.0, 50.0))
