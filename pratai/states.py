# SPDX-License-Identifier: Apache-2.0
"""The states of everything that has one, and which may follow which.

A change of state is one conditional UPDATE; this table says which are
allowed. doc/source/contributor/states.rst explains them.
"""

BUILDING = 'building'
INACTIVE = 'inactive'
ACTIVE = 'active'
ERROR = 'error'
#: What a function shows. ``active`` is never stored: it means that the
#: function is ``inactive`` and has requests running at this moment.
FUNCTION = (BUILDING, INACTIVE, ACTIVE, ERROR)

QUEUED = 'queued'
RUNNING = 'running'
SUCCEEDED = 'succeeded'
FAILED = 'failed'
TIMEOUT = 'timeout'
CANCELLED = 'cancelled'
DEAD = 'dead'
REQUEST = (QUEUED, RUNNING, SUCCEEDED, FAILED, TIMEOUT, ERROR, CANCELLED,
           DEAD)
FINISHED = (SUCCEEDED, FAILED, TIMEOUT, ERROR, CANCELLED, DEAD)

BUILD = (QUEUED, RUNNING, SUCCEEDED, FAILED)

#: request status -> those that may follow it.
REQUEST_CHANGES = {
    # A queued request ends without running when it is cancelled or when its
    # function cannot run it any more (error).
    QUEUED: {RUNNING, CANCELLED, ERROR},
    # Back to queued: the platform lost the attempt, or had no room for it.
    RUNNING: set(FINISHED) | {QUEUED},
}
#: build status -> those that may follow it.
BUILD_CHANGES = {
    QUEUED: {RUNNING, FAILED},
    RUNNING: {QUEUED, SUCCEEDED, FAILED},
}


def check(changes, before, after):
    """Refuse a change of state that the table does not have.

    :raises ValueError: for a programming mistake; no input leads there.
    """
    if after not in changes.get(before, ()):
        raise ValueError('no change from %s to %s' % (before, after))
