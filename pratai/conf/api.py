# SPDX-License-Identifier: Apache-2.0

from oslo_config import cfg

GROUP = 'api'
OPTS = [
    cfg.StrOpt(
        'auth_strategy', default='keystone', choices=['keystone', 'noauth'],
        help='How callers of the API prove who they are. "noauth" trusts '
             'everybody and is only served on loopback addresses.'),
    cfg.HostAddressOpt(
        'host', default='127.0.0.1',
        help='Address that pratai-standalone serves the API on. Under a WSGI '
             'server, that server decides.'),
    cfg.PortOpt('port', default=9998,
                help='Port that pratai-standalone serves the API on.'),
    cfg.IntOpt(
        'threads', default=8, min=2,
        help='Requests that pratai-standalone answers at once on the API '
             'port.'),
    cfg.IntOpt(
        'max_limit', default=1000, min=1,
        help='Most items one page of a list holds, whatever the caller asks '
             'for.'),
    cfg.IntOpt('default_limit', default=100, min=1,
               help='Items on a page when the caller names no limit.'),
]


def register_opts(conf):
    conf.register_opts(OPTS, group=GROUP)


def list_opts():
    return [(GROUP, OPTS)]
