# SPDX-License-Identifier: Apache-2.0

import queue
import threading
import uuid

from pratai import exception
from pratai import rpc
from pratai.tests import base


class Endpoint:

    def __init__(self, name, seen):
        self._name = name
        self._seen = seen

    def echo(self, value):
        return [self._name, value]

    def fail(self):
        raise exception.Unavailable('not now')

    def note(self, value):
        self._seen.put((self._name, value))


class TestInProcess(base.TestCase):
    """oslo.messaging over the in-process driver, for real."""

    def setUp(self):
        super().setUp()
        self.transport = rpc.transport(
            self.conf, 'inproc://%s/' % uuid.uuid4().hex)
        self.seen = queue.SimpleQueue()
        self.client = rpc.Client(self.transport, 'topic')

    def serve(self, host):
        server = rpc.Server(self.transport, 'topic', host,
                            Endpoint(host, self.seen))
        server.start()
        self.addCleanup(server.stop)
        return server

    def test_call(self):
        self.serve('a')
        self.assertEqual(['a', {'x': [1]}],
                         self.client._call('echo', value={'x': [1]}))

    def test_call_of_one_server(self):
        self.serve('a')
        self.serve('b')
        for host in 'abab':
            self.assertEqual([host, 1], self.client._call(
                'echo', server=host, value=1))

    def test_calls_are_shared_out(self):
        self.serve('a')
        self.serve('b')
        answered = {self.client._call('echo', value=1)[0]
                    for _ in range(4)}
        self.assertEqual({'a', 'b'}, answered)

    def test_exception(self):
        self.serve('a')
        self.assertRaises(exception.Unavailable, self.client._call, 'fail')

    def test_fanout(self):
        self.serve('a')
        self.serve('b')
        self.client._cast('note', fanout=True, value=1)
        self.assertEqual({('a', 1), ('b', 1)},
                         {self.seen.get(timeout=30) for _ in range(2)})

    def test_cast_waits_for_a_server(self):
        self.client._cast('note', value=1)
        self.serve('a')
        self.assertEqual(('a', 1), self.seen.get(timeout=30))

    def test_nobody_there(self):
        self.assertRaises(rpc.Error, self.client._call, 'echo', timeout=0.05,
                          value=1)

    def test_stop_ends_the_listening(self):
        before = set(threading.enumerate())
        server = self.serve('a')
        self.client._call('echo', value=1)
        server.stop()
        # Those of other tests may end meanwhile.
        self.assertEqual(set(), set(threading.enumerate()) - before)
        self.assertRaises(rpc.Error, self.client._call, 'echo', timeout=0.05,
                          value=1)
