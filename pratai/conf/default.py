# SPDX-License-Identifier: Apache-2.0

import socket

from oslo_config import cfg

DATABASE = '$state_path/pratai.sqlite'

# NOTE: with a dash where the option is one of a command line as well; in
# files it is state_path all the same.
OPTS = [
    cfg.StrOpt(
        'host', default=socket.gethostname(), sample_default='<hostname>',
        help='Name of this node in the service list and in RPC topics. '
             'Set it where host names are not unique or change.'),
    cfg.StrOpt(
        'state-path', default='/var/lib/pratai',
        help='Directory for what Pratai keeps on this node: packages, built '
             'images, caches, sockets of instances, and the SQLite database '
             'where that is used.'),
]


def register_opts(conf):
    conf.register_opts(OPTS)


def list_opts():
    return [('DEFAULT', OPTS)]
