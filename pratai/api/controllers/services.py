# SPDX-License-Identifier: Apache-2.0

import pecan

from pratai.api import validation
from pratai.api.controllers import base
from pratai.api.schemas import common
from pratai.api.schemas import services as schemas
from pratai.policies import services as policies


class ServiceList(base.Controller):

    def __init__(self, services):
        super().__init__(services)
        self._nothing = validation.Query({})

    @pecan.expose('json')
    def get(self, request, response):
        self.authorize(request, policies.LIST)
        self._nothing(request)
        return {'services': [common.view(schemas.SERVICE, row) for row in
                             self.services.database.service_list()]}
