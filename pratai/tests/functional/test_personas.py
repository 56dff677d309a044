# SPDX-License-Identifier: Apache-2.0
"""Who may do what, without Keystone: the tests are in personas/*.yaml."""

import os

from gabbi import driver

from pratai.tests.functional import api_world

DIRECTORY = os.path.join(os.path.dirname(__file__), 'personas')


def load_tests(loader, tests, pattern):
    return driver.build_tests(
        DIRECTORY, loader, test_loader_name=__name__,
        intercept=api_world.application, fixture_module=api_world,
        content_handlers=[api_world.Form])
