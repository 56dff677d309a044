# SPDX-License-Identifier: Apache-2.0
"""Schema versions, by alembic."""

import os

import alembic.command
import alembic.config
import alembic.migration
import alembic.script
import alembic.util


def _config(engine):
    config = alembic.config.Config()
    config.set_main_option('script_location', os.path.join(
        os.path.dirname(__file__), 'migrations'))
    config.attributes['engine'] = engine
    return config


def sync(engine, revision='head'):
    """Bring the schema up to a revision; what is there already stays."""
    alembic.command.upgrade(_config(engine), revision)


def version(engine):
    """:returns: the revision the database is at; None for an empty one."""
    with engine.connect() as connection:
        return alembic.migration.MigrationContext.configure(
            connection).get_current_revision()


def head():
    """:returns: the revision that this code wants."""
    return alembic.script.ScriptDirectory.from_config(
        _config(None)).get_current_head()


def known(revision):
    """:returns: whether this code has a migration of that name."""
    try:
        return alembic.script.ScriptDirectory.from_config(
            _config(None)).get_revision(revision) is not None
    except alembic.util.CommandError:
        return False
