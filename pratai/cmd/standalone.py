# SPDX-License-Identifier: Apache-2.0
"""pratai-standalone: all of Pratai in one process."""

import logging
import multiprocessing
import os
import sys

from oslo_config import cfg
from oslo_log import log

from pratai import conf as configuration
from pratai.cmd import errors
from pratai.conf import api
from pratai.conf import default
from pratai.conf import executor
from pratai.conf import webhook


def _configuration(args):
    conf = cfg.ConfigOpts()
    conf.register_cli_opts(default.OPTS)
    for group, names in ((api, ('host', 'port')),
                         (webhook, ('host', 'port')),
                         (executor, ('data-port',))):
        conf.register_cli_opts([option for option in group.OPTS
                                if option.name in names], group=group.GROUP)
    configuration.register(conf)
    from pratai import standalone
    standalone.set_defaults(conf)
    conf(args, project='pratai', prog='pratai-standalone',
         description='All of Pratai in one process: API, webhook app, '
                     'conductor and executor on SQLite, for one machine.')
    return conf


def _start(args):
    conf = _configuration(args)
    log.setup(conf, 'pratai')
    from pratai import standalone
    os.makedirs(conf.state_path, mode=0o755, exist_ok=True)
    # NOTE: in a process of its own: what migrations import would stay in
    # memory for as long as this one lives. There are no threads yet.
    child = multiprocessing.get_context('fork').Process(target=_sync,
                                                        args=(conf,))
    child.start()
    child.join()
    if child.exitcode < 0:
        raise RuntimeError('The database was not prepared: signal %d ended '
                           'that.' % -child.exitcode)
    if child.exitcode:      # and it said why
        sys.exit(child.exitcode)
    server = standalone.Standalone(conf)
    server.start()
    return conf, server


def _sync(conf):
    import alembic.util

    from pratai.cmd import manage
    for level in manage.LOG_LEVELS:
        name, _, value = level.partition('=')
        logging.getLogger(name).setLevel(value)
    with errors.told('pratai-standalone', alembic.util.CommandError):
        manage.db_sync(conf)


def main():
    with errors.told('pratai-standalone', ValueError, RuntimeError):
        conf, server = _start(sys.argv[1:])
    print('Pratai serves the API on http://%s:%d and webhooks on '
          'http://%s:%d; stop it with Ctrl-C.' % (
              conf.api.host, conf.api.port, conf.webhook.host,
              conf.webhook.port), flush=True)
    from pratai import service
    name = service.wait_for_signal()
    print('%s: Pratai finishes what runs and stops.' % name, flush=True)
    try:
        server.stop()
    except KeyboardInterrupt:
        os._exit(130)  # asked twice: sandboxes end with this process


if __name__ == '__main__':
    main()
