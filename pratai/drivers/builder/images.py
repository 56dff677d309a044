# SPDX-License-Identifier: Apache-2.0
"""Where images and layers are: folders below the state directory.

``images/<version id>/`` has the module and ``image.json``, which names the
layer; ``layers/<key>/`` has dependencies. Both appear with a rename, whole.
``builds/<build id>/`` is where they are made.
"""

import abc
import contextlib
import json
import logging
import os
import re
import time

from pratai import exception
from pratai import package
from pratai.drivers.builder import files

LOG = logging.getLogger(__name__)

ID = re.compile(r'[0-9a-f]{32}\Z')
KEY = re.compile(r'[0-9a-f]{64}\Z')
RECORD = 'image.json'


class Places(abc.ABC):
    """Where builds are made, and what is made is kept.

    :param conf: options.
    """

    def __init__(self, conf):
        self.grace = conf.builder.collect_grace
        self.base = os.path.abspath(conf.state_path)
        self.builds = self.folder('builds')
        self.locks = self.folder('cache', 'locks')

    def folder(self, *names):
        """:returns: path of a folder of the state directory; it is made."""
        path = os.path.join(self.base, *names)
        os.makedirs(path, exist_ok=True)
        os.chmod(path, 0o711)
        return path

    @abc.abstractmethod
    def has_layer(self, key, job):
        """:returns: whether the layer is there; its lock is held."""

    @abc.abstractmethod
    def keep_layer(self, key, made, build, job):
        """Keep a folder as a layer; its lock is held for us alone."""

    @abc.abstractmethod
    def publish(self, work, build, layer, job):
        """Keep the folder ``work``/image as the image of a version.

        :param build: base.Build
        :param layer: key, whose lock is held, or None.
        :returns: dict: layer, and what else there is to say of the image.
        """

    @abc.abstractmethod
    def remove(self, version_id):
        """As BuilderDriver.remove."""

    @abc.abstractmethod
    def collect(self, known):
        """As BuilderDriver.collect, without the cache."""

    @contextlib.contextmanager
    def workplace(self, build_id):
        """:returns: context manager of an empty folder for one build.

        :raises exception.SandboxError: it is being built already.
        """
        if not ID.match(build_id):
            raise ValueError('%r is no id' % build_id)
        path = os.path.join(self.builds, build_id)
        patience = iter(range(20))

        def wait():
            # It may be but collect() having a look.
            if next(patience, None) is None:
                raise exception.SandboxError(
                    'The build %s is running already' % build_id)
            time.sleep(0.05)

        with files.lock(os.path.join(self.locks, build_id), wait=wait):
            files.remove(path)
            os.mkdir(path)
            os.chmod(path, 0o711)
            try:
                yield path
            finally:
                files.remove(path)
                os.unlink(os.path.join(self.locks, build_id))

    def lock(self, key, shared=False, wait=None):
        """As files.lock, for one layer."""
        return files.lock(os.path.join(self.locks, key), shared, wait)

    def sweep(self):
        """Remove what builds that died have left."""
        for name in {*os.listdir(self.locks), *os.listdir(self.builds)}:
            with self.lock(name) as held:
                if not held:
                    continue
                files.remove(os.path.join(self.builds, name))
                if not self.is_layer(name):
                    os.unlink(os.path.join(self.locks, name))

    def is_layer(self, name):
        """:returns: whether a lock of that name is worth keeping."""
        return False


class Images(Places):
    """Layers and images as folders of one node."""

    def __init__(self, conf):
        super().__init__(conf)
        self.images = self.folder('images')
        self.layers = self.folder('layers')

    def layer(self, key):
        return os.path.join(self.layers, key)

    def is_layer(self, name):
        return os.path.exists(self.layer(name))

    def has_layer(self, key, job):
        return os.path.isdir(self.layer(key))

    def keep_layer(self, key, made, build, job):
        os.rename(made, self.layer(key))

    def publish(self, work, build, layer, job):
        if not ID.match(build.version_id):
            raise ValueError('%r is no id' % build.version_id)
        made = os.path.join(work, 'image')
        with open(os.path.join(made, RECORD), 'w') as target:
            json.dump({'layer': layer}, target)
        place = os.path.join(self.images, build.version_id)
        if os.path.lexists(place):
            os.rename(place, os.path.join(work, 'replaced'))
        os.rename(made, place)
        return {'layer': layer}

    def remove(self, version_id):
        if ID.match(version_id):
            files.remove(os.path.join(self.images, version_id))

    def collect(self, known):
        known = set(known)
        for name in os.listdir(self.images):
            if name not in known and self._is_old(name):
                LOG.info('Removing image %s: nobody knows it', name)
                files.remove(os.path.join(self.images, name))
        for name in os.listdir(self.layers):
            with self.lock(name) as held:
                # NOTE: images appear under this lock, so none can come now.
                if held and name not in self.needed_layers():
                    # At once: half of one must never be found.
                    doomed = os.path.join(self.builds, name)
                    files.remove(doomed)
                    try:
                        os.rename(self.layer(name), doomed)
                    except FileNotFoundError:
                        continue    # another node that shares it was faster
                    LOG.info('Removing layer %s: nobody needs it', name)
                    files.remove(doomed)
        self.sweep()

    def _is_old(self, name):
        try:
            changed = os.stat(os.path.join(self.images, name)).st_mtime
        except FileNotFoundError:
            return False
        return time.time() - changed >= self.grace

    def needed_layers(self):
        """:returns: set of the keys that images name."""
        found = set()
        for name in os.listdir(self.images):
            try:
                with open(os.path.join(self.images, name, RECORD)) as source:
                    found.add(json.load(source)['layer'])
            except (OSError, ValueError, KeyError, TypeError):
                continue
        return found


def write_module(folder, source):
    """Write new_module.py as Python has to find it.

    :raises exception.BuildError: the source cannot be written.
    """
    try:
        data = package.encode_module(source)
    except (LookupError, ValueError) as error:
        raise exception.BuildError(
            'build.syntax_error', 'new_module.py: %s' % error) from error
    with open(os.path.join(folder, package.MODULE), 'wb') as target:
        target.write(data)
