# SPDX-License-Identifier: Apache-2.0
"""A node whose bubblewrap goes away says so, and loses nothing by it."""

import os
import shutil

import fixtures
from oslotest import base

from pratai.tests.functional import standalone

ECHO = 'def main(payload):\n    return payload\n'
ABSENT = '/no/such'
REASON = 'Bubblewrap does not work here: /no/such is not installed'


class TestBubblewrap(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        bwrap = shutil.which('bwrap')
        if bwrap is None:
            self.skipTest('bubblewrap is not installed')
        # One that can be taken away.
        self.link = os.path.join(self.useFixture(fixtures.TempDir()).path,
                                 'bwrap')
        os.symlink(bwrap, self.link)
        self.pratai = self.useFixture(standalone.Standalone({
            ('process', 'bwrap'): self.link,
            ('executor', 'heartbeat_interval'): 0.2}))
        if 'Bubblewrap' in self.warnings():
            self.skipTest('bubblewrap does not work here')

    def warnings(self):
        return '\n'.join(self.pratai.get('/v1/status')['warnings'])

    def restart(self, bwrap, isolation):
        self.pratai.stop()
        self.pratai.set(('process', 'bwrap'), bwrap)
        self.pratai.set(('process', 'isolation'), isolation)
        self.pratai.start()

    def put(self, state):
        """Have the executor in a state."""
        service, = [one for one in self.pratai.get('/v1/services')['services']
                    if one['binary'] == 'pratai-executor']
        response = self.pratai.http.patch(
            '%s/v1/services/%s' % (self.pratai.api, service['id']),
            json={'state': state}, timeout=60)
        self.assertEqual(200, response.status_code, response.text)

    def outcome(self, request_id):
        request = self.pratai.finished(request_id)
        return request['status'], request['response'], request['attempt']

    def test_a_node_that_has_to_isolate_does_not_start(self):
        function = self.pratai.create('echo', ECHO)
        self.put('disabled')
        waits = self.pratai.post(function, 'x').json()['request_id']
        error = self.assertRaises(AssertionError, self.restart, ABSENT,
                                  'bubblewrap')
        self.assertEqual('pratai-standalone: ' + REASON,
                         str(error).splitlines()[-1])
        self.restart(self.link, 'bubblewrap')
        self.put('enabled')
        self.assertEqual(('succeeded', 'x', 1), self.outcome(waits))

    def test_others_warn(self):
        function = self.pratai.create('echo', ECHO)
        # Other users have to get at what is in it then.
        for path in (self.pratai.state_path,
                     os.path.dirname(self.pratai.state_path)):
            os.chmod(path, 0o755)
        self.restart(ABSENT, 'auto')
        self.assertIn(REASON, self.warnings())
        self.assertIn('Functions are not isolated', self.warnings())
        # Where the interpreter is for root only, it waits for a sandbox;
        # elsewhere it may have been sent when the service stops, and is given
        # back. Neither uses up an attempt.
        accepted = self.pratai.post(function, 'x').json()['request_id']
        self.restart(self.link, 'auto')
        self.assertNotIn('ubblewrap', self.warnings())
        self.assertEqual(('succeeded', 'x'), self.outcome(accepted)[:2])
        self.assertEqual(0, self.pratai.failures(accepted))

    def test_others_cannot_get_at_what_they_run(self):
        if os.getuid():
            self.skipTest('Functions have the user of the service')
        function = self.pratai.create('echo', ECHO)
        sync = self.pratai.create('sync', ECHO, type='sync')
        closed = self.pratai.state_path
        os.chmod(closed, 0o700)
        self.restart(ABSENT, 'auto')
        self.assertIn('Nothing can run: other users cannot pass through %s.'
                      % closed, self.warnings())
        self.assertIn('cannot run functions now', self.warnings())
        accepted = self.pratai.post(function, 'x').json()['request_id']
        answer = self.pratai.post(sync, 'x')
        self.assertEqual((503, 'executor.unavailable'),
                         (answer.status_code, answer.json()['code']))
        self.restart(self.link, 'auto')
        self.assertEqual(('succeeded', 'x', 1), self.outcome(accepted))

    def runtimes(self):
        return [one['details']['runtimes']
                for one in self.pratai.get('/v1/services')['services']
                if one['binary'] == 'pratai-executor'][0]

    def test_others_get_at_it_while_the_service_runs(self):
        if os.getuid():
            self.skipTest('Functions have the user of the service')
        closed = self.pratai.state_path
        for path in (closed, os.path.dirname(closed)):
            os.chmod(path, 0o755)
        self.pratai.set(('process', 'interpreters'), '+')
        self.restart(ABSENT, 'auto')
        found = self.runtimes()
        if not found:
            self.skipTest('The interpreters are for root only')
        os.chmod(closed, 0o700)
        self.restart(ABSENT, 'auto')
        self.assertEqual([], self.runtimes())
        os.chmod(closed, 0o755)
        standalone.until(lambda: self.runtimes() == found)
        self.assertNotIn('Nothing can run', self.warnings())
        name = found[0]
        function = self.pratai.create('echo', ECHO, runtime=name, type='sync')
        self.assertEqual('x', self.pratai.post(function, 'x').json())

    def test_it_goes_while_the_service_runs(self):
        function = self.pratai.create('echo', ECHO)
        sync = self.pratai.create('sync', ECHO, type='sync')
        os.rename(self.link, self.link + '.away')
        text = 'Bubblewrap is gone: there is no %s.' % self.link
        # Before conductors know, and after that.
        accepted = [self.pratai.post(function, 'x').json()['request_id']]
        answer = self.pratai.post(sync, 'x')
        self.assertEqual(503, answer.status_code)
        self.assertIn(answer.json()['code'],
                      ('platform.sandbox', 'executor.unavailable'))
        standalone.until(lambda: text in self.warnings())
        self.assertIn('cannot run functions now', self.warnings())
        accepted.append(self.pratai.post(function, 'x').json()['request_id'])
        os.rename(self.link + '.away', self.link)
        for request_id in accepted:
            self.assertEqual(('succeeded', 'x'), self.outcome(request_id)[:2])
        self.assertEqual('x', self.pratai.post(sync, 'x').json())
