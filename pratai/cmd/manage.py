# SPDX-License-Identifier: Apache-2.0
"""pratai-manage: what operators do to a Pratai from its own host."""

import sys

from oslo_config import cfg
from oslo_log import log

from pratai import conf as configuration
from pratai import exception
from pratai.cmd import runtimes
from pratai.db import api as db_api
from pratai.db import migration


def db_sync(conf):
    """Bring the database to the schema of this release."""
    database = db_api.Database(conf)
    before = migration.version(database.engine())
    migration.sync(database.engine())
    after = migration.version(database.engine())
    if before != after:
        print('Schema: %s -> %s' % (before or 'empty', after))


def db_version(conf):
    """Print the schema of the database and the one of this release."""
    database = db_api.Database(conf)
    print('database: %s' % (migration.version(database.engine()) or 'empty'))
    print('release:  %s' % migration.head())


def db_purge(conf):
    """Delete requests that finished long ago."""
    database = db_api.Database(conf)
    total = 0
    while count := database.request_purge(conf.command.days):
        total += count
    print('%d requests deleted' % total)


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
    days = float(text)
    if not 0 <= days < 36500:
        raise ValueError(text)
    return days


def main():
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
    log.setup(conf, 'pratai')
    try:
        conf.command.function(conf)
    except exception.PrataiError as error:
        sys.exit('pratai-manage: %s' % error.detail)


if __name__ == '__main__':
    main()
