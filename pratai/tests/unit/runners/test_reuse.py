# SPDX-License-Identifier: Apache-2.0
"""Processes that serve one request after another, and do so whatever the
requests before them did."""

from pratai.tests.unit.runners import base
from pratai.tests.unit.runners import test_hostile


class Reuse(test_hostile.Hostile):
    """The same functions, and what is different here."""

    def instance(self, *args, **kwargs):
        kwargs.setdefault('isolation', 'instance')
        return super().instance(*args, **kwargs)

    def test_reused(self):
        self.assertEqual([1, 2, 3], [self.do(self.one, 'count').value
                                     for _ in range(3)])

    def test_many_daemons(self):
        """More of them than there may be processes."""
        one = self.one = self.ready(settings={'limits': {'nproc': 40}})
        pid = self.do(one, 'echo').pid
        for _ in range(40):
            result = self.do(one, 'daemons')
            self.assertEqual(('succeeded', pid), (result.status, result.pid),
                             result)
            # They are gone before there is an answer.
            self.assertEqual([], self.do(one, 'alive',
                                         pids=result.value).value)
        self.assertLessEqual(self.processes(), 4)

    def test_what_cannot_be_killed(self):
        """The next request has another process."""
        for _ in range(3):
            pid = self.do(self.one, 'echo').pid
            result = self.do(self.one, 'deny_ends')
            self.assertEqual(('succeeded', pid), (result.status, result.pid),
                             result)
            self.assertNotEqual(pid, self.do(self.one, 'echo').pid)

    def test_broken_output(self):
        """It stays as it is, like all that is in memory."""
        for _ in range(2):
            result = self.failed('function.failed', 'replace_output')
            self.assertIn('with broken output', result.log.text())
        self.one = self.ready()
        self.assertEqual('closed', self.succeeded('close_output'))

    def test_broken_modules(self):
        """As above: it is this process that is broken."""
        result = self.do(self.one, 'break_modules')
        self.assertTrue(result.status or result.exited, result)
        with self.running(self.one, 'wait', 'waiting'):
            pass

    # Files elsewhere than in the directory of the request stay as well.
    test_files_left = test_next_request_finds_nothing = None


class TestPython27(Reuse, base.RunnerTestCase):
    which = 'python27'


class TestNewestPython3(Reuse, base.RunnerTestCase):
    which = 'newest'


class TestWithoutSandbox(Reuse, base.RunnerTestCase):
    isolation = 'none'
