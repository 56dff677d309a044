# SPDX-License-Identifier: Apache-2.0
"""pratai-manage: what operators do to a Pratai from its own host."""

import argparse
import sys

import alembic.util
from oslo_config import cfg
from oslo_log import log

from pratai import conf as configuration
from pratai import exception
from pratai.cmd import database as cmd_database
from pratai.cmd import errors
from pratai.cmd import runtimes
from pratai.db import migration

#: What the commands tell in a line of their own: steps of migrations, and what
#: becomes their error.
LOG_LEVELS = ('alembic=WARN', 'oslo_db.sqlalchemy.exc_filters=CRITICAL',
              'pratai.drivers.docker_engine=CRITICAL')


def db_sync(conf):
    """Bring the database to the schema of this release."""
    engine = cmd_database.connect(conf, create=True).engine()
    before = migration.version(engine)
    migration.sync(engine)
    after = migration.version(engine)
    if before != after:
        print('Schema: %s -> %s' % (before or 'empty', after))


def db_version(conf):
    """Print the schema of the database and the one of this release."""
    database = _existing(conf)
    print('database: %s' % (migration.version(database.engine()) or 'empty'))
    print('release:  %s' % migration.head())


def db_purge(conf):
    """Delete requests that finished long ago."""
    database = _existing(conf)
    if migration.version(database.engine()) is None:
        raise exception.Invalid('The database is empty: run pratai-manage '
                                'db sync.')
    total = 0
    while count := database.request_purge(conf.command.days):
        total += count
    print('%d requests deleted' % total)


def _existing(conf):
    database = cmd_database.connect(conf)
    if database is None:
        # NOTE: opening it would make it.
        raise exception.Invalid(
            'There is no database at %s: name another one with '
            '--database-connection or [database]connection, or run '
            'pratai-manage db sync.' % conf.database.connection)
    return database


def _commands(subparsers):
    parser = subparsers.add_parser('db', help='The database.')
    actions = parser.add_subparsers(dest='action', required=True)
    actions.add_parser('sync', help=db_sync.__doc__).set_defaults(
        function=db_sync)
    actions.add_parser('version', help=db_version.__doc__).set_defaults(
        function=db_version)
    purge = actions.add_parser('purge', help=db_purge.__doc__)
    purge.add_argument(
        '--days', type=_days, default=30, metavar='DAYS',
        help='those that finished more than so many days ago '
             '(default: 30; 0 deletes all that have finished)')
    purge.set_defaults(function=db_purge)
    runtimes.add(subparsers)


def _days(text):
    try:
        days = float(text)
    except ValueError:
        days = -1
    if not 0 <= days < 36500:
        raise argparse.ArgumentTypeError(
            '%r is not a number of days from 0 to 36500' % text)
    return days


def main():
    # The latter is for a revision that this release does not know.
    with errors.told('pratai-manage', alembic.util.CommandError):
        _main()


def _main():
    conf = configuration.register(cfg.ConfigOpts())
    conf.register_cli_opts([
        cfg.StrOpt('database-connection', metavar='URL',
                   help='The database, instead of the one configured.'),
        cfg.SubCommandOpt('command', title='Commands',
                          handler=_commands)])
    conf(sys.argv[1:], project='pratai', prog='pratai-manage')
    if conf.database_connection:
        conf.set_override('connection', conf.database_connection,
                          group='database')
    # Standard output is for what was asked.
    conf.set_default('use_stderr', True)
    conf.set_default('default_log_levels', [
        *log.get_default_log_levels(), *LOG_LEVELS])
    log.setup(conf, 'pratai')
    conf.command.function(conf)


if __name__ == '__main__':
    main()
