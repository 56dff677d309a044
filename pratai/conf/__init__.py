# SPDX-License-Identifier: Apache-2.0
"""All options of Pratai, a module a group.

Nothing reads an option at import; a process makes its ConfigOpts with
:func:`new` and hands it down.
"""

import os

from oslo_config import cfg
from oslo_db import options as db_options
from oslo_log import log
from oslo_policy import opts as policy_opts

from pratai.conf import api
from pratai.conf import builder
from pratai.conf import conductor
from pratai.conf import default
from pratai.conf import docker
from pratai.conf import executor
from pratai.conf import libraries
from pratai.conf import limits
from pratai.conf import package_store
from pratai.conf import process
from pratai.conf import registry
from pratai.conf import standalone
from pratai.conf import webhook

GROUPS = (default, api, webhook, conductor, executor, limits, builder,
          package_store, process, docker, registry, standalone)


def register(conf):
    """Register every option of Pratai and of the libraries it configures."""
    for group in GROUPS:
        group.register_opts(conf)
    log.register_options(conf)
    policy_opts.set_defaults(conf, policy_file='policy.yaml')
    libraries.database()
    conf.register_opts(db_options.database_opts, group='database')
    return conf


def new(args=None, program='pratai', files=None):
    """A fresh configuration.

    :param args: command line, without the program; None for none.
    :param files: configuration files; None for those that the environment
        variable OS_PRATAI_CONFIG_FILES names (with a colon between two), or
        else the usual places. A WSGI server has no command line for us.
    """
    conf = register(cfg.ConfigOpts())
    if files is None and os.environ.get('OS_PRATAI_CONFIG_FILES'):
        files = os.environ['OS_PRATAI_CONFIG_FILES'].split(':')
    conf(args or [], project='pratai', prog=program,
         default_config_files=files)
    if conf.log_dir:
        # NOTE: oslo.log asks the stack for the name of the program, and a
        # WSGI server is not there.
        conf.set_default('log_file', program + '.log')
    return conf
