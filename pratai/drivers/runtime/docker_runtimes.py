# SPDX-License-Identifier: Apache-2.0
"""Runtimes as images of an engine, and the runner for Python in them.

That is the one of this very service, mounted and not part of images, because
the two have to speak the same protocol.
"""

import binascii
import hashlib
import logging
import os
import re

from pratai import exception
from pratai.drivers import docker_engine
from pratai.drivers.runtime import container
from pratai.drivers.runtime import interpreters

LOG = logging.getLogger(__name__)

RUNTIME = docker_engine.LABEL + 'runtime'
SOURCE = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))), 'runners', 'python', 'runner.py')
SECONDS = 30
# See the module bytecode for what it saves.
COMPILE = '''
import binascii, py_compile, sys
py_compile.compile('/pratai/runner.py', '/tmp/x', 'runner.py', True)
with open('/tmp/x', 'rb') as f:
    sys.stdout.write(binascii.b2a_base64(f.read()).decode('ascii'))
'''


class Runners:
    """Files in the state directory, each named after what is in it.

    So one that changes does not change for those that run.
    """

    def __init__(self, state_path, engine, node):
        self.engine = engine
        self.node = node
        self.folder = os.path.join(state_path, 'docker')
        with open(SOURCE, 'rb') as f:
            self.data = f.read()
        self.source = self.publish(self.data, '.py')
        self._failed = set()

    def publish(self, data, suffix):
        """:returns: path of a file with that in it, for all to read."""
        return self._write(hashlib.sha256(data).hexdigest()[:32] + suffix,
                           data)

    def _write(self, name, data):
        os.makedirs(self.folder, mode=0o755, exist_ok=True)
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            temporary = '%s.%d' % (path, os.getpid())
            with open(temporary, 'wb') as f:
                f.write(data)
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        return path

    def compiled(self, image, interpreter):
        """Compile it in a container, unless that was done before.

        :param image: id of the runtime's.
        :returns: path of the bytecode; of the source where it cannot be
            compiled, which is only slower.
        :raises exception.EngineUnavailable:
        """
        key = hashlib.sha256(
            self.data + image.encode() + interpreter.encode()).hexdigest()
        name = key[:32] + '.pyc'
        path = os.path.join(self.folder, name)
        if os.path.exists(path):
            return path
        if name in self._failed:
            return self.source
        try:
            return self._write(name, self._compile(image, interpreter))
        except exception.EngineUnavailable:
            raise
        except exception.NoSpace:
            return self.source      # until there is room
        except (exception.SandboxError, OSError, ValueError) as error:
            self._failed.add(name)
            LOG.warning('%s of %s does not compile the runner, its instances '
                        'start slower: %s', interpreter, image[:19], error)
            return self.source

    def _compile(self, image, interpreter):
        api = self.engine.api
        with self.engine.errors('compile the runner'):
            made = api.create_container_from_config({
                'Image': image, 'User': '65534:65534',
                'Entrypoint': [interpreter, '-E', '-s', '-S', '-c', COMPILE],
                'Cmd': [], 'NetworkDisabled': True,
                'Labels': {docker_engine.NODE: self.node,
                           container.INSTANCE: 'compiler'},
                'HostConfig': {
                    'NetworkMode': 'none', 'ReadonlyRootfs': True,
                    'CapDrop': ['ALL'], 'SecurityOpt': ['no-new-privileges'],
                    'Tmpfs': {'/tmp': 'rw,size=16m,mode=1777'},
                    'Memory': 256 << 20, 'PidsLimit': 16,
                    'LogConfig': {'Type': 'json-file'},
                    'Mounts': [{'Type': 'bind', 'Source': self.source,
                                'Target': '/pratai/runner.py',
                                'ReadOnly': True}]}})['Id']
            try:
                api.start(made)
                status = api.wait(made, timeout=SECONDS)['StatusCode']
                said = api.logs(made, stdout=True, stderr=bool(status))
            finally:
                api.remove_container(made, force=True, v=True)
        if status:
            raise exception.SandboxError(
                'exit code %d, %s' % (status, said[-200:].decode(
                    errors='replace').strip()))
        return binascii.a2b_base64(said)


def runtime_of(image):
    """:param image: as the engine lists it.

    :returns: dict as in RuntimeDriver.runtimes(), or None: images of
        functions have the labels of the runtime they are made from.
    """
    labels = image.get('Labels') or {}
    name = labels.get(RUNTIME)
    tags = tags_of(image)
    if not name or not tags:
        return None
    version = labels.get(docker_engine.LABEL + 'version', '')
    language = labels.get(docker_engine.LABEL + 'language', '')
    interpreter = labels.get(docker_engine.LABEL + 'interpreter')
    if language != 'python':
        interpreter = None          # the image starts a runner of its own
    elif not interpreter:
        interpreter = 'python' + '.'.join(version.split('.')[:2])
    return {'name': name, 'language': language, 'version': version,
            'description': labels.get(docker_engine.LABEL + 'description',
                                      ''),
            'fingerprint': image['Id'].partition(':')[2][:32],
            'properties': {'image': image['Id'], 'reference': tags[0],
                           'interpreter': interpreter,
                           'flags': interpreters.flags(version)}}


def order(image):
    """:returns: what images of one runtime sort by; the last one counts.

    That is the one that was made or pulled last by pratai-manage, which may
    be one from before: the engine makes nothing twice.
    """
    return ('pratai/runtime/%s:latest' % image['Labels'][RUNTIME]
            in tags_of(image), image['Created'])


def tags_of(image):
    """:returns: the names that an image has as that of a runtime."""
    name = (image.get('Labels') or {}).get(RUNTIME)
    tagged = re.compile('(.*/)?pratai/runtime/%s:[^/]+$' % re.escape(
        name or '.'))
    return [tag for tag in image.get('RepoTags') or [] if tagged.match(tag)]
