# SPDX-License-Identifier: Apache-2.0
"""User ids for sandboxes, each used by one at a time."""

import random
import threading

from pratai import exception

_POOLS = {}
_LOCK = threading.Lock()


class Pool:
    """Ids from first on; one that was given back is used again last."""

    def __init__(self, first, count):
        self.first = first
        self.count = count
        # NOTE: services that share a range by mistake should not meet at
        # its start.
        self.next = random.randrange(count)
        self.used = set()
        self.lock = threading.Lock()

    def take(self):
        """:returns: an id.

        :raises exception.NodeUnavailable: all are in use.
        """
        with self.lock:
            for _ in range(self.count):
                uid = self.first + self.next
                self.next = (self.next + 1) % self.count
                if uid not in self.used:
                    self.used.add(uid)
                    return uid
        raise exception.NodeUnavailable('All %d user ids are in use'
                                        % self.count)

    def give(self, uid):
        with self.lock:
            self.used.discard(uid)


def pool(first, count):
    """:returns: the one Pool of this process for a range."""
    with _LOCK:
        return _POOLS.setdefault((first, count), Pool(first, count))
