# SPDX-License-Identifier: Apache-2.0
"""Images and layers as images of a Docker engine.

``pratai/layer/KEY`` is the runtime's image and the dependencies in /deps;
``pratai/function/VERSION`` is one of these, or of the runtime, and the module
in /function. They are made by putting files into a container that is never
started, which takes a third of the time of a ``docker build``.
"""

import logging
import os
import tarfile
import tempfile
import time

from pratai import exception
from pratai.drivers import docker_engine
from pratai.drivers.builder import docker_launcher
from pratai.drivers.builder import images
from pratai.drivers.runtime import container
from pratai.drivers.runtime import docker_runtimes

LOG = logging.getLogger(__name__)

LABEL = docker_engine.LABEL
KIND = docker_launcher.KIND
LAYER = 'pratai/layer/'
FUNCTION = 'pratai/function/'
PATIENCE = 3600             # seconds that no program of a build takes
IN_MEMORY = 4 << 20         # bytes of an archive that needs no file


class Images(images.Places):
    """Layers and images of this executor on the engine of its node.

    :param driver: the ``docker`` runtime driver.
    :param registry: registry.Registry
    """

    def __init__(self, conf, driver, registry):
        super().__init__(conf)
        self.driver = driver
        self.engine = driver.engine
        self.node = driver.node
        self.registry = registry
        self.patience = max(PATIENCE, 2 * conf.builder.timeout)
        self._superseded = {}       # id of a runtime's image: seen since when

    def layer(self, key):
        """:returns: name of the image of a layer."""
        return self.registry.name(LAYER + key) + ':latest'

    def function(self, version_id):
        """:returns: name of the image of a version."""
        return self.registry.name(FUNCTION + version_id) + ':latest'

    def has_layer(self, key, job):
        return self.registry.find(self.layer(key), job.check)

    def keep_layer(self, key, made, build, job):
        job.output.line('Keeping the dependencies as layer %s.' % key[:12])
        self._commit(build.runtime['properties']['image'], made,
                     container.DEPS_DIR, self.layer(key),
                     {'kind': 'layer', 'layer': key})
        self.registry.push(self.layer(key), job.check)

    def publish(self, work, build, layer, job):
        if not images.ID.match(build.version_id):
            raise ValueError('%r is no id' % build.version_id)
        name = self.function(build.version_id)
        job.check()
        self._commit(
            self.layer(layer) if layer
            else build.runtime['properties']['image'],
            os.path.join(work, 'image'), container.CODE_DIR, name,
            {'kind': 'function', 'layer': layer or '',
             'version_id': build.version_id})
        self.registry.push(name, job.check)
        found = {'layer': layer, 'reference': name}
        if self.registry.url:
            found['shared'] = True      # any node can have it
        return found

    def _commit(self, base, folder, place, name, labels):
        """Make an image of another one and a folder.

        :param place: where the folder is in the image.
        :param name: of the image.
        :param labels: dict, their names without our prefix.
        """
        api = self.engine.api
        labels = {LABEL + key: value for key, value in labels.items()}
        labels[LABEL + 'node'] = self.node
        with tempfile.SpooledTemporaryFile(
                IN_MEMORY, dir=os.path.dirname(folder)) as archive:
            pack(folder, place, archive)
            with self.engine.errors('make the image %s' % name):
                made = api.create_container(
                    base, command=['-'], network_disabled=True,
                    labels=dict(labels, **{KIND: docker_launcher.BUILD}))
            try:
                with self.engine.errors('make the image %s' % name):
                    api.put_archive(made['Id'], '/', archive)
                    repository, _, tag = name.rpartition(':')
                    api.commit(made['Id'], repository, tag, changes=[
                        'LABEL %s=%s' % (KIND, labels[KIND])])
            finally:
                with self.engine.errors('remove a container'):
                    api.remove_container(made['Id'], v=True, force=True)

    def remove(self, version_id):
        if not images.ID.match(version_id):
            return
        name = self.function(version_id)
        self.registry.delete(name)
        self._untag(name)

    def _untag(self, name, force=True):
        """Remove an image, and what only it needed."""
        try:
            with self.engine.errors('remove the image %s' % name):
                self.engine.api.remove_image(name, force=force)
        except exception.ImageMissing:
            pass
        except exception.EngineUnavailable:
            raise
        except exception.SandboxError as error:
            # An instance runs that was started from it.
            LOG.info('It stays until the next collection: %s', error)
            return
        self.registry.forget(name)

    def collect(self, known):
        known = set(known)
        for image in self._images('function', {LABEL + 'node': self.node}):
            version_id = image['Labels'].get(LABEL + 'version_id')
            if not image['RepoTags']:
                # A later build of the version has taken its name.
                self._untag(image['Id'])
            elif version_id not in known and self._is_old(image):
                LOG.info('Removing the image of %s: nobody knows it',
                         version_id)
                self.registry.delete(self.function(version_id))
                self._untag(self.function(version_id))
        for name in self.registry.remembered():
            version_id = name.rpartition('/')[2].partition(':')[0]
            if '/' + FUNCTION in '/' + name and version_id not in known:
                self._untag(name)
        self._collect_layers()
        self._collect_runtimes()
        self._remove_left_over()
        self.sweep()

    def _collect_layers(self):
        # What others made on this engine is theirs, and so are the layers
        # that they use.
        pulled = set(self.registry.remembered())
        for image in self._images('layer', {}):
            key = image['Labels'].get(LABEL + 'layer', '')
            if not images.KEY.match(key) or not (
                    image['Labels'].get(LABEL + 'node') == self.node
                    or self.layer(key) in pulled):
                continue
            with self.lock(key) as held:
                # NOTE: images appear under this lock, so none can come now.
                if held and key not in self._needed_layers():
                    LOG.info('Removing layer %s: nobody needs it', key)
                    self._untag(self.layer(key))

    def _collect_runtimes(self):
        """Remove runtimes that have a successor, and of which nothing is
        made that there is still: neither functions nor layers."""
        found = self._images('runtime', {})
        newest = {runtime['properties']['image']
                  for runtime in self.driver.runtimes()}
        with self.engine.errors('list images'):
            parents = {image['ParentId']
                       for image in self.engine.api.images(all=True)}
        former = {image['Id']: docker_runtimes.tags_of(image)
                  for image in found if image['Id'] not in newest}
        # NOTE: the age of an image does not tell since when there is a newer
        # one, which builds that run may not know yet.
        now = time.monotonic()
        self._superseded = {name: self._superseded.get(name, now)
                            for name in former}
        for name, tags in former.items():
            if (now - self._superseded[name] < self.grace
                    or name in parents):
                continue
            for tag in tags:
                LOG.info('Removing %s: there is a newer one', tag)
                self._untag(tag, force=False)

    def _needed_layers(self):
        return {image['Labels'].get(LABEL + 'layer')
                for image in self._images('function', {})
                if image['RepoTags']}

    def _images(self, kind, labels):
        """:returns: images as the engine lists them."""
        wanted = dict(labels, **{KIND: kind})
        with self.engine.errors('list images'):
            return self.engine.api.images(filters={
                'label': ['%s=%s' % item for item in wanted.items()]})

    def _is_old(self, image):
        return time.time() - image['Created'] >= self.grace

    def _remove_left_over(self):
        """Remove containers of builds that an executor died with."""
        oldest = time.time() - self.patience
        with self.engine.errors('list containers'):
            found = self.engine.api.containers(all=True, filters={'label': [
                '%s=%s' % (docker_engine.NODE, self.node),
                '%s=%s' % (KIND, docker_launcher.BUILD)]})
            for one in found:
                if one['Created'] <= oldest:
                    self.engine.api.remove_container(
                        one['Id'], v=True, force=True)


def pack(folder, place, target):
    """Write a folder to a tar file, as the folder ``place`` of an image.

    All of it belongs to root there; where it lay before cannot be told.

    :param target: binary file; it is at its start afterwards.
    """
    def neutral(info):
        info.uid = info.gid = 0
        info.uname = info.gname = ''
        return info

    with tarfile.open(fileobj=target, mode='w',
                      format=tarfile.GNU_FORMAT) as archive:
        archive.add(folder, place.strip('/'), filter=neutral)
    target.seek(0)
