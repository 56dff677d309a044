# SPDX-License-Identifier: Apache-2.0
"""Directory trees that somebody else wrote, and locks on them.

Nothing here follows links, or minds how deep or strange a tree is.
"""

import contextlib
import errno
import fcntl
import os
import shutil
import stat
import subprocess

MAX_DEPTH = 200
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


class TooLarge(Exception):
    """A tree has more bytes or files than it may, or is too deep."""


def measure(path, max_bytes, max_files):
    """:returns: (bytes on disk, number of entries) of a tree.

    The tree may change meanwhile.

    :raises TooLarge: as soon as a limit is passed.
    """
    size = count = 0
    todo = [(path, 0)]
    while todo:
        folder, depth = todo.pop()
        try:
            entries = os.scandir(folder)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise TooLarge('it is too deep') from error
            continue
        with entries:
            for entry in entries:
                try:
                    info = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                size += info.st_blocks * 512
                count += 1
                if stat.S_ISDIR(info.st_mode):
                    todo.append((entry.path, depth + 1))
                if size > max_bytes:
                    raise TooLarge('it is larger than %d MB'
                                   % (max_bytes >> 20))
                if count > max_files:
                    raise TooLarge('it has more than %d files' % max_files)
                if depth > MAX_DEPTH:
                    raise TooLarge('it is too deep')
    return size, count


def remove(path):
    """Remove a tree, whatever it looks like; may be repeated."""
    if not os.path.lexists(path):
        return
    try:
        # An empty one: takes no descriptor, of which there may be no more.
        os.rmdir(path)
        return
    except OSError:
        pass
    try:
        shutil.rmtree(path)
        return
    except (OSError, RecursionError):
        pass
    # Folders without permissions, or deeper than Python likes.
    for command in (['chmod', '-R', 'u+rwX', '--', path],
                    ['rm', '-rf', '--', path]):
        subprocess.run(command, check=False, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def link_tree(source, target):
    """Put all of a tree into another one, as hard links where that works.

    A file that is there already is replaced. Both are ours by now.

    :raises TooLarge: one has a folder where the other has a file.
    """
    todo = [(source, target)]
    while todo:
        folder, into = todo.pop()
        try:
            os.mkdir(into)
            os.chmod(into, 0o755)
        except FileExistsError:
            if not os.path.isdir(into) or os.path.islink(into):
                raise TooLarge('two packages share the name %s'
                               % os.path.basename(into)) from None
        with os.scandir(folder) as entries:
            for entry in entries:
                place = os.path.join(into, entry.name)
                if entry.is_dir(follow_symlinks=False):
                    todo.append((entry.path, place))
                else:
                    link(entry.path, place)


def link(source, target):
    """Hard link a file, or copy it; what is there already is replaced."""
    for _ in range(2):
        try:
            os.link(source, target, follow_symlinks=False)
            return
        except FileExistsError:
            if os.path.isdir(target) and not os.path.islink(target):
                raise TooLarge('two packages share the name %s'
                               % os.path.basename(target)) from None
            os.unlink(target)
        except OSError as error:
            if error.errno in NO_SPACE:
                raise
            break   # another file system, or too many links
    shutil.copy2(source, target, follow_symlinks=False)


def open_up(path):
    """Let everybody write in the folders of a tree of ours."""
    for folder, _, _ in os.walk(path):
        os.chmod(folder, 0o777)


def free_bytes(path):
    """:returns: what an ordinary user may still write there."""
    info = os.statvfs(path)
    return info.f_bavail * info.f_frsize


def sync(path):
    """Bring what was written in a file system to the disk."""
    subprocess.run(['sync', '-f', '--', path], check=False,
                   stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextlib.contextmanager
def lock(path, shared=False, wait=None):
    """Hold a lock that other threads and processes see.

    The kernel frees it when its holder dies.

    :param path: of the lock file; made when missing.
    :param shared: whether others may share it.
    :param wait: called whenever somebody else holds it; it waits a little,
        or raises. None: not waiting at all, the block gets False then.
    :returns: context manager, of whether the lock is held.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            held = _try_lock(fd, kind) and _is_same(fd, path)
            if held or wait is None:
                yield held
                return
        finally:
            os.close(fd)
        wait()


def _try_lock(fd, kind):
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False


def _is_same(fd, path):
    """Whether the file was not removed before it was locked."""
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False
