# SPDX-License-Identifier: Apache-2.0
"""Control APIs that ask a real Keystone; fixtures of gabbi among them."""

import os
import unittest

import webob

from pratai.tests.functional import api_world
from pratai.tests.integration import base
from pratai.tests.integration import daemon
from pratai.tests.integration.keystone import server


def make(keystone, **options):
    """:returns: a world whose callers have tokens, not prepared yet.

    :param options: of ``[keystone_authtoken]``.
    """
    return api_world.World(
        {'api': {'auth_strategy': 'keystone'},
         'keystone_authtoken': keystone.options(**options)},
        keystone.projects[server.PROJECT].id)


class Personas(api_world.Personas):
    """Gabbi: tokens of real users in the environment."""

    def make(self):
        reason = server.Cloud.missing()
        if reason and not os.environ.get(base.REQUIRED):
            raise unittest.SkipTest(reason)
        self.keystone = daemon.shared(server.Cloud)
        return make(self.keystone)

    def tokens(self):
        return {name: self.keystone.token(name) for name in server.PERSONAS}


class TestCase(base.TestCase):
    """A test with a world and a Keystone."""

    NEEDS = (server.Cloud,)
    #: Which Keystone.
    KEYSTONE = server.Cloud
    options = {}

    def setUp(self):
        super().setUp()
        self.keystone = self.shared(self.KEYSTONE)
        self.addCleanup(self.keystone.bring_back)
        self.world = self.make_world(**self.options)

    def make_world(self, **options):
        world = make(self.keystone, **options)
        self.addCleanup(world.close)
        world.prepare()
        return world

    def call(self, token=None, path='/v1/functions', method='GET',
             world=None, **headers):
        """:returns: the answer of the API, a webob response."""
        if token is not None:
            headers['X-Auth-Token'] = token
        request = webob.Request.blank(
            path, method=method,
            headers={name.replace('_', '-'): value
                     for name, value in headers.items()})
        return request.get_response((world or self.world).application)

    def assertError(self, status, code, response):
        self.assertEqual((status, code, status), (
            response.status_int, response.json['code'],
            response.json['status']), response.text)
