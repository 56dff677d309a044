# SPDX-License-Identifier: Apache-2.0

import logging

import pecan

from pratai import exception
from pratai import rpc
from pratai import states
from pratai.api import validation
from pratai.api.controllers import base
from pratai.api.schemas import common
from pratai.api.schemas import requests as schemas
from pratai.policies import requests as policies

LOG = logging.getLogger(__name__)

FILTERS = ('function_id', 'status', 'id', 'project_id')


class Requests(base.Controller):

    def __init__(self, services):
        super().__init__(services)
        self.item = Request(services)
        self._listing = validation.Query(schemas.listing(services.conf))

    @pecan.expose('json')
    def get(self, request, response):
        context = self.authorize(request, policies.LIST)
        query = self._listing(request)
        project = self.project(context, query, policies.ALL_PROJECTS)
        limit = self.limit(query)
        rows = self.services.database.request_list(
            project, self.filters(context, query, FILTERS),
            limit + 1, query.get('marker'), base.split_sort(query['sort'])[1])
        return self.page(request, 'requests',
                         [common.view(schemas.REQUEST, row) for row in rows],
                         limit)


class Request(base.Controller):

    def __init__(self, services):
        super().__init__(services)
        self.children = {'logs': Logs(services), 'cancel': Cancel(services)}
        self._query = validation.Query(schemas.QUERY)

    @pecan.expose('json')
    def get(self, request, response, request_id):
        context = self.authorize(request, policies.SHOW)
        project = self.project(context, self._query(request),
                               policies.ALL_PROJECTS)
        row = self.services.database.request_get(request_id, project)
        return common.view(schemas.DETAIL, row)

    @pecan.expose('json')
    def delete(self, request, response, request_id):
        context = self.authorize(request, policies.DELETE)
        project = self.project(context, self._query(request),
                               policies.ALL_PROJECTS)
        self.services.database.request_delete(request_id, project)
        return base.no_content(response)


class Logs(base.Controller):

    def __init__(self, services):
        super().__init__(services)
        self._query = validation.Query(schemas.LOGS_QUERY)

    @pecan.expose('json')
    def get(self, request, response, request_id):
        context = self.authorize(request, policies.LOGS)
        query = self._query(request)
        project = self.project(context, query, policies.ALL_PROJECTS)
        row = self.services.database.request_logs(request_id, project)
        complete = row['status'] in states.FINISHED
        if not complete:
            row.update(self._running(request_id, row))
        text = row['logs'][query['offset']:]
        return {'request_id': request_id, 'logs': text,
                'offset': query['offset'] + len(text),
                'attempt': row['attempt'], 'truncated': row['truncated'],
                'complete': complete}

    def _running(self, request_id, row):
        """:returns: logs and truncated, from where the request runs.

        When that cannot be had there is just nothing new now: it may have
        finished this moment, and the caller will ask again.
        """
        if row['status'] == states.RUNNING:
            try:
                return self.services.conductor.logs(request_id)
            except (rpc.Error, exception.PrataiError) as error:
                LOG.info('No logs of request %s yet: %s', request_id, error)
        return {}


class Cancel(base.Controller):

    def __init__(self, services):
        super().__init__(services)
        self._query = validation.Query(schemas.QUERY)

    @pecan.expose('json')
    def post(self, request, response, request_id):
        context = self.authorize(request, policies.CANCEL)
        project = self.project(context, self._query(request),
                               policies.ALL_PROJECTS)
        # Raises when it is not there, or another project's.
        self.services.database.request_brief(request_id, project)
        if not self._cancel(request_id):
            raise exception.Conflict('The request has finished already.',
                                     code='request.finished')
        response.status = 202
        return common.view(
            schemas.REQUEST,
            self.services.database.request_get(request_id, project))

    def _cancel(self, request_id):
        try:
            return self.services.conductor.cancel(request_id)
        except rpc.Error as error:
            raise exception.Unavailable(
                'No conductor answers; it is not known whether the request '
                'was cancelled.') from error
