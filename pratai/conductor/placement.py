# SPDX-License-Identifier: Apache-2.0
"""Which executors are to run a version: pure functions."""

import hashlib


def order(version_id, hosts):
    """Rank executors for a version by rendezvous hashing.

    Every conductor comes to the same order without asking anybody, so warm
    instances are found again; an executor that comes or goes moves only the
    versions that it was, or is, first for (Thaler and Ravishankar, 1998).

    :param hosts: names, in any order.
    :returns: the names, best first.
    """
    def weight(host):
        return hashlib.blake2b(('%s\0%s' % (version_id, host)).encode(),
                               digest_size=8).digest()

    return sorted(hosts, key=lambda host: (weight(host), host), reverse=True)


def shares(queued_room, ranked, room):
    """Spread attempts over executors: the first ones are filled first.

    :param queued_room: how many attempts the function may start.
    :param ranked: executors, best first.
    :param room: {executor: attempts it still takes}.
    :returns: [(executor, attempts)] without empty ones.
    """
    result = []
    for host in ranked:
        count = min(queued_room, room.get(host, 0))
        if count > 0:
            result.append((host, count))
            queued_room -= count
    return result
