# SPDX-License-Identifier: Apache-2.0
"""Where Keystone is installed: in an environment of its own, made once."""

import fcntl
import hashlib
import importlib.util
import os
import subprocess
import sys
import venv

#: What pip installs. The versions are named here; what they need is held by
#: upper-constraints.txt where that has it.
PACKAGES = ('keystone==30.0.0', 'gunicorn==27.0.1')
TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), *['..'] * 4))
# NOTE: taken before tests get homes of their own.
CACHE = os.path.join(
    os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'),
    'pratai')
_problems = {}


def python():
    """:returns: the program that can import Keystone: what
        PRATAI_TEST_KEYSTONE_PYTHON names, this one, or one that pip makes
        now, below ~/.cache.
    :raises OSError: there is none, and why.
    """
    named = os.environ.get('PRATAI_TEST_KEYSTONE_PYTHON')
    if named:
        return named
    if all(map(importlib.util.find_spec, ('keystone', 'gunicorn'))):
        return sys.executable
    if not _problems:
        _problems['keystone'] = _install()
    if _problems['keystone']:
        raise OSError(_problems['keystone'])
    return os.path.join(_path(), 'bin', 'python')


def _path():
    with open(os.path.join(TOP, 'upper-constraints.txt'), 'rb') as file:
        content = file.read()
    stamp = hashlib.sha256(repr(
        (PACKAGES, sys.version_info[:2], content)).encode()).hexdigest()
    return os.path.join(CACHE, 'keystone-' + stamp[:12])


def _install():
    """:returns: None, or why it could not be installed."""
    path = _path()
    os.makedirs(CACHE, exist_ok=True)
    with open(path + '.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = os.path.join(path, 'done')
        if os.path.exists(done):
            return None
        venv.create(path, clear=True, with_pip=True, symlinks=True)
        pip = subprocess.run(
            [os.path.join(path, 'bin', 'python'), '-m', 'pip', 'install',
             '--quiet', '--disable-pip-version-check',
             '-c', os.path.join(TOP, 'upper-constraints.txt'), *PACKAGES],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=1200)
        if pip.returncode:
            return 'Keystone cannot be installed: %s' % pip.stdout[-500:]
        with open(done, 'w'):
            return None
