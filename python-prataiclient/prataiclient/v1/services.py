# SPDX-License-Identifier: Apache-2.0
"""Services and their state, for operators."""

from prataiclient import resources
from prataiclient.v1 import base


class Services(base.Manager):
    path = '/services'
    key = 'services'
    resource = resources.Service
    thing = 'service'

    def list(self):
        """The processes that Pratai consists of.

        :raises: Forbidden for others than admins
        """
        return self._items(self.http.get(self.path))


class ClusterStatus:
    def __init__(self, http):
        self.http = http

    def get(self):
        """Whether all is well.

        :returns: Status
        :raises: Forbidden for others than admins
        """
        return resources.Status.from_api(self.http.get('/status'))
