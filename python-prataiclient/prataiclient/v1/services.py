# SPDX-License-Identifier: Apache-2.0
"""Services and their state, for operators."""

from prataiclient import exceptions
from prataiclient import resources
from prataiclient.v1 import base

EXECUTOR = 'pratai-executor'
ENABLED = 'enabled'
DISABLED = 'disabled'
DRAINING = 'draining'
STATES = (ENABLED, DISABLED, DRAINING)
DOWN = 'down'


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

    def find(self, host_or_id):
        """The service with this id or beginning of one, or the executor on
        this host.

        :raises: NotFound; AmbiguousName with the candidates; Forbidden
        """
        services = self.list()
        found = [one for one in services if host_or_id == one.id
                 or (one.binary == EXECUTOR and host_or_id == one.host)]
        if not found and base.is_id_prefix(host_or_id):
            found = [one for one in services
                     if one.id.startswith(host_or_id)]
        return self._pick(host_or_id, found)

    def set_state(self, id, state, reason=None):
        """Say whether an executor gets work; for admins.

        :param state: ``enabled``; ``disabled``: it gets no new work and
            keeps its warm instances; ``draining``: it gets no new work,
            finishes what it runs and then stops its instances, after which
            its ``details['drained']`` is true
        :param reason: a note for the other admins
        :returns: the Service
        :raises: NotFound, Forbidden, BadRequest; Conflict where the service
            is one that gets no work to begin with
        """
        if state not in STATES:
            raise exceptions.InvalidInput(
                "The state of a service is one of %s, and not '%s'"
                % (', '.join(STATES), state))
        changes = {'state': state}
        if reason is not None:
            changes['reason'] = reason
        return self._update(id, changes)

    def wait_drained(self, id):
        """Wait until nothing is left on an executor that drains.

        :returns: the Service; not drained where it was enabled meanwhile,
            or where it is down, so that nobody tells what is left on it
        """
        for _ in base.pauses(first=0.2):
            service = self.get(id)
            if (service.state != DRAINING or service.drained
                    or service.status == DOWN):
                return service

    @staticmethod
    def _describe(one):
        return '%s (%s on %s)' % (one.id, one.binary, one.host)


class ClusterStatus:
    def __init__(self, http):
        self.http = http

    def get(self):
        """Whether all is well.

        :returns: Status
        :raises: Forbidden for others than admins
        """
        return resources.Status.from_api(self.http.get('/status'))
