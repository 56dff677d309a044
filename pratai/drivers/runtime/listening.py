# SPDX-License-Identifier: Apache-2.0
"""The socket on which the children of a runner take requests."""

import os
import socket

from pratai import exception

BACKLOG = 1024


def listen(run_dir, mode=0o600):
    """Make runner.sock in a directory.

    It is made here and not by the runner, so that nothing inside a sandbox
    needs to write to a directory of the node.

    :returns: a socket that listens.
    :raises exception.NodeUnavailable:
    """
    listener = socket.socket(socket.AF_UNIX)
    try:
        # Everybody may pass, nobody but us may write. The path of a socket
        # has room for 107 bytes, hence the descriptor.
        os.chmod(run_dir, 0o711)
        fd = os.open(run_dir, os.O_RDONLY | os.O_DIRECTORY)
        try:
            path = '/proc/self/fd/%d/runner.sock' % fd
            listener.bind(path)
            os.chmod(path, mode)
        finally:
            os.close(fd)
        listener.listen(BACKLOG)
    except OSError as e:
        listener.close()
        raise exception.NodeUnavailable(
            'There is no use in the directory %s: %s' % (run_dir, e))
    return listener
