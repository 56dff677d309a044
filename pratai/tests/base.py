# SPDX-License-Identifier: Apache-2.0

import fixtures
from oslotest import base

from pratai import conf as configuration
from pratai.db import api as db_api
from pratai.db import migration


class TestCase(base.BaseTestCase):
    """A test with a configuration and a state directory of its own."""

    def setUp(self):
        super().setUp()
        self.state_path = self.useFixture(fixtures.TempDir()).path
        self.conf = configuration.new(files=[])
        self.conf.set_override('state_path', self.state_path)


class DatabaseTestCase(TestCase):
    """A test with a database: a real one, in a file, made by migration."""

    def connection(self):
        """:returns: the URL of an empty database; None for SQLite."""

    def setUp(self):
        super().setUp()
        connection = self.connection()
        if connection is not None:
            self.conf.set_override('connection', connection, 'database')
        self.db = db_api.Database(self.conf)
        self.addCleanup(self.db.dispose)
        migration.sync(self.db.engine())

    def function(self, name='echo', project_id='p1', **settings):
        """:returns: a new function, not built yet."""
        version = dict(runtime='python311', memory=128, cpus=1, timeout=60,
                       isolation='request', network=False, limit=10)
        version.update(settings)
        key = ('%s%s' % (name, project_id)).encode().hex().ljust(32, '0')[:32]
        return self.db.function_create(
            dict(id=key, project_id=project_id, user_id='u',
                 name=name, description='', type='async', event='webhook',
                 public=False, webhook_token='secret'),
            version,
            dict(id=key, location='somewhere/' + name, sha256='0' * 64,
                 size=1, module='def main(payload): pass', requirements=''))

    def built(self, *args, **kwargs):
        """:returns: a new function, built."""
        function = self.function(*args, **kwargs)
        build, = self.db.build_claim('e1', 1, 30)
        self.db.build_finish(build['build_id'], build['attempt'],
                             {'id': build['version_id']}, None, None)
        return self.db.function_get(function['id'])

    def queue(self, function, count=1):
        """:returns: ids of new requests, oldest first."""
        from pratai.db import base as db_base
        ids = [db_base.time_ordered_id() for _ in range(count)]
        # Ids of one millisecond are in no order; tests want one.
        ids.sort()
        self.db.request_add(
            [dict(id=id_, project_id=function['project_id'],
                  function_id=function['id'],
                  version_id=function['version_id'], type='async',
                  event='webhook', status='queued', attempt=0, failures=0,
                  max_attempts=3, created_at=db_base.now()) for id_ in ids],
            [dict(id=id_, payload=b'{"n":1}') for id_ in ids])
        return ids
