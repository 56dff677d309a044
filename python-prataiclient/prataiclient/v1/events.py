# SPDX-License-Identifier: Apache-2.0
"""Events: what functions can be subscribed to."""

from prataiclient import resources
from prataiclient.v1 import base


class Events(base.Manager):
    path = '/events'
    key = 'events'
    resource = resources.Event
    thing = 'event'

    def list(self):
        """All kinds of events."""
        return self._items(self.http.get(self.path))

    def find(self, name):
        """The event with this name, which is its id too.

        :raises: NotFound
        """
        return self.get(name)
