# SPDX-License-Identifier: Apache-2.0
"""Options that the groups of all runtime drivers with sandboxes have."""

from oslo_config import cfg

OPTS = [
    cfg.IntOpt('uid_count', default=65536, min=16,
               help='How many user ids there are from uid_first on.'),
    cfg.IntOpt('memory_allowance', default=64, min=0,
               help='MB for each processor that a process of a function may '
                    "use beyond the function's memory: the interpreter and "
                    'what libraries reserve. NumPy needs some 50.'),
    cfg.IntOpt('tmp_size', default=64, min=1,
               help='MB that an instance may keep in /tmp, and as much again '
                    'in /dev/shm. It is memory of the node.'),
    cfg.IntOpt('max_file', default=512, min=1,
               help='MB in the largest file a function may write.'),
    cfg.IntOpt('max_files_open', default=1024, min=64,
               help='File descriptors that a process of a function may '
                    'have open.'),
    cfg.IntOpt('max_processes', default=64, min=1,
               help='Processes and threads that a request may have, times '
                    'the requests an instance runs at once.'),
]
