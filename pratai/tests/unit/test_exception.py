# SPDX-License-Identifier: Apache-2.0

from oslo_messaging._drivers import common

from pratai import exception
from pratai.tests import base


class TestRemote(base.TestCase):
    """What one service raises is what the one that called it gets."""

    def test_all_of_it_arrives(self):
        for error in (
                exception.Unavailable('a', code='executor.unavailable'),
                exception.Unavailable('a', retry_after=None),
                exception.Busy('b', retry_after=7),
                exception.ExecutorClosing(),
                exception.NotFound('function', 'x'),
                exception.Conflict('c', code='function.building',
                                   retry_after=1),
                exception.BuildError('build.no_main', 'd'),
                exception.SandboxError('e'),
                exception.NoSpace('e'),
                exception.Invalid('f', code='payload.too_deep')):
            try:
                raise error
            except exception.PrataiError as raised:
                text = common.serialize_remote_exception(
                    (type(raised), raised, raised.__traceback__))
            remote = common.deserialize_remote_exception(
                text, ['pratai.exception'])
            self.assertIsInstance(remote, type(error))
            self.assertEqual(
                (error.status, error.code, error.detail, error.retry_after),
                (remote.status, remote.code, remote.detail,
                 remote.retry_after))
