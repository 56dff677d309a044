# SPDX-License-Identifier: Apache-2.0

from oslo_config import cfg

GROUP = 'registry'
OPTS = [
    cfg.StrOpt('url',
               help='Container registry that executors share images through: '
                    'host[:port][/prefix], as in the names of images. '
                    'Without one every node runs only what it built itself, '
                    'which is all that a single node needs.'),
    cfg.StrOpt('username', help='User of the registry; default: nobody.'),
    cfg.StrOpt('password_file',
               help="File with the user's password, readable for the "
                    'executor only.'),
    cfg.BoolOpt('insecure', default=False,
                help='Speak HTTP with the registry, or HTTPS without looking '
                     'at its certificate. The Docker engine has to be told '
                     'as well (insecure-registries), except for loopback '
                     'addresses.'),
    cfg.StrOpt('ca_file',
               help='CA certificates for the registry; default: those of '
                    'the system.'),
    cfg.StrOpt('certs_dir', default='/etc/docker/certs.d',
               help='Where the Docker engine looks for certificates of '
                    'registries. With ca_file set the executor puts it '
                    'there. Empty: somebody else does.'),
    cfg.IntOpt('attempts', default=4, min=1,
               help='How often a push or pull is tried while the registry '
                    'fails or cannot be reached, before the build or the '
                    'start of the instance fails as the fault of the '
                    'platform.'),
    cfg.FloatOpt('retry_interval', default=1.0, min=0,
                 help='Seconds before the second attempt; doubled for each '
                      'further one.'),
    cfg.FloatOpt('timeout', default=300.0, min=1,
                 help='Seconds that all attempts of a push or pull may '
                      'take.'),
]


def register_opts(conf):
    conf.register_opts(OPTS, group=GROUP)


def list_opts():
    return [(GROUP, OPTS)]
