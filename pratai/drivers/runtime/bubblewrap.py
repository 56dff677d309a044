# SPDX-License-Identifier: Apache-2.0
"""The command line of bubblewrap for one sandbox."""

import os

# What a program needs of /etc, and what it needs besides to use a network.
ETC = ('/etc/ld.so.cache', '/etc/localtime', '/etc/alternatives')
ETC_NETWORK = ('/etc/ssl', '/etc/pki', '/etc/ca-certificates',
               '/etc/crypto-policies', '/etc/resolv.conf', '/etc/hosts',
               '/etc/nsswitch.conf', '/etc/services', '/etc/protocols',
               '/etc/gai.conf', '/etc/host.conf')
SYSTEM = ('/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32')

# What root keeps inside: just what it takes to become somebody else, which the
# first program does. In a user namespace of its own that is all it could do.
ROOT_CAPABILITIES = ('CAP_SETUID', 'CAP_SETGID', 'CAP_SETPCAP')


def _system():
    """/usr, and what is beside it or points into it."""
    args = ['--ro-bind', '/usr', '/usr']
    for path in SYSTEM:
        if os.path.islink(path):
            args += ['--symlink', os.readlink(path), path]
        elif os.path.isdir(path):
            args += ['--ro-bind', path, path]
    return args


def _directories(destinations):
    """Parents of mount points, which everybody may pass through.

    Left to bubblewrap they take over the mode of the source, and with /root
    that would shut us out.
    """
    parents = set()
    for path in destinations:
        while len(path := os.path.dirname(path)) > 1:
            parents.add(path)
    parents -= {'/usr', '/etc', '/tmp', '/dev', '/proc'}
    args = []
    for path in sorted(parents):
        if not path.startswith(('/usr/', '/dev/', '/proc/')):
            args += ['--perms', '0755', '--dir', path]
    return args


def within_system(path):
    """:returns: whether a path is visible in every sandbox anyway."""
    return path == '/usr' or path.startswith('/usr/')


def arguments(bwrap, binds, network, cwd, tmp_size, root, files,
              seccomp_fd=None, info_fd=None, userns_fd=None):
    """:returns: argv up to and including the ``--``.

    :param bwrap: path of the program.
    :param binds: of (source, destination, writable).
    :param tmp_size: bytes for /tmp and for /dev/shm.
    :param root: whether bubblewrap runs as root, and drops to another user
        afterwards; otherwise a user namespace is made.
    :param files: destination -> descriptor that its content is read from.
    :param userns_fd: for root: a user namespace to enter when all is mounted.
    """
    args = [bwrap, '--unshare-pid', '--unshare-ipc', '--unshare-uts',
            '--unshare-cgroup-try', '--as-pid-1', '--die-with-parent',
            '--new-session', '--hostname', 'function', '--cap-drop', 'ALL']
    if root:
        for capability in ROOT_CAPABILITIES:
            args += ['--cap-add', capability]
        if userns_fd is not None:
            args += ['--userns2', str(userns_fd)]
    else:
        args += ['--unshare-user']
        if seccomp_fd is None:
            args += ['--disable-userns']
    if not network:
        args += ['--unshare-net']
    args += _system()
    args += ['--perms', '0755', '--dir', '/etc', '--proc', '/proc',
             '--dev', '/dev']
    size = str(tmp_size)
    for path in ('/dev/shm', '/tmp'):
        args += ['--perms', '1777', '--size', size, '--tmpfs', path]
    for path in ETC + (ETC_NETWORK if network else ()):
        if os.path.exists(path):
            args += ['--ro-bind', path, path]
    for path, fd in files.items():
        args += ['--perms', '0644', '--file', str(fd), path]
    binds = sorted(binds, key=lambda bind: bind[1])
    args += _directories([bind[1] for bind in binds])
    for source, destination, writable in binds:
        args += ['--bind' if writable else '--ro-bind', source, destination]
    args += ['--remount-ro', '/dev', '--remount-ro', '/', '--chdir', cwd]
    if seccomp_fd is not None:
        args += ['--seccomp', str(seccomp_fd)]
    if info_fd is not None:
        args += ['--info-fd', str(info_fd)]
    return args + ['--']
