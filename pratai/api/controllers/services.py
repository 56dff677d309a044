# SPDX-License-Identifier: Apache-2.0

import pecan

from pratai import exception
from pratai.api import validation
from pratai.api.controllers import base
from pratai.api.schemas import common
from pratai.api.schemas import services as schemas
from pratai.policies import services as policies


class ServiceList(base.Controller):

    def __init__(self, services):
        super().__init__(services)
        self.item = Service(services)
        self._nothing = validation.Query({})

    @pecan.expose('json')
    def get(self, request, response):
        self.authorize(request, policies.LIST)
        self._nothing(request)
        return {'services': [common.view(schemas.SERVICE, row) for row in
                             self.services.database.service_list()]}


class Service(base.Controller):

    def __init__(self, services):
        super().__init__(services)
        self._nothing = validation.Query({})
        self._change = validation.Body(schemas.CHANGE)

    @pecan.expose('json')
    def get(self, request, response, service_id):
        self.authorize(request, policies.SHOW)
        self._nothing(request)
        return common.view(schemas.SERVICE,
                           self.services.database.service_get(service_id))

    @pecan.expose('json')
    def patch(self, request, response, service_id):
        self.authorize(request, policies.UPDATE)
        self._nothing(request)
        change = self._change(validation.read(request.environ))
        service = self.services.database.service_get(service_id)
        if (service['binary'] != schemas.EXECUTOR
                and change['state'] != schemas.ENABLED):
            raise exception.Conflict(
                'Only executors can be disabled or drained: a %s gets no '
                'work that could be kept from it.' % service['binary'],
                code='service.not_an_executor')
        return common.view(
            schemas.SERVICE, self.services.database.service_set_state(
                service_id, change['state'], change.get('reason')))
