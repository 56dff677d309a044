# SPDX-License-Identifier: Apache-2.0

from oslo_config import cfg

GROUP = 'standalone'
OPTS = [
    cfg.BoolOpt(
        'one_cpu', default=True,
        help='Whether the threads of pratai-standalone share one CPU. Only '
             'one of them runs at a time anyway, and handing the '
             "interpreter's lock from one CPU to another costs more than a "
             'request does. What functions run in is on all CPUs.'),
]


def register_opts(conf):
    conf.register_opts(OPTS, group=GROUP)


def list_opts():
    return [(GROUP, OPTS)]
