# SPDX-License-Identifier: Apache-2.0
"""The runtimes that are shipped, made as operators make them.

What was made is kept for further runs; a definition that changes is made
anew.
"""

import functools
import hashlib
import os
import time

from pratai import exception
from pratai.drivers.builder import files
from pratai.runtimes import debian
from pratai.runtimes import definitions
from pratai.runtimes import images

CACHE = os.environ.get('PRATAI_TEST_CACHE', '/var/cache/pratai-tests')
# Others keep systems with more in them beside it.
BASES = os.path.join(CACHE, 'minbase')
FOLDER = os.path.join(os.path.dirname(__file__), '..', '..', '..', '..',
                      'etc', 'pratai', 'runtimes.d')


def definition(name):
    return definitions.read(os.path.join(FOLDER, name + '.yaml'))


def provide(engine, name):
    """Give an engine the image of a runtime.

    :param engine: docker_engine.Engine
    :raises exception.SandboxError: it cannot be made here.
    """
    maker = images.Images(engine, say=lambda line: None)
    if name in maker.list():
        return
    wanted = definition(name)
    key = hashlib.sha256()
    for path in (os.path.join(FOLDER, name + '.yaml'), wanted.dockerfile):
        with open(path, 'rb') as source:
            key.update(source.read())
    path = os.path.join(CACHE, 'runtime-%s-%s.tar' % (
        name, key.hexdigest()[:12]))
    os.makedirs(CACHE, exist_ok=True)
    with files.lock(path + '.lock',
                    wait=functools.partial(time.sleep, 0.2)):
        if os.path.exists(path):
            load(engine, maker, name, path)
            return
        base = maker.import_base(wanted.suite,
                                 debian.tarball(wanted.suite, BASES,
                                                say=lambda line: None))
        made = maker.build(wanted, base)
        with open(path + '.new', 'wb') as target:
            target.writelines(engine.api.get_image(made['image']))
        os.rename(path + '.new', path)


def load(engine, maker, name, path):
    """Load what provide() kept."""
    with open(path, 'rb') as source:
        for message in engine.api.load_image(source):
            if 'error' in message:
                raise exception.SandboxError(message['error'])
    for image in engine.api.images(filters={
            'label': images.LABEL + 'kind=runtime'}):
        if image['Labels'][images.LABEL + 'runtime'] == name:
            maker.tag(name, image['Id'])
