# SPDX-License-Identifier: Apache-2.0
"""The guarantee: an accepted request is neither lost nor recorded twice."""

import collections
import concurrent.futures
import os
import signal
import threading

from oslotest import base
import requests

from pratai.tests.functional import standalone

KILLS = 3
COUNT = '''
def main(payload):
    print('run %s' % payload)
    return payload
'''


class TestKill(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.pratai = self.useFixture(standalone.Standalone(
            # A request that every kill meets is to be tried once more.
            {('conductor', 'max_attempts'): KILLS + 1}))

    def test_kill_under_load(self):
        function = self.pratai.create('count', COUNT)
        accepted = {}
        stop = threading.Event()

        def load(caller):
            number = 0
            with requests.Session() as session:
                session.trust_env = False
                while not stop.is_set():
                    number += 1
                    payload = '%d-%d' % (caller, number)
                    try:
                        response = session.post(
                            '%s/function/%s' % (self.pratai.webhook,
                                                function['id']),
                            json={'payload': payload}, timeout=60)
                    except requests.RequestException:
                        stop.wait(0.1)  # killed: nothing was promised
                        continue
                    if response.status_code == 202:
                        accepted[response.json()['request_id']] = payload

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            callers = [pool.submit(load, caller) for caller in range(8)]
            try:
                for _ in range(KILLS):
                    self._until_more(accepted, 150)
                    self.pratai.kill()
                    self.pratai.start()
                self._until_more(accepted, 50)
            finally:
                stop.set()
        for caller in callers:
            caller.result()

        self.assertGreater(len(accepted), KILLS * 150)
        outcomes = collections.Counter()
        attempts = 0
        for request_id, payload in accepted.items():
            request = self.pratai.finished(request_id)
            outcomes[request['status']] += 1
            attempts += request['attempt']
            self.assertEqual(
                ('succeeded', payload), (request['status'],
                                         request['response']), request)
            # The log is of one attempt, whatever was tried before.
            self.assertEqual('run %s\n' % payload,
                             self.pratai.logs(request_id))
        self.assertEqual({'succeeded': len(accepted)}, dict(outcomes))
        self.assertGreaterEqual(attempts, len(accepted))
        # What was in the database is what was promised; at most the
        # answers of callers who saw the kill are missing on our side.
        listed = self._list()
        self.assertEqual(len(listed), len(set(listed)))
        self.assertEqual(set(), set(accepted) - set(listed))
        self.assertLessEqual(len(listed) - len(accepted), KILLS * 8)

    @staticmethod
    def _until_more(accepted, count):
        before = len(accepted)
        standalone.until(lambda: len(accepted) > before + count)

    def _list(self):
        ids, url = [], '/v1/requests?limit=1000'
        while url:
            page = self.pratai.http.get(
                url if url.startswith('http') else self.pratai.api + url,
                timeout=60).json()
            ids += [request['id'] for request in page['requests']]
            url = page['next']
        return ids

    def test_sandbox_killed_at_the_import(self):
        """As when the node has no memory left: not the function's fault.
        """
        listener = self.useFixture(standalone.Listener())
        function = self.pratai.post_function(
            'slow', standalone.ASKS_AT_IMPORT % listener.port, network=True)
        path = '/v1/functions/' + function['id']
        listener.accept()
        place = os.path.join(self.pratai.state_path, 'sandboxes')
        name, = os.listdir(place)
        with open(os.path.join(place, name)) as record:
            pids = [int(line.split(':')[0]) for line in record]
        os.kill(pids[-1], signal.SIGKILL)
        listener.accept().close()
        standalone.until(
            lambda: self.pratai.get(path)['status'] == 'inactive')

    def test_an_import_that_ends_as_if_killed(self):
        self.pratai.stop()
        self.pratai.set(('conductor', 'max_attempts'), 1)
        self.pratai.start()
        function = self.pratai.create('ends', 'import os\nos._exit(137)\n')
        self.assertEqual(('error', 'build.import_failed'),
                         (function['status'], function['status_code']))

    def test_killed_while_building(self):
        listener = self.useFixture(standalone.Listener())
        function = self.pratai.post_function(
            'slow', standalone.ASKS_AT_IMPORT % listener.port, network=True)
        path = '/v1/functions/' + function['id']
        listener.accept()
        build, = self.pratai.get(path + '/builds')['builds']
        self.assertEqual('running', build['status'])
        self.pratai.kill()
        self.pratai.start()
        listener.accept().close()
        standalone.until(
            lambda: self.pratai.get(path)['status'] == 'inactive')
        self.assertEqual([], os.listdir(os.path.join(
            self.pratai.state_path, 'run')))
