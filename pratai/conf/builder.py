# SPDX-License-Identifier: Apache-2.0

from oslo_config import cfg

GROUP = 'builder'
OPTS = [
    cfg.StrOpt('driver', default='process',
               help='Which pratai.builder driver makes images. It must suit '
                    'the runtime driver.'),
    cfg.StrOpt('runtimes_dir',
               help='Folder with the YAML files of the runtimes that '
                    '"pratai-manage runtime build" makes images of; default: '
                    '/etc/pratai/runtimes.d, or where the package was '
                    'installed to.'),
    cfg.BoolOpt('shared', default=False,
                help='For the process driver: whether images/, layers/ and '
                     'cache/ below state_path are the same files on every '
                     'node, on a network file system. Then a function that '
                     'was built on one node runs on all of them; otherwise '
                     'only there. They and builds/, from where things are '
                     'renamed into them, have to be links to folders of one '
                     'mount.'),
    cfg.IntOpt('timeout', default=600, min=1,
               help='Seconds in which dependencies have to be installed.'),
    cfg.IntOpt('memory', default=2048, min=64,
               help='MB of memory that installing dependencies may use.'),
    cfg.FloatOpt('cpus', default=2, min=0.1,
                 help='Processors that one build may use, where control '
                      'groups are to be had.'),
    cfg.IntOpt('max_processes', default=256, min=16,
               help='Processes and threads that one build may have.'),
    cfg.IntOpt('max_layer', default=2048, min=1,
               help='MB on disk that the dependencies of a function may '
                    'take. While they are built they may take twice that.'),
    cfg.IntOpt('max_layer_files', default=100000, min=10,
               help='Files and folders that the dependencies of a function '
                    'may have.'),
    cfg.IntOpt('min_free', default=256, min=0,
               help='MB that have to stay free on the disk of state_path. '
                    'With less, builds fail as the fault of the node, to be '
                    'tried again.'),
    cfg.IntOpt('max_log', default=256 * 1024, min=1024,
               help='Bytes of the build log that are kept.'),
    cfg.StrOpt('index_url',
               help='Package index that dependencies come from; default: '
                    "what pip uses on this node, its own configuration and "
                    'environment included. A password in it can be read by '
                    'the build programs of packages that come as source: '
                    'with such an index set allow_sdists to false.'),
    cfg.ListOpt('extra_index_urls', default=[],
                help='Further package indexes.'),
    cfg.BoolOpt('allow_sdists', default=True,
                help='Whether packages may be built from source when there '
                     'is no wheel. That runs their programs, in a sandbox '
                     'with network. Without it installing runs no code of '
                     'packages at all.'),
    cfg.BoolOpt('allow_urls', default=False,
                help='Whether requirements.txt may name packages by address '
                     '(name @ https://... or git+https://...), and not just '
                     'by their name in the index.'),
    cfg.StrOpt('proxy', help='HTTP proxy for installing dependencies.'),
    cfg.StrOpt('ca_bundle',
               help='CA certificates for the package index; default: those '
                    'of the system.'),
    cfg.ListOpt('bind', default=[],
                help='Further files and folders of the node that pip has to '
                     'see, such as packages that pages of a file: index '
                     'point to.'),
    cfg.IntOpt('cache_size', default=4096, min=0,
               help='MB of downloads, and again of unpacked packages, that '
                    'are kept for further builds on this node.'),
    cfg.FloatOpt('collect_interval', default=3600.0, min=1,
                 help='Seconds between looks for images and dependencies '
                      'that nobody needs any more.'),
    cfg.IntOpt('collect_grace', default=600, min=0,
               help='Seconds that an image is kept after it was built even '
                    'if nobody seems to need it.'),
]


def register_opts(conf):
    conf.register_opts(OPTS, group=GROUP)


def list_opts():
    return [(GROUP, OPTS)]
