# SPDX-License-Identifier: Apache-2.0
"""The database, for commands that somebody reads the errors of."""

import os

from oslo_db import exception as db_exception
from sqlalchemy import exc as sa_exc

from pratai import exception
from pratai.db import api as db_api


def configured(conf):
    """:returns: the database, which may be away for now.

    :raises exception.Invalid: no waiting makes it come: its URL is none, or
        its driver is not installed.
    """
    try:
        database = db_api.Database(conf)
        database.engine()
    except (sa_exc.ArgumentError, ImportError) as error:
        raise exception.Invalid('[database]connection: %s' % error) from error
    return database


def connect(conf, create=False):
    """:returns: the database; None for an SQLite file that is not there.

    :param create: whether to make that file instead.
    :raises exception.Invalid: it cannot be had.
    """
    database = configured(conf)
    if (database.is_sqlite and not create
            and not os.path.exists(database.url.database or '')):
        return None
    try:
        database.engine().connect().close()
    except db_exception.DBError as error:
        raise exception.Invalid('The database %s cannot be used: %s' % (
            # Without its password.
            database.url.render_as_string(), exception.text(error))) from error
    return database
