# SPDX-License-Identifier: Apache-2.0
"""User namespaces for the sandboxes that root starts.

Bubblewrap as root makes none with a user other than root in it. So the
namespace is made beside it, and bubblewrap enters it when all is mounted,
which as root it can do whatever the modes of directories are.
"""

import os
import shutil
import subprocess

UNSHARE = shutil.which('unshare')


def make(uid):
    """:returns: descriptor of a new user namespace that knows one user and
        one group, both of the number ``uid``, as the node does.

    Blocks for some milliseconds.

    :raises OSError: it cannot be had.
    """
    if UNSHARE is None:
        raise OSError('unshare of util-linux is needed')
    with subprocess.Popen([UNSHARE, '--user', 'cat'], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          bufsize=0) as holder:
        try:
            # It is there when what is in it answers.
            holder.stdin.write(b'.')
            if not holder.stdout.read(1):
                raise OSError('user namespaces: %s' % holder.stderr.read(
                    4096).decode(errors='replace').strip())
            for name in ('uid_map', 'gid_map'):
                with open('/proc/%d/%s' % (holder.pid, name), 'w') as file:
                    file.write('%d %d 1' % (uid, uid))
            return os.open('/proc/%d/ns/user' % holder.pid, os.O_RDONLY)
        finally:
            holder.kill()
