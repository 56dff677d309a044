# SPDX-License-Identifier: Apache-2.0
"""Images for tests, made of Debian's packages on this machine.

Debian systems are made by debootstrap and kept in a cache between runs.
"""

import fcntl
import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile

from pratai.drivers import docker_engine

SECONDS = 900
SUITE = 'bookworm'
PACKAGES = {'bullseye': 'python2-minimal,python2.7,libpython2-stdlib,'
                        'ca-certificates'}
PYTHON3 = 'python3-minimal,python3,libpython3-stdlib,ca-certificates'


def cache():
    """:returns: directory of what is kept between runs."""
    path = '/var/cache/pratai-tests'
    try:
        os.makedirs(path, exist_ok=True)
        if os.access(path, os.W_OK):
            return path
    except OSError:
        pass
    path = os.path.join(os.environ.get('XDG_CACHE_HOME')
                        or os.path.expanduser('~/.cache'), 'pratai')
    os.makedirs(path, exist_ok=True)
    return path


def debian(suite):
    """:returns: path of a tar with a small system that has a Python.

    :raises RuntimeError: it cannot be made here.
    """
    path = os.path.join(cache(), 'debootstrap-%s.tar' % suite)
    with open(path[:-4] + '.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(path):
            return path
        folder = tempfile.mkdtemp(prefix='pratai-debootstrap-',
                                  dir='/var/tmp')
        try:
            done = subprocess.run(
                ['debootstrap', '--variant=minbase', '--include='
                 + PACKAGES.get(suite, PYTHON3), suite, folder],
                stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=SECONDS)
            if done.returncode:
                raise RuntimeError('debootstrap: ' + (
                    done.stdout + done.stderr)[-500:])
            os.chmod(folder, 0o755)
            subprocess.run(
                ['tar', '-C', folder, '--numeric-owner', '-cf',
                 path + '.part', '--exclude=./var/cache/apt/archives/*.deb',
                 '--exclude=./var/lib/apt/lists/*', '.'], check=True)
            os.rename(path + '.part', path)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return path


def runtime(api, suite=SUITE, name='python311', version='3.11.2'):
    """Import a runtime's image, unless it is there.

    :param api: docker.APIClient.
    :returns: its reference.
    """
    reference = 'pratai/runtime/%s:test' % name
    if not api.images(reference):
        label = docker_engine.LABEL
        api.import_image_from_file(
            debian(suite), 'pratai/runtime/' + name, 'test', changes=[
                'LABEL %sruntime=%s' % (label, name),
                'LABEL %slanguage=python' % label,
                'LABEL %sversion=%s' % (label, version),
                'LABEL %sdescription="For tests"' % label])
    return reference


def function(api, base, files):
    """Build a function's image, unless it is there.

    :param files: path -> text.
    :returns: its reference.
    """
    key = hashlib.sha256(repr((base, sorted(files.items()))).encode())
    reference = 'pratai/function/%s:latest' % key.hexdigest()[:32]
    if not api.images(reference):
        context = io.BytesIO()
        with tarfile.open(fileobj=context, mode='w') as tar:
            _add(tar, 'Dockerfile', 'FROM %s\nCOPY root /\n' % base)
            for path, text in files.items():
                _add(tar, 'root/' + path.lstrip('/'), text)
        context.seek(0)
        said = list(api.build(fileobj=context, custom_context=True,
                              tag=reference, rm=True, decode=True))
        if not api.images(reference):
            raise RuntimeError('docker build: %s' % said[-3:])
    return reference


def _add(tar, name, text):
    data = text.encode()
    info = tarfile.TarInfo(name)
    info.size = len(data)
    info.mode = 0o644
    tar.addfile(info, io.BytesIO(data))
