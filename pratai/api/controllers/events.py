# SPDX-License-Identifier: Apache-2.0

import pecan

from pratai import exception
from pratai.api import validation
from pratai.api.controllers import base
from pratai.api.schemas import events as schemas
from pratai.policies import events as policies


class Events(base.Controller):

    def __init__(self, services):
        super().__init__(services)
        self.item = Event(services)
        self._nothing = validation.Query({})

    @pecan.expose('json')
    def get(self, request, response):
        self.authorize(request, policies.LIST)
        self._nothing(request)
        return {'events': [view(name) for name in schemas.NAMES]}


class Event(base.Controller):

    def __init__(self, services):
        super().__init__(services)
        self._nothing = validation.Query({})

    @pecan.expose('json')
    def get(self, request, response, event):
        self.authorize(request, policies.SHOW)
        self._nothing(request)
        if event not in schemas.EVENTS:
            raise exception.NotFound('event', event)
        return view(event)


def view(name):
    """:returns: a kind of event; it has no other id than its name."""
    return {'id': name, 'name': name, 'description': schemas.EVENTS[name],
            'created_at': None}
