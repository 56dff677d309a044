# SPDX-License-Identifier: Apache-2.0

from http import server
import socket
import threading

from oslotest import base

from pratai import conf as configuration
from pratai import exception
from pratai.webhook import direct

FUNCTION = {'id': 'f', 'version_id': 'v', 'timeout': 5}


class Handler(server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        self.server.asked.append(self.headers['X-Ticket'])
        self.server.waits.append(self.headers['X-Wait'])
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class TestDirectPath(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        # Bound, so that nobody else listens there.
        gone = socket.socket()
        self.addCleanup(gone.close)
        gone.bind(('127.0.0.1', 0))
        self.gone = 'http://127.0.0.1:%d' % gone.getsockname()[1]
        self.places = []
        self.placed = 0
        self.path = direct.DirectPath(configuration.new(files=[]),
                                      self.place)

    def executor(self):
        """:returns: a data port that says what it is told."""
        port = server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        port.daemon_threads = True
        port.asked, port.waits, port.statuses = [], [], []
        port.url = 'http://127.0.0.1:%d' % port.server_port
        thread = threading.Thread(target=port.serve_forever)
        thread.start()
        self.addCleanup(port.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(port.shutdown)
        return port

    def place(self, function_id):
        self.placed += 1
        urls = self.places.pop(0) if len(self.places) > 1 else self.places[0]
        return {'seconds': 60, 'executors': [
            {'url': url, 'ticket': 'ticket %d' % self.placed}
            for url in urls]}

    def run_one(self, payload=b'[1]'):
        answer = self.path.run(FUNCTION, 'r', payload)
        return answer.status, bytes(answer.body)

    def test_placed_once(self):
        executor = self.executor()
        self.places = [[executor.url]]
        self.assertEqual([(200, b'[1]')] * 3,
                         [self.run_one() for _ in range(3)])
        self.assertEqual(['ticket 1'] * 3, executor.asked)

    def test_the_next_one_when_the_first_is_gone_or_busy(self):
        first, second = self.executor(), self.executor()
        self.places = [[self.gone, first.url, second.url]]
        first.statuses = [503]
        self.assertEqual((200, b'[1]'), self.run_one())
        self.assertEqual((1, 1), (len(first.asked), len(second.asked)))

    def test_nobody_waits_where_another_one_may_have_room(self):
        first, second = self.executor(), self.executor()
        self.places = [[first.url, second.url]]
        busy = b'{"code": "service.busy"}'
        first.statuses = [503]
        self.assertEqual((200, busy), self.run_one(busy))
        self.assertEqual((['no'], ['no']), (first.waits, second.waits))
        # All are full: now it waits, where it is warm.
        first.statuses, second.statuses = [503, 200], [503]
        self.assertEqual((200, busy), self.run_one(busy))
        self.assertEqual(['no', 'no', None], first.waits)
        self.assertEqual(['no', 'no'], second.waits)
        self.assertEqual(1, self.placed)

    def test_a_limit_of_the_function_is_the_same_everywhere(self):
        first, second = self.executor(), self.executor()
        self.places = [[first.url, second.url]]
        first.statuses = [503]
        busy = b'{"code": "function.busy"}'
        self.assertEqual((503, busy), self.run_one(busy))
        self.assertEqual([], second.waits)

    def test_one_alone_is_waited_for(self):
        executor = self.executor()
        self.places = [[executor.url]]
        self.run_one()
        self.assertEqual([None], executor.waits)

    def test_all_have_moved(self):
        executor = self.executor()
        self.places = [[self.gone], [executor.url]]
        self.assertEqual((200, b'[1]'), self.run_one())
        self.assertEqual(['ticket 2'], executor.asked)

    def test_stale_ticket(self):
        executor = self.executor()
        executor.statuses = [403]
        self.places = [[executor.url]]
        self.assertEqual((200, b'[1]'), self.run_one())
        self.assertEqual(['ticket 1', 'ticket 2'], executor.asked)

    def test_nobody_is_reached(self):
        self.places = [[self.gone]]
        error = self.assertRaises(exception.Unavailable, self.run_one)
        self.assertEqual('executor.unavailable', error.code)
        self.assertEqual(2, self.placed)
