# SPDX-License-Identifier: Apache-2.0
"""The tree of all resources, and what is known without authentication."""

import pecan

from pratai.api import microversion
from pratai.api import openapi
from pratai.api.controllers import base
from pratai.api.controllers import events
from pratai.api.controllers import functions
from pratai.api.controllers import requests
from pratai.api.controllers import runtimes
from pratai.api.controllers import services as service_list
from pratai.api.controllers import status

#: Paths that need no authentication.
PUBLIC = ('', '/', '/v1', '/v1/', '/v1/openapi.json')


class Versions(base.Root):
    """The root: which versions of the API there are."""

    def __init__(self, services):
        super().__init__(services)
        self.children = {'v1': Version(services)}

    @pecan.expose('json')
    def get(self, request, response):
        strategy = self.services.conf.api.auth_strategy
        return {'versions': [describe(request)],
                'auth': 'none' if strategy == 'noauth' else strategy}


class Version(base.Controller):

    def __init__(self, services):
        super().__init__(services)
        self.children = {
            'openapi.json': OpenAPI(services),
            'functions': functions.Functions(services),
            'requests': requests.Requests(services),
            'runtimes': runtimes.Runtimes(services),
            'events': events.Events(services),
            'services': service_list.ServiceList(services),
            'status': status.Status(services),
        }

    @pecan.expose('json')
    def get(self, request, response):
        return {'version': describe(request)}


class OpenAPI(base.Controller):

    def __init__(self, services):
        super().__init__(services)
        self._document = openapi.document(services.conf)

    @pecan.expose('json')
    def get(self, request, response):
        return dict(self._document,
                    servers=[{'url': request.application_url or '/'}])


def describe(request):
    """:returns: version 1, with links as this caller sees them."""
    return {'id': 'v1', 'status': 'CURRENT',
            'min_version': microversion.VERSIONS[0],
            'version': microversion.VERSIONS[-1],
            'links': [{'rel': 'self',
                       'href': request.application_url + '/v1/'}]}
