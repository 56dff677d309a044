# SPDX-License-Identifier: Apache-2.0

from oslo_config import cfg

GROUP = 'package_store'
OPTS = [
    cfg.StrOpt('driver', default='file',
               help='Which pratai.package_store driver keeps the zips.'),
    cfg.StrOpt('path', default='$state_path/packages',
               help='Directory of the file driver; with more than one API '
                    'process it must be shared between their nodes.'),
]


def register_opts(conf):
    conf.register_opts(OPTS, group=GROUP)


def list_opts():
    return [(GROUP, OPTS)]
