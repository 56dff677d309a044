# SPDX-License-Identifier: Apache-2.0
"""Who may do what, with tokens of real users.

The tests are those that run without Keystone as well.
"""

from gabbi import driver

from pratai.tests.functional import api_world
from pratai.tests.functional import test_personas
from pratai.tests.integration.keystone import worlds


def load_tests(loader, tests, pattern):
    return driver.build_tests(
        test_personas.DIRECTORY, loader, test_loader_name=__name__,
        intercept=api_world.application, fixture_module=worlds,
        content_handlers=[api_world.Form])
