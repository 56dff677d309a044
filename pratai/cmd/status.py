# SPDX-License-Identifier: Apache-2.0
"""pratai-status: is this installation ready for this release?"""

import logging
import sys

from oslo_config import cfg
from oslo_upgradecheck import upgradecheck

from pratai import conf as configuration
from pratai import upgrade
from pratai.cmd import errors


def main():
    conf = configuration.register(cfg.ConfigOpts())
    # What it would say of a database is in the results.
    logging.getLogger('oslo_db').setLevel(logging.CRITICAL)
    with errors.told('pratai-status'):
        return upgradecheck.main(conf, 'pratai', upgrade.Checks(conf),
                                 argv=sys.argv[1:])


if __name__ == '__main__':
    sys.exit(main())
