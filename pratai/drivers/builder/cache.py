# SPDX-License-Identifier: Apache-2.0
"""What builds share: downloads, and packages that were unpacked once.

Several projects use both, so no code of a package may ever write to them:

- Downloads are pip's own HTTP cache. A build gets a view of it, made of hard
  links, and pip adds to the view. What it added is taken over only from the
  step that cannot start any program (``inside.py download``); the step that
  builds packages from source reads the cache, and cannot write there.
- Unpacked packages are named by the hash of their wheel, computed here, and
  unpacked from it in a sandbox where no code of the package runs. So whoever
  has the same wheel has the same files, whoever brought it first.
"""

import functools
import hashlib
import os
import re
import tempfile
import time

from pratai.drivers.builder import files

# As pip lays it out: http-v2/1/2/3/4/5/12345... and the same with ".body".
HTTP_FOLDER = re.compile(r'http(-v\d+)?\Z')
HTTP_FILE = re.compile(r'[0-9a-f]{40,64}(\.body)?\Z')
# More would take longer to lend than to download again.
MAX_DOWNLOADS = 2000


class Cache:
    """The shared folders below ``<state_path>/cache``.

    :param conf: options.
    """

    def __init__(self, conf):
        self.limit = conf.builder.cache_size << 20
        self.patience = 2 * conf.builder.timeout
        self.path = os.path.join(os.path.abspath(conf.state_path), 'cache')
        self.downloads = os.path.join(self.path, 'pip')
        self.wheels = os.path.join(self.path, 'wheels')
        self.programs = os.path.join(self.path, 'programs')
        for path, mode in ((self.downloads, 0o700), (self.wheels, 0o700),
                           (self.programs, 0o755)):
            os.makedirs(path, exist_ok=True)
            os.chmod(path, mode)

    def _locked(self):
        """:returns: context manager; held for a moment only."""
        return files.lock(os.path.join(self.path, 'lock'),
                          wait=functools.partial(time.sleep, 0.005))

    def lend(self, view):
        """Make a view of the downloads that somebody else may write to."""
        os.mkdir(view)
        for path in _files(self.downloads):
            target = os.path.join(view, os.path.relpath(path, self.downloads))
            _make_folders(os.path.dirname(target), 0o777)
            try:
                files.link(path, target)
            except FileNotFoundError:
                continue    # pruned a moment ago

    def read_only(self):
        """:returns: [(folder, name in a cache)] to be seen, not changed."""
        return [(entry.path, entry.name)
                for entry in os.scandir(self.downloads)
                if HTTP_FOLDER.match(entry.name)]

    def take_back(self, view):
        """Take over what was added to a view; it has to be ours by now."""
        with self._locked():
            for path in _files(view):
                target = os.path.join(self.downloads,
                                      os.path.relpath(path, view))
                if os.lstat(path).st_nlink == 1:
                    # Sandboxes that read it have other users than ours.
                    _make_folders(os.path.dirname(target), 0o755)
                    os.rename(path, target)

    def unpacked(self, wheel, fingerprint):
        """:returns: path for what a wheel unpacks to; it may not exist.

        What exists is not pruned while a build can take.

        :param wheel: path of the file.
        :param fingerprint: of the runtime that compiles it.
        """
        with open(wheel, 'rb') as source:
            digest = hashlib.file_digest(source, 'sha256').hexdigest()
        path = os.path.join(self.wheels,
                            '%s.%s' % (digest, _short(fingerprint)))
        with self._locked():
            try:
                os.utime(path)
            except FileNotFoundError:
                pass
        return path

    def program(self, name, fingerprint):
        """:returns: path for a program of ours that a runtime compiled."""
        return os.path.join(self.programs,
                            '%s.%s' % (name, _short(fingerprint)))

    def keep(self, tree, path):
        """Make a tree the one at a path that was told before.

        Another build may have been faster; then its tree stays.
        """
        try:
            os.rename(tree, path)
        except OSError:
            if not os.path.isdir(path):
                raise

    def prune(self):
        """Remove what was used least recently, down to the limit."""
        with files.lock(os.path.join(self.path, 'prune.lock')) as held:
            if held:
                self._prune()

    def _prune(self):
        found = []
        for path in _files(self.downloads):
            info = os.lstat(path)
            found.append((info.st_mtime, info.st_size, path))
        for path in _excess(found, self.limit, MAX_DOWNLOADS):
            os.unlink(path)
        found = []
        for entry in os.scandir(self.wheels):
            size, _ = files.measure(entry.path, 1 << 60, 1 << 60)
            found.append((entry.stat().st_mtime, size, entry.path))
        for path in _excess(found, self.limit, 1 << 60):
            self._remove_wheel(path)

    def _remove_wheel(self, path):
        with tempfile.TemporaryDirectory(dir=self.path) as trash:
            with self._locked():
                # A build that runs has told so after it was started.
                if os.stat(path).st_mtime > time.time() - self.patience:
                    return
                os.rename(path, os.path.join(trash, 'wheel'))
            files.remove(os.path.join(trash, 'wheel'))


def _short(fingerprint):
    return hashlib.sha256(fingerprint.encode()).hexdigest()[:16]


def _excess(found, limit, count):
    """:returns: list of the paths that are over a limit.

    :param found: list of (time of last use, bytes, path).
    """
    size = 0
    paths = []
    for number, (_, used, path) in enumerate(sorted(found, reverse=True)):
        size += used
        if size > limit or number >= count:
            paths.append(path)
    return paths


def _files(path):
    """Yield the files of a download cache; nothing else is looked at."""
    for entry in os.scandir(path):
        if HTTP_FOLDER.match(entry.name) and entry.is_dir(
                follow_symlinks=False):
            yield from _below(entry.path, 8)


def _below(path, depth):
    for entry in os.scandir(path):
        if entry.is_dir(follow_symlinks=False):
            if depth:
                yield from _below(entry.path, depth - 1)
        elif entry.is_file(follow_symlinks=False) and HTTP_FILE.match(
                entry.name):
            yield entry.path


def _make_folders(path, mode):
    """As os.makedirs, but the mode is what they get, and all of them."""
    try:
        os.mkdir(path)
        os.chmod(path, mode)
    except FileExistsError:
        pass
    except FileNotFoundError:
        _make_folders(os.path.dirname(path), mode)
        os.mkdir(path)
        os.chmod(path, mode)
