# SPDX-License-Identifier: Apache-2.0
"""pratai-status: is this installation ready for this release?"""

import sys

from oslo_config import cfg
from oslo_upgradecheck import common_checks
from oslo_upgradecheck import upgradecheck

from pratai import conf as configuration
from pratai.db import api as db_api
from pratai.db import migration


class Checks(upgradecheck.UpgradeCommands):

    def _check_schema(self):
        try:
            version = migration.version(db_api.Database(self._conf).engine())
        except Exception as error:
            return upgradecheck.Result(upgradecheck.Code.FAILURE,
                                       'No database: %s' % error)
        if version != migration.head():
            return upgradecheck.Result(
                upgradecheck.Code.FAILURE,
                'The database is at %s, this release wants %s: run '
                'pratai-manage db sync.' % (version or 'nothing',
                                            migration.head()))
        return upgradecheck.Result(upgradecheck.Code.SUCCESS)

    _upgrade_checks = (
        ('Database schema', _check_schema),
        ('Policy file', (common_checks.check_policy_json,
                         {'conf': cfg.CONF})),
    )

    def __init__(self, conf):
        self._conf = conf


def main():
    conf = configuration.register(cfg.CONF)
    return upgradecheck.main(conf, 'pratai', Checks(conf), argv=sys.argv[1:])
