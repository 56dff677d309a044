# SPDX-License-Identifier: Apache-2.0
"""Packages as files of one directory."""

import logging
import os
import re
import time
import uuid

from pratai import exception
from pratai.drivers.package_store import base

LOG = logging.getLogger(__name__)

PACKAGE_ID = re.compile(r'[0-9a-f]{32}\Z')
LOCATION = re.compile(r'[0-9a-f]{32}\.zip\Z')
TEMPORARY = re.compile(r'\.[0-9a-f]{32}\.[0-9a-f]{32}\.tmp\Z')
# Older than any put() takes: what a process that died left behind.
STALE = 3600    # seconds


class FileStore(base.PackageStore):
    """A file a package in ``[package_store]path``.

    A package appears with a rename, so no reader ever sees half of one. The
    directory may be shared by several nodes.
    """

    def __init__(self, conf):
        super().__init__(conf)
        self.path = conf.package_store.path
        os.makedirs(self.path, mode=0o700, exist_ok=True)
        self._remove_stale()

    def put(self, package_id, data):
        if not PACKAGE_ID.match(package_id):
            raise exception.Invalid('"%s" is no id of a package.'
                                    % package_id[:64])
        location = package_id + '.zip'
        temporary = os.path.join(
            self.path, '.%s.%s.tmp' % (package_id, uuid.uuid4().hex))
        try:
            try:
                _write(temporary, data)
                os.rename(temporary, os.path.join(self.path, location))
            except BaseException:
                _remove(temporary)
                raise
            _sync_directory(self.path)
        except OSError as error:
            LOG.error('Package %s cannot be kept: %s', package_id, error)
            raise exception.Unavailable(
                'The package cannot be stored now.') from error
        return location

    def get(self, location):
        try:
            with open(self._file(location), 'rb') as source:
                return source.read()
        except FileNotFoundError as error:
            raise exception.NotFound('package', location) from error
        except OSError as error:
            LOG.error('Package %s cannot be read: %s', location, error)
            raise exception.Unavailable(
                'The package cannot be read now.') from error

    def delete(self, location):
        try:
            _remove(self._file(location))
        except exception.NotFound:
            pass
        except OSError as error:
            LOG.error('Package %s cannot be removed: %s', location, error)
            raise exception.Unavailable(
                'The package cannot be removed now.') from error

    def _file(self, location):
        if not LOCATION.match(location):
            raise exception.NotFound('package', location[:64])
        return os.path.join(self.path, location)

    def _remove_stale(self):
        with os.scandir(self.path) as entries:
            for entry in entries:
                try:
                    if (TEMPORARY.match(entry.name) and
                            time.time() - entry.stat().st_mtime > STALE):
                        os.unlink(entry.path)
                except OSError as error:
                    LOG.warning('%s: %s', entry.path, error)


def _write(path, data):
    with open(path, 'xb', opener=_private) as target:
        target.write(data)
        target.flush()
        os.fsync(target.fileno())


def _private(path, flags):
    return os.open(path, flags, 0o600)


def _remove(path):
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def _sync_directory(path):
    """Make a rename survive a crash of the node."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
