# SPDX-License-Identifier: Apache-2.0
"""The runner, and functions that behave badly, in containers."""

from pratai.tests.integration.docker import base
from pratai.tests.unit.runners import test_hostile
from pratai.tests.unit.runners import test_python_runner


class TestRunner(test_python_runner.Runner, base.DockerTestCase):
    pass


class TestHostile(test_hostile.Hostile, base.DockerTestCase):
    pass
