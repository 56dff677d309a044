# SPDX-License-Identifier: Apache-2.0
"""pratai-conductor: the conductor as a process of its own."""

import sys

from oslo_log import log

from pratai import conf as configuration
from pratai import health
from pratai import rpc
from pratai import service
from pratai.cmd import database as cmd_database
from pratai.cmd import errors
from pratai.conductor import service as conductor_service


def main():
    with errors.told('pratai-conductor', rpc.Error):
        conf = configuration.new(sys.argv[1:], program='pratai-conductor')
        log.setup(conf, 'pratai')
        conductor = conductor_service.ConductorService(
            conf, cmd_database.configured(conf), rpc.transport(conf),
            probes=health.probes(conf, keystone=False))
        conductor.start()
    service.wait_for_signal()
    conductor.stop()


if __name__ == '__main__':
    main()
