# SPDX-License-Identifier: Apache-2.0
"""A whole service whose engine comes late."""

import docker
from oslotest import base as oslo_base

from pratai.tests.functional import standalone
from pratai.tests.integration import base as integration
from pratai.tests.integration import engine
from pratai.tests.integration import images


class TestService(oslo_base.BaseTestCase):

    def test_engine_comes_late(self):
        integration.cannot(self, engine.why_not())
        one = self.useFixture(engine.Engine(network=True))
        api = docker.APIClient(base_url=one.url, version='auto')
        self.addCleanup(api.close)
        images.runtime(api)
        one.kill()
        pratai = self.useFixture(standalone.Standalone({
            ('executor', 'runtime_driver'): 'docker',
            ('executor', 'heartbeat_interval'): 0.5,
            ('docker', 'url'): one.url,
            # It is not in the network of the engine.
            ('docker', 'network_rules'): False}))

        def available():
            return [item['name'] for item in
                    pratai.get('/v1/runtimes')['runtimes']
                    if item['status'] == 'available']

        def warned():
            return one.url in str(pratai.get('/v1/status')['warnings'])

        standalone.until(warned)
        self.assertEqual([], available())
        one.start()
        standalone.until(lambda: available() == ['python311'])
        standalone.until(lambda: not warned())
        self.assertEqual('ok', pratai.get('/v1/status')['status'])
        one.kill()
        standalone.until(warned)
        self.assertEqual('degraded', pratai.get('/v1/status')['status'])
        # Known runtimes stay: they are not gone for good.
        self.assertEqual(['python311'], available())
