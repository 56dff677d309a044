# SPDX-License-Identifier: Apache-2.0

import pecan

from pratai.api import validation
from pratai.api.controllers import base
from pratai.api.schemas import common
from pratai.api.schemas import runtimes
from pratai.api.schemas import services as schemas
from pratai.policies import status as policies

#: Without one of each that is up, no function runs.
NEEDED = ('pratai-conductor', 'pratai-executor')


class Status(base.Controller):

    def __init__(self, services):
        super().__init__(services)
        self._nothing = validation.Query({})

    @pecan.expose('json')
    def get(self, request, response):
        self.authorize(request, policies.SHOW)
        self._nothing(request)
        rows = self.services.database.service_list()
        broken = problems(rows, self.services.database.runtime_list())
        return {'status': schemas.DEGRADED if broken else schemas.OK,
                'services': [common.view(schemas.SERVICE, row)
                             for row in rows],
                'warnings': broken + remarks(rows)}


def problems(services, available):
    """:returns: sentences about what keeps functions from running.

    :param services: rows of the service list.
    :param available: rows of the runtime list.
    """
    up = {row['binary'] for row in services if row['status'] == schemas.UP
          and row['state'] == schemas.ENABLED}
    found = ['%s on %s %s.' % (row['binary'], row['host'], _down(row))
             for row in services if row['status'] != schemas.UP
             and row['state'] == schemas.ENABLED]
    found += ['%s on %s: %s.' % (row['binary'], row['host'], text)
              for row in services if row['status'] == schemas.UP
              for text in row['details'].get('problems', ())]
    found += ['%(binary)s on %(host)s cannot run functions now.' % row
              for row in services if row['status'] == schemas.UP
              and row['state'] == schemas.ENABLED
              and not row['details'].get('available', True)]
    found += ['No %s is up and enabled.' % binary for binary in NEEDED
              if binary not in up]
    if not any(row['status'] == runtimes.AVAILABLE for row in available):
        found.append('No runtime is available.')
    return found


def _down(row):
    heard_of = row['updated_at']
    if heard_of.year == 1970:
        return 'is down'    # stopped in order, see Services.service_remove
    return 'has been down since %s UTC' % heard_of.isoformat(
        ' ', timespec='seconds')


def remarks(services):
    """:returns: the warnings that services that are up give themselves."""
    return ['%s on %s: %s' % (row['binary'], row['host'], text)
            for row in services if row['status'] == schemas.UP
            for text in row['details'].get('warnings', ())]
