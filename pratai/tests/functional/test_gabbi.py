# SPDX-License-Identifier: Apache-2.0
"""The API as its callers see it: the tests are in gabbits/*.yaml."""

import os

from gabbi import driver

from pratai.tests.functional import api_world


def load_tests(loader, tests, pattern):
    return driver.build_tests(
        os.path.join(os.path.dirname(__file__), 'gabbits'), loader,
        test_loader_name=__name__, intercept=api_world.application,
        fixture_module=api_world, content_handlers=[api_world.Form])
