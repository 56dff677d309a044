# SPDX-License-Identifier: Apache-2.0
"""Where images and layers are: folders below the state directory.

``images/<version id>/`` has the module and ``image.json``, which names the
layer; ``layers/<key>/`` has dependencies. Both appear with a rename, whole.
``builds/<build id>/`` is where they are made.
"""

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


class Images:
    """The folders of one node.

    :param conf: options.
    """

    def __init__(self, conf):
        self.grace = conf.builder.collect_grace
        base = os.path.abspath(conf.state_path)
        self.images = os.path.join(base, 'images')
        self.layers = os.path.join(base, 'layers')
        self.builds = os.path.join(base, 'builds')
        self.locks = os.path.join(base, 'cache', 'locks')
        for path in (self.images, self.layers, self.builds, self.locks):
            os.makedirs(path, exist_ok=True)
            os.chmod(path, 0o711)

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

    def layer(self, key):
        return os.path.join(self.layers, key)

    def lock(self, key, shared=False, wait=None):
        """As files.lock, for one layer."""
        return files.lock(os.path.join(self.locks, key), shared, wait)

    def publish(self, work, version_id, layer):
        """Make the folder ``work``/image the image of a version."""
        if not ID.match(version_id):
            raise ValueError('%r is no id' % version_id)
        made = os.path.join(work, 'image')
        with open(os.path.join(made, RECORD), 'w') as target:
            json.dump({'layer': layer}, target)
        place = os.path.join(self.images, version_id)
        if os.path.lexists(place):
            os.rename(place, os.path.join(work, 'replaced'))
        os.rename(made, place)

    def remove(self, version_id):
        if ID.match(version_id):
            files.remove(os.path.join(self.images, version_id))

    def collect(self, known):
        """As BuilderDriver.collect, without the cache."""
        known = set(known)
        for name in os.listdir(self.images):
            if name not in known and self._is_old(name):
                LOG.info('Removing image %s: nobody knows it', name)
                files.remove(os.path.join(self.images, name))
        for name in os.listdir(self.layers):
            with self.lock(name) as held:
                # NOTE: images appear under this lock, so none can come now.
                if held and name not in self.needed_layers():
                    LOG.info('Removing layer %s: nobody needs it', name)
                    files.remove(self.layer(name))
        for name in {*os.listdir(self.locks), *os.listdir(self.builds)}:
            with self.lock(name) as held:
                if not held:
                    continue
                files.remove(os.path.join(self.builds, name))
                if not os.path.exists(self.layer(name)):
                    os.unlink(os.path.join(self.locks, name))

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
