# SPDX-License-Identifier: Apache-2.0
"""Functions that misbehave in a process that serves others after them."""

import functools

from pratai.tests.functional import standalone
from pratai.tests.functional import test_hostile

# What Alice leaves behind answers while Bob's request runs.
FALLS_THROUGH = '''
import os, time


def main(payload):
    if payload == 'alice':
        if not os.fork():
            time.sleep(0.3)
            return 'secret of alice'
        return 'alice is served'
    time.sleep(1)
    return 'bob is served'
'''
FORGES = '''
import json, os, stat, struct, threading, time


def answer(header):
    head, body = json.dumps(header).encode(), b'"forged"'
    data = struct.pack('!II', len(head), len(body)) + head + body
    for fd in range(3, 64):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                os.write(fd, data)
        except OSError:
            pass


def forge():
    time.sleep(0.3)
    for more in {}, {'call': 0}, {'call': None}, {'call': True}:
        answer(dict(more, type='started', pid=1))
        answer(dict(more, type='result', status='succeeded'))


def main(payload):
    if payload == 'alice':
        threading.Thread(target=forge, daemon=True).start()
        return 'alice is served'
    if payload == 'pid':
        return os.getpid()
    time.sleep(1)
    return 'bob is served'
'''
# As if there were a child that does not die.
DENIES = '''
import os


def main(payload):
    os.waitpid = lambda pid, options: (0, 0)
    return os.getpid()
'''
COUNTS = '''
import os, time


def main(payload):
    if payload == 'leave':
        if not os.fork():
            os.setsid()
            if os.fork():
                os._exit(0)
            time.sleep(3600)
    return len([name for name in os.listdir('/proc') if name.isdigit()])
'''


class TestReused(test_hostile.TestFunctions):
    """What misbehaves does so in a process that is used again."""

    def setUp(self):
        super().setUp()
        self.pratai.create = functools.partial(self.pratai.create,
                                               isolation='instance')

    # It is memory that lasts, and with it what is in /tmp.
    test_files_do_not_last = None

    def test_many_daemons(self):
        """More of them than there may be processes."""
        function = self.pratai.create('leave', COUNTS, type='sync', limit=1)
        self.pratai.post(function)
        before = self.pratai.post(function).json()
        for _ in range(120):
            response = self.pratai.post(function, 'leave')
            self.assertEqual(200, response.status_code, response.text)
        # Those that wait for a first request come and go.
        standalone.until(
            lambda: self.pratai.post(function).json() <= before)


class TestAnswers(test_hostile.Base):
    """Everybody gets the answer to the own request."""

    def check(self, module, isolation):
        function = self.pratai.create(isolation, module, type='sync', limit=1,
                                      isolation=isolation)
        for who in ('alice', 'bob', 'alice', 'bob', 'bob'):
            response = self.pratai.post(function, who)
            self.assertEqual((200, who + ' is served'),
                             (response.status_code, response.json()))
            request = self.pratai.finished(
                response.headers['X-Pratai-Request-Id'])
            self.assertEqual(who + ' is served', request['response'])
        return function

    def test_forked_ones_that_return(self):
        for isolation in ('request', 'instance'):
            self.check(FALLS_THROUGH, isolation)

    def test_forged_ones(self):
        for isolation in ('request', 'instance'):
            function = self.check(FORGES, isolation)
        # Nobody else gets the process that somebody forges answers in.
        pids = []
        for who in ('pid', 'alice', 'bob', 'pid'):
            pids.append(self.pratai.post(function, who).json())
        self.assertNotEqual(pids[0], pids[-1])

    def test_what_cannot_be_killed(self):
        """The next request has another process, at once."""
        function = self.pratai.create('denies', DENIES, type='sync', limit=1,
                                      isolation='instance')
        pids = {self.pratai.post(function).json() for _ in range(5)}
        self.assertEqual(5, len(pids), pids)
