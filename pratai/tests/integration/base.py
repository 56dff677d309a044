# SPDX-License-Identifier: Apache-2.0

import os

from oslotest import base
from testtools import content

from pratai.tests.integration import daemon

#: Set where what cannot run is a failure: in continuous integration.
REQUIRED = 'PRATAI_REQUIRE_INTEGRATION'


text = content.text_content


def cannot(test, reason):
    """Skip a test, where it may be skipped.

    :param reason: why it cannot run here; None when it can.
    """
    if reason is None:
        return
    if os.environ.get(REQUIRED):
        test.fail('It has to run here, and cannot: ' + reason)
    test.skipTest(reason)


def need(test, *classes):
    """Skip a test that cannot run here, and say why.

    :param classes: daemons that it starts.
    """
    for cls in classes:
        cannot(test, cls.missing())


class TestCase(base.BaseTestCase):
    """A test that starts daemons."""

    #: Classes of :mod:`daemon` without which it cannot run.
    NEEDS = ()

    def setUp(self):
        super().setUp()
        need(self, *self.NEEDS)

    def shared(self, cls):
        """:returns: the running daemon that all tests here share."""
        return daemon.shared(cls)
