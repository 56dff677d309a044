# SPDX-License-Identifier: Apache-2.0

import alembic.autogenerate
import alembic.migration

from pratai.db import migration
from pratai.db import models
from pratai.tests import base


class TestMigration(base.DatabaseTestCase):

    def test_models_are_what_migrations_make(self):
        with self.db.engine().connect() as connection:
            context = alembic.migration.MigrationContext.configure(
                connection, opts={'compare_type': True})
            self.assertEqual([], alembic.autogenerate.compare_metadata(
                context, models.Base.metadata))

    def test_version(self):
        self.assertEqual(migration.head(),
                         migration.version(self.db.engine()))

    def test_again(self):
        function = self.function()
        migration.sync(self.db.engine())
        self.assertEqual(function, self.db.function_get(function['id']))
