# SPDX-License-Identifier: Apache-2.0

from oslo_config import cfg

MB = 1024 * 1024
GROUP = 'limits'
OPTS = [
    cfg.IntOpt('default_memory', default=128, min=16,
               help='MB of memory a request gets when its function does not '
                    'say.'),
    cfg.IntOpt('min_memory', default=32, min=16,
               help='Least memory a function may ask for, in MB.'),
    cfg.IntOpt('max_memory', default=4096, min=16,
               help='Most memory a function may ask for, in MB.'),
    cfg.IntOpt('max_cpus', default=4, min=1,
               help='Most CPUs a function may ask for.'),
    cfg.IntOpt('default_timeout', default=60, min=1,
               help='Seconds a request may run when its function does not '
                    'say.'),
    cfg.IntOpt('max_timeout', default=900, min=1,
               help='Longest timeout a function may ask for, in seconds.'),
    cfg.IntOpt('default_concurrency', default=100, min=1,
               help='Requests of one function that run at once when it does '
                    'not say.'),
    cfg.IntOpt('max_concurrency', default=1000, min=1,
               help='Most requests at once a function may ask for.'),
    cfg.StrOpt('default_runtime', default='',
               help='Runtime of functions that name none. Empty: the newest '
                    'Python 3 there is.'),
    cfg.IntOpt('max_package', default=10 * MB, min=1024,
               help='Largest zip in bytes.'),
    cfg.IntOpt('max_package_unpacked', default=50 * MB, min=1024,
               help='Most bytes a zip may unpack to, all members together.'),
    cfg.IntOpt('max_package_files', default=1000, min=2,
               help='Most members a zip may have.'),
    cfg.IntOpt('max_module', default=1 * MB, min=1024,
               help='Largest new_module.py in bytes.'),
    cfg.IntOpt('max_requirements', default=64 * 1024, min=256,
               help='Largest requirements.txt in bytes.'),
]


def register_opts(conf):
    conf.register_opts(OPTS, group=GROUP)


def list_opts():
    return [(GROUP, OPTS)]
