# SPDX-License-Identifier: Apache-2.0

import logging
import os

from pratai.drivers.runtime import base as runtime_base
from pratai.drivers.runtime import fake
from pratai.tests import base
from pratai.tests import runner_client

MODULE = '''
import logging
SEEN = []
LOG = logging.getLogger('pratai')
def main(payload=None):
    SEEN.append(payload)
    print('payload', payload)
    LOG.warning('beware')
    if payload == 'fail':
        raise ValueError('no')
    if payload == 'exit':
        exit(3)
    if payload == 'set':
        return {1}
    if payload == 'large':
        return 'x' * 100000
    while payload == 'hang':
        pass
    return len(SEEN)
'''


class TestFake(base.TestCase):

    def setUp(self):
        super().setUp()
        self.driver = fake.FakeDriver(self.conf)
        self.runtime, = self.driver.runtimes()

    def instance(self, source=MODULE, isolation='request'):
        folder = os.path.join(self.state_path, 'images', 'image')
        run_dir = os.path.join(self.state_path, 'run')
        os.makedirs(folder)
        os.makedirs(run_dir)
        with open(os.path.join(folder, 'new_module.py'), 'w') as f:
            f.write(source)
        spec = runtime_base.Spec('name', run_dir, {'id': 'image'},
                                 self.runtime)
        self.sandboxes = []

        def start():
            self.sandboxes.append(self.driver.start(spec))
            self.addCleanup(self.driver.stop, self.sandboxes[0])

        one = runner_client.Instance(
            run_dir, start, dict(self.driver.settings(spec),
                                 module='new_module', entry='main',
                                 isolation=isolation, concurrency=4, spares=1,
                                 max_response=10000))
        self.addCleanup(one.close)
        return one

    def test_requests(self):
        one = self.instance()
        self.assertEqual('ready', one.header['type'], one.text)
        for payload, code in ((1, None), ('fail', 'function.failed'),
                              ('exit', 'function.exited'),
                              ('set', 'function.bad_response'),
                              ('large', 'function.response_too_large'),
                              (2, None)):
            result = one.request(payload)
            self.assertEqual(code, result.code, result)
            self.assertEqual(None if code else 1, result.value)
            self.assertTrue(result.log.text().startswith(
                'payload %s\nWARNING beware\n' % payload))

    def test_reuse(self):
        one = self.instance(isolation='instance')
        request = runner_client.Request(one)
        self.addCleanup(request.close)
        values = []
        for _ in range(3):
            request.send()
            values.append(request.result().value)
        self.assertEqual([1, 2, 3], values)

    def test_kill(self):
        one = self.instance()
        request = runner_client.Request(one)
        self.addCleanup(request.close)
        request.send('hang')
        one.send(type='kill', pid=request.pid)
        self.assertEqual(9, request.result().exited['signal'])
        self.assertEqual(1, one.request().value)
        one.send(type='kill', pid=request.pid)
        self.assertTrue(one.exited(request.pid)['clean'])

    def test_refused(self):
        one = self.instance('def main(')
        self.assertEqual('build.syntax_error', one.header['code'])

    def test_no_main(self):
        one = self.instance('def main(): pass')
        self.assertEqual('build.no_main', one.header['code'])

    def test_import_fails(self):
        one = self.instance('import no_such_module')
        self.assertEqual('build.import_failed', one.header['code'])

    def test_stop(self):
        one = self.instance()
        self.assertTrue(self.driver.inspect(self.sandboxes[0])['running'])
        one.send(type='stop')
        self.driver.stop(self.sandboxes[0])
        self.driver.stop(self.sandboxes[0])
        self.assertFalse(self.driver.inspect(self.sandboxes[0])['running'])

    def test_logs_of_the_service_are_not_those_of_functions(self):
        one = self.instance(
            'import logging\n'
            'def main(payload):\n'
            '    logging.getLogger("pratai.service").warning("internal")\n')
        self.assertEqual('', one.request().log.text())
        logging.getLogger('pratai').warning('of nobody')
