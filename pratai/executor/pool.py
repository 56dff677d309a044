# SPDX-License-Identifier: Apache-2.0
"""Which instance serves a request, which is started, which has to go.

Pure functions over what is known at this moment, so that tables test them;
who asks, waits and starts is in :mod:`pratai.executor.instances`.
"""

import dataclasses

USE = 'use'      # an instance has room
START = 'start'  # start one, after ``evict`` is gone
WAIT = 'wait'    # something that is busy has to end first


@dataclasses.dataclass(frozen=True)
class View:
    """One instance as decisions see it."""

    id: str
    version_id: str
    ready: bool
    running: int
    last_used: float


@dataclasses.dataclass(frozen=True)
class Limits:
    """What the node has to give; memory in MB."""

    memory: int
    max_running: int
    max_instances: int
    instance_concurrency: int


@dataclasses.dataclass(frozen=True)
class Decision:
    action: str
    instance: str = None
    evict: str = None


def decide(spec, views, memory_used, running, running_of_version, waiting,
           limits):
    """Choose for one request of a version.

    :param spec: the version: id, memory (MB), concurrency.
    :param views: the instances of the node.
    :param memory_used: MB promised to the requests that run.
    :param running: how many requests run on the node.
    :param running_of_version: how many of them are of this version.
    :param waiting: requests of this version that wait for one that starts.
    """
    if (running >= limits.max_running
            or memory_used + spec['memory'] > limits.memory
            or running_of_version >= spec['concurrency']):
        return Decision(WAIT)
    mine = [view for view in views if view.version_id == spec['id']]
    room = [view for view in mine
            if view.ready and view.running < limits.instance_concurrency]
    if room:
        # The fullest first, so that the others may become idle.
        return Decision(USE, instance=max(
            room, key=lambda view: (view.running, view.last_used)).id)
    starting = sum(1 for view in mine if not view.ready)
    # NOTE: never one per waiting request: those that wait share what starts.
    if starting * limits.instance_concurrency > waiting:
        return Decision(WAIT)
    if len(views) < limits.max_instances:
        return Decision(START)
    idle = [view for view in views if view.ready and not view.running]
    if idle:
        return Decision(START, evict=min(
            idle, key=lambda view: view.last_used).id)
    return Decision(WAIT)


def expired(views, now, idle_seconds):
    """:returns: ids of the instances that were idle for too long."""
    return [view.id for view in views
            if view.ready and not view.running
            and now - view.last_used >= idle_seconds]
