# SPDX-License-Identifier: Apache-2.0

import pecan

from pratai.api import validation
from pratai.api.controllers import base
from pratai.api.schemas import common
from pratai.api.schemas import runtimes as schemas
from pratai.policies import runtimes as policies


class Runtimes(base.Controller):

    def __init__(self, services):
        super().__init__(services)
        self.item = Runtime(services)
        self._nothing = validation.Query({})

    @pecan.expose('json')
    def get(self, request, response):
        self.authorize(request, policies.LIST)
        self._nothing(request)
        return {'runtimes': [common.view(schemas.RUNTIME, row) for row in
                             self.services.database.runtime_list()]}


class Runtime(base.Controller):

    def __init__(self, services):
        super().__init__(services)
        self._nothing = validation.Query({})
        self._change = validation.Body(schemas.CHANGE)

    @pecan.expose('json')
    def patch(self, request, response, runtime):
        self.authorize(request, policies.UPDATE)
        self._nothing(request)
        change = self._change(validation.read(request.environ))
        return common.view(
            schemas.RUNTIME, self.services.database.runtime_set_enabled(
                runtime, change['enabled']))

    @pecan.expose('json')
    def get(self, request, response, runtime):
        self.authorize(request, policies.SHOW)
        self._nothing(request)
        return common.view(schemas.RUNTIME,
                           self.services.database.runtime_get(runtime))
