# SPDX-License-Identifier: Apache-2.0

from alembic import context

from pratai.db import models

with context.config.attributes['engine'].connect() as connection:
    context.configure(connection=connection,
                      target_metadata=models.Base.metadata,
                      render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
