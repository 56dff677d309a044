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


def takes(executor, spec):
    """Whether an executor may be given work of a version.

    :param executor: as of ``Database.executors_up``.
    :param spec: with runtime, and image: that has ``node`` when it is on
        one node only; None when it is still to be built.
    """
    node = (spec['image'] or {}).get('node')
    return (is_open(executor) and node in (None, executor['host'])
            and spec['runtime'] in executor['details']['runtimes'])


def is_open(executor):
    """Whether an executor is to be given any work.

    One that was just enabled and does not know it yet would give it back.
    """
    return (executor['state'] == 'enabled' and is_available(executor)
            and not executor['details'].get('paused')
            and not executor['details'].get('draining'))


def is_available(executor):
    """Whether what an executor runs functions with is there."""
    return executor['details'].get('available', True)


def is_stranded(executors, spec, down_for, patience):
    """Whether a version has to be built again to run at all.

    Its image is on one node, which an operator keeps from work, or which
    was away for so long that it may not come back; and there is another
    executor that could run it.

    :param executors: {host: executor} of those that are up.
    :param down_for: seconds for which the node was seen not to take it.
    :param patience: seconds.
    """
    node = (spec['image'] or {}).get('node')
    if node is None:
        return False
    home = executors.get(node)
    if home is not None and takes(home, spec):
        return False
    kept = home is not None and home['state'] != 'enabled'
    if not kept and down_for < patience:
        return False
    return any(takes(executor, dict(spec, image=None))
               for executor in executors.values())


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
