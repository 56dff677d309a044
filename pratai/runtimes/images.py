# SPDX-License-Identifier: Apache-2.0
"""From the definition of a runtime to its image.

The Dockerfile is built, the interpreter in the result is asked what it is,
and what it answers becomes labels of the image, which is all that the
``docker`` runtime driver needs to know. The name is
``pratai/runtime/NAME:FINGERPRINT``; of several the one counts that was made
or pulled last, which is also ``pratai/runtime/NAME:latest``.
"""

import io
import json
import os

from pratai import exception
from pratai.drivers import docker_engine

LABEL = docker_engine.LABEL
REPOSITORY = 'pratai/runtime/'
BASES = 'pratai/base/'
PROXIES = ('http_proxy', 'https_proxy', 'ftp_proxy', 'no_proxy')
INTERPRETERS = ('python3', 'python', 'python2.7')
# What the runner and pip cannot do without is imported.
QUESTION = '''
import ctypes, json, os, socket, ssl, sys, zlib
print(json.dumps({
    'version': '%d.%d.%d' % sys.version_info[:3],
    'interpreter': os.path.realpath(sys.executable)}))
'''


class Images:
    """Runtime images of one engine.

    :param engine: docker_engine.Engine
    :param say: called with each line of progress.
    """

    def __init__(self, engine, say=print):
        self.engine = engine
        self.say = say

    def import_base(self, suite, path):
        """Make a file system an image.

        :param path: of a tar file.
        :returns: name of the image.
        """
        name = BASES + suite
        self.say('Importing %s as %s ...' % (path, name))
        with self.engine.errors('import %s' % path):
            answer = self.engine.api.import_image_from_file(
                path, repository=name, tag='latest', changes=[
                    'ENV LANG=C.UTF-8', 'LABEL %sbase=%s' % (LABEL, suite)])
        for line in answer.splitlines():
            if 'error' in json.loads(line):
                raise exception.SandboxError(
                    '%s: %s' % (path, json.loads(line)['error']))
        return name

    def has(self, name):
        """:returns: whether there is an image of that name."""
        try:
            with self.engine.errors('look for %s' % name):
                self.engine.api.inspect_image(name)
            return True
        except exception.ImageMissing:
            return False

    def build(self, definition, base, refresh=False, network='host'):
        """Make the image of a runtime; takes a minute or so.

        :param base: name of the image to start from.
        :param refresh: use nothing of former builds, and pull the base.
        :param network: of the commands in the Dockerfile, as for
            ``docker build --network``.
        :returns: dict: name, fingerprint, version, interpreter, image.
        :raises exception.SandboxError: it cannot be made; says why.
        """
        folder, name = os.path.split(definition.dockerfile)
        built = self._build(
            path=folder, dockerfile=name, nocache=refresh,
            pull=refresh and not base.startswith(BASES), network_mode=network,
            buildargs=dict(_proxies(), BASE=base))
        found = self._ask(definition, built)
        labels = {'kind': 'runtime', 'runtime': definition.name,
                  'language': definition.language,
                  'version': found['version'],
                  'interpreter': found['interpreter'],
                  'description': definition.description}
        # NOTE: an entry point would come before every program of ours.
        image = self._build(
            fileobj=io.BytesIO(('FROM %s\nENTRYPOINT []\nCMD ["%s"]\n' % (
                built, found['interpreter'])).encode()),
            labels={LABEL + key: value for key, value in labels.items()})
        return dict(found, name=definition.name,
                    **self.tag(definition.name, image))

    def tag(self, name, image):
        """Make an image the one of a runtime.

        :param image: its id, or a name.
        :returns: dict: fingerprint, image (its name).
        """
        repository = REPOSITORY + name
        with self.engine.errors('tag %s' % image):
            found = self.engine.api.inspect_image(image)['Id']
            fingerprint = found.partition(':')[2][:32]
            for tag in (fingerprint, 'latest'):
                self.engine.api.tag(image, repository, tag)
        return {'fingerprint': fingerprint,
                'image': '%s:%s' % (repository, fingerprint)}

    def _build(self, **arguments):
        """:returns: id of the image."""
        image = last = None
        with self.engine.errors('build an image'):
            for message in self.engine.api.build(rm=True, forcerm=True,
                                                 decode=True, **arguments):
                if 'error' in message:
                    error = ' '.join(message['error'].split())
                    raise exception.SandboxError(
                        'The image cannot be built: %s%s' % (
                            error, ': ' + last[:300] if last else ''))
                for line in message.get('stream', '').splitlines():
                    if line.strip():
                        last = line.strip()
                        self.say(line.rstrip())
                image = message.get('aux', {}).get('ID', image)
        return image

    def _ask(self, definition, image):
        """:returns: dict of version and interpreter."""
        candidates = ([definition.interpreter] if definition.interpreter
                      else INTERPRETERS)
        said = ''
        for program in candidates:
            code, text = self._run(image, [program, '-c', QUESTION])
            if code == 0:
                return json.loads(text.splitlines()[-1])
            said = said or text.strip()
        raise exception.SandboxError(
            'The image of %s has no usable %s: %s' % (
                definition.name, ' or '.join(candidates),
                said.splitlines()[-1] if said else 'it says nothing'))

    def _run(self, image, argv):
        """:returns: (exit code, what it wrote)."""
        api = self.engine.api
        with self.engine.errors('make a container of %s' % image):
            container = api.create_container(
                image, command=argv[1:], entrypoint=argv[:1],
                network_disabled=True)
        try:
            with self.engine.errors('start %s' % argv[0]):
                api.start(container)
                code = api.wait(container)['StatusCode']
                return code, api.logs(container).decode(errors='replace')
        except exception.EngineUnavailable:
            raise
        except exception.SandboxError as error:
            return 127, error.detail
        finally:
            with self.engine.errors('remove the container'):
                api.remove_container(container, force=True, v=True)

    def list(self):
        """:returns: {name: its labels, without prefix, and fingerprint}."""
        with self.engine.errors('list images'):
            images = self.engine.api.images(
                filters={'label': LABEL + 'kind=runtime'})
        found = {}
        for image in images:
            labels = {key.removeprefix(LABEL): value for key, value
                      in (image['Labels'] or {}).items()}
            name = REPOSITORY + labels['runtime']
            if name + ':latest' in (image['RepoTags'] or ()):
                found[labels['runtime']] = dict(
                    labels, fingerprint=image['Id'].partition(':')[2][:32])
        return found


def _proxies():
    """Docker keeps these out of what it records of an image."""
    return {name: os.environ.get(name) or os.environ[name.upper()]
            for name in PROXIES
            if os.environ.get(name) or os.environ.get(name.upper())}
