# SPDX-License-Identifier: Apache-2.0
"""A small disk, for tests of what happens when it is full."""

import functools
import subprocess


@functools.cache
def why_not():
    """:returns: why none can be mounted here; None when one can."""
    # In a namespace of its own, of which nothing is left.
    done = subprocess.run(
        ['unshare', '--mount', 'mount', '-t', 'tmpfs', 'small', '/tmp'],
        capture_output=True, text=True)
    if done.returncode:
        return 'Nothing can be mounted here: ' + done.stderr.strip()
    return None


def mount(test, path, options):
    """Mount one there. It goes with the test, or with this process, however
    that ends.

    :param test: is skipped where that cannot be; or a fixture, where
        somebody asked :func:`why_not` before.
    :param options: how small it is: options of tmpfs.
    """
    if why_not():
        test.skipTest(why_not())
    subprocess.run(['mount', '-t', 'tmpfs', '-o', options, 'small', path],
                   check=True)
    # Quiet: an engine takes what is mounted for it along.
    guard = subprocess.Popen(
        ['sh', '-c', 'cat; umount -l "$0"', path], stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL, start_new_session=True)
    test.addCleanup(guard.wait)
    test.addCleanup(guard.stdin.close)
