# SPDX-License-Identifier: Apache-2.0
"""Runtimes: what functions run on."""

from prataiclient import resources
from prataiclient.v1 import base


class Runtimes(base.Manager):
    path = '/runtimes'
    key = 'runtimes'
    resource = resources.Runtime
    thing = 'runtime'

    def list(self):
        """All runtimes."""
        return self._items(self.http.get(self.path))

    def find(self, name_or_id):
        """The runtime with this name, id, or beginning of an id.

        :raises: NotFound; AmbiguousName with the candidates
        """
        runtimes = self.list()
        found = [one for one in runtimes
                 if name_or_id in (one.name, one.id)]
        if not found and base.is_id_prefix(name_or_id):
            found = [one for one in runtimes
                     if one.id.startswith(name_or_id)]
        return self._pick(name_or_id, found)

    def set_enabled(self, id, enabled):
        """Let functions be made for a runtime, or not; for admins.

        Functions that use a disabled one go on running.

        :param id: name or id of the runtime
        :param enabled: a bool
        :returns: the Runtime
        :raises: NotFound, Forbidden
        """
        return self._update(id, {'enabled': enabled})
