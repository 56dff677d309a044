# SPDX-License-Identifier: Apache-2.0
"""Base images without a registry: made with debootstrap, kept as a file."""

import functools
import os
import shutil
import subprocess
import tempfile
import time

from pratai import exception
from pratai.drivers.builder import files

NAME = 'debootstrap-%s.tar'
# The directories of the kernel, and what is downloaded anew anyway.
EXCLUDED = ('./dev/*', './proc/*', './sys/*', './var/cache/apt/*.bin',
            './var/cache/apt/archives/*.deb', './var/lib/apt/lists/*')


def tarball(suite, cache, mirror=None, refresh=False, say=print):
    """Provide the file system of a small Debian; takes half a minute.

    :param suite: of Debian, like "bookworm".
    :param cache: folder it is kept in; several processes may share it.
    :param mirror: URL of the mirror; default: that of debootstrap.
    :param refresh: make it again even if it is there.
    :returns: path of the file.
    :raises exception.SandboxError: it cannot be made; says why.
    """
    path = os.path.join(cache, NAME % suite)
    os.makedirs(cache, exist_ok=True)
    with files.lock(os.path.splitext(path)[0] + '.lock',
                    wait=functools.partial(time.sleep, 0.2)):
        if refresh or not os.path.exists(path):
            _make(suite, path, mirror, say)
    return path


def _make(suite, path, mirror, say):
    if os.getuid() or not _program():
        raise exception.SandboxError(
            'debootstrap has to be installed, and needs root.')
    say('Making a Debian %s with debootstrap ...' % suite)
    # NOTE: beside the file, because a /tmp may be mounted without devices.
    folder = tempfile.mkdtemp(dir=os.path.dirname(path))
    try:
        root = os.path.join(folder, 'root')
        log = os.path.join(folder, 'log')
        with open(log, 'wb') as target:
            code = subprocess.run(
                [_program(), '--variant=minbase', suite, root]
                + ([mirror] if mirror else []), check=False,
                stdin=subprocess.DEVNULL, stdout=target, stderr=target,
            ).returncode
        if code:
            with open(log, errors='replace') as source:
                lines = [line.strip() for line in source if line.strip()]
            raise exception.SandboxError(
                'debootstrap of %s failed: %s'
                % (suite, lines[-1] if lines else 'exit code %d' % code))
        _add_security(suite, os.path.join(root, 'etc/apt/sources.list'))
        made = os.path.join(folder, 'tar')
        subprocess.run(
            ['tar', '--create', '--file', made, '--directory', root,
             '--numeric-owner',
             *('--exclude=' + name for name in EXCLUDED), '.'], check=True)
        os.rename(made, path)
    finally:
        files.remove(folder)


def _program():
    return shutil.which('debootstrap', path='%s:/usr/sbin:/sbin' % (
        os.environ.get('PATH', '')))


def _add_security(suite, path):
    """Let apt see the security updates, which a mirror has beside it."""
    with open(path) as source:
        url = source.read().split()[1].rstrip('/')
    if url.endswith('/debian'):
        with open(path, 'a') as target:
            target.write('deb %s-security %s-security main\n' % (url, suite))
