# SPDX-License-Identifier: Apache-2.0
"""pratai-executor: the executor as a process of its own."""

import sys

from oslo_log import log

from pratai import conf as configuration
from pratai import rpc
from pratai import service
from pratai.cmd import errors
from pratai.executor import service as executor_service


def main():
    with errors.told('pratai-executor', RuntimeError, rpc.Error):
        conf = configuration.new(sys.argv[1:], program='pratai-executor')
        log.setup(conf, 'pratai')
        executor = executor_service.ExecutorService(conf, rpc.transport(conf))
        executor.start()
    service.wait_for_signal()
    executor.stop()


if __name__ == '__main__':
    main()
