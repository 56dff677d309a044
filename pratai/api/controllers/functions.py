# SPDX-License-Identifier: Apache-2.0

import logging
import secrets
import uuid

from oslo_utils import excutils
import pecan

from pratai import exception
from pratai import package
from pratai import rpc
from pratai.api import upload
from pratai.api import validation
from pratai.api.controllers import base
from pratai.api.schemas import common
from pratai.api.schemas import functions as schemas
from pratai.api.schemas import runtimes
from pratai.policies import functions as policies

LOG = logging.getLogger(__name__)

FILTERS = ('name', 'id', 'status', 'runtime', 'type', 'project_id')
#: What belongs to the function; the rest of its settings to the version.
OWN = ('name', 'description', 'type', 'event', 'public')


class Functions(base.Controller):

    def __init__(self, services):
        super().__init__(services)
        self.item = Function(services)
        self._listing = validation.Query(schemas.listing(services.conf))
        self._nothing = validation.Query({})
        self._metadata = validation.Body(schemas.create(services.conf))

    @pecan.expose('json')
    def get(self, request, response):
        context = self.authorize(request, policies.LIST)
        query = self._listing(request)
        project = self.project(context, query, policies.ALL_PROJECTS)
        limit = self.limit(query)
        rows = self.services.database.function_list(
            project, self.filters(context, query, FILTERS),
            limit + 1, query.get('marker'), *base.split_sort(query['sort']))
        return self.page(
            request, 'functions',
            [view(schemas.FUNCTION, row, self.services.conf) for row in rows],
            limit)

    @pecan.expose('json')
    def post(self, request, response):
        context = self.authorize(request, policies.CREATE)
        self._nothing(request)
        metadata, data = upload.read(request.environ, self.services.conf)
        settings = self._settings(context, self._metadata(metadata))
        content = package.read(data, self.services.conf)
        function = self._keep(context, settings, content, data)
        hint(self.services.conductor.build_hint)
        response.status = 202
        response.location = '%s/%s' % (request.path_url.rstrip('/'),
                                       function['id'])
        return view(schemas.DETAIL, function, self.services.conf)

    def _settings(self, context, settings):
        """:returns: the settings with nothing left open.

        :raises exception.Forbidden: some are not for this caller.
        """
        if settings['public']:
            self.services.policy.authorize(context, policies.CREATE_PUBLIC)
        if settings['network']:
            self.services.policy.authorize(context, policies.CREATE_NETWORK)
        return dict(
            settings, type=_type(settings),
            runtime=_runtime(self.services.database.runtime_list(),
                             settings.get('runtime')))

    def _keep(self, context, settings, content, data):
        """Store the package and enter the function, or neither."""
        package_id = uuid.uuid4().hex
        values = {name: settings.pop(name) for name in OWN}
        settings.pop('wait_for_response', None)
        location = self.services.store.put(package_id, data)
        try:
            return self.services.database.function_create(
                dict(values, id=uuid.uuid4().hex, user_id=context.user_id,
                     project_id=context.project_id,
                     webhook_token=secrets.token_urlsafe(32)),
                settings,
                {'id': package_id, 'location': location,
                 'sha256': content.sha256, 'size': content.size,
                 'module': content.module,
                 'requirements': content.requirements})
        except exception.Unavailable:
            # It may have been committed all the same: better a file that
            # nobody needs than a function without its package.
            LOG.warning('Nobody may need package %s now', location)
            raise
        except Exception:
            with excutils.save_and_reraise_exception():
                discard(self.services.store, location)


class Function(base.Controller):

    def __init__(self, services):
        super().__init__(services)
        self.children = {'package': Package(services),
                         'builds': Builds(services)}
        self._query = validation.Query(schemas.QUERY)
        self._change = validation.Body(schemas.update(services.conf))

    @pecan.expose('json')
    def get(self, request, response, function_id):
        context = self.authorize(request, policies.SHOW)
        project = self.project(context, self._query(request),
                               policies.ALL_PROJECTS)
        return self._view(context, self.services.database.function_get(
            function_id, project))

    @pecan.expose('json')
    def patch(self, request, response, function_id):
        context = self.authorize(request, policies.UPDATE)
        project = self.project(context, self._query(request),
                               policies.ALL_PROJECTS)
        changes = self._changes(
            context, self._change(validation.read(request.environ)))
        row, left = self.services.database.function_update(
            function_id, changes, project)
        if left:
            hint(self.services.conductor.retire, left)
        return self._view(context, row)

    def _changes(self, context, changes):
        """:raises exception.Forbidden: some are not for this caller."""
        if changes.get('public'):
            self.services.policy.authorize(context, policies.UPDATE_PUBLIC)
        if changes.get('network'):
            self.services.policy.authorize(context, policies.UPDATE_NETWORK)
        if 'type' in changes or 'wait_for_response' in changes:
            changes['type'] = _type(changes)
            changes.pop('wait_for_response', None)
        return changes

    def _view(self, context, row):
        if not self.services.policy.allows(context, policies.WEBHOOK_TOKEN):
            row['webhook_token'] = None
        return view(schemas.DETAIL, row, self.services.conf)

    @pecan.expose('json')
    def delete(self, request, response, function_id):
        context = self.authorize(request, policies.DELETE)
        project = self.project(context, self._query(request),
                               policies.ALL_PROJECTS)
        gone = self.services.database.function_delete(function_id, project)
        for location in gone['locations']:
            discard(self.services.store, location)
        hint(self.services.conductor.forget, gone['versions'])
        return base.no_content(response)


class Package(base.Controller):

    def __init__(self, services):
        super().__init__(services)
        self._query = validation.Query(schemas.QUERY)

    @pecan.expose('json')
    def get(self, request, response, function_id):
        context = self.authorize(request, policies.PACKAGE)
        project = self.project(context, self._query(request),
                               policies.ALL_PROJECTS)
        row = self.services.database.package_get(function_id, project)
        response.body = self.services.store.get(row['location'])
        response.content_type = 'application/zip'
        response.content_disposition = (
            'attachment; filename="%s.zip"' % function_id)
        response.headers['X-Content-Type-Options'] = 'nosniff'
        return response


class Builds(base.Controller):

    def __init__(self, services):
        super().__init__(services)
        self._query = validation.Query(schemas.QUERY)

    @pecan.expose('json')
    def get(self, request, response, function_id):
        context = self.authorize(request, policies.BUILDS)
        project = self.project(context, self._query(request),
                               policies.ALL_PROJECTS)
        rows = self.services.database.build_list(function_id, project)
        return {'builds': [common.view(schemas.BUILD, row) for row in rows]}


def view(schema, row, conf):
    """:returns: a function as callers see it."""
    return common.view(schema, dict(
        row, wait_for_response=row['type'] == 'sync',
        endpoint='%s/function/%s' % (conf.webhook.public_url.rstrip('/'),
                                     row['id'])))


def hint(cast, *args):
    """Tell the conductor what it would find out by itself later."""
    try:
        cast(*args)
    except Exception as error:
        LOG.warning('The conductor could not be told: %s',
                    exception.text(error),
                    exc_info=None if isinstance(error, rpc.Error) else error)


def discard(store, location):
    """Delete a package that nothing refers to."""
    try:
        store.delete(location)
    except Exception:
        LOG.warning('Package %s could not be deleted', location,
                    exc_info=True)


def _type(settings):
    wait, kind = settings.get('wait_for_response'), settings.get('type')
    if wait is None:
        return kind or 'async'
    meant = 'sync' if wait else 'async'
    if kind not in (None, meant):
        raise exception.Invalid(
            'wait_for_response: contradicts the type %s' % kind)
    return meant


def _runtime(rows, name):
    """:returns: the name of the runtime to take, which is available."""
    if name is None:
        for row in rows:
            if row['default'] and row['status'] == runtimes.AVAILABLE:
                return row['name']
        raise exception.Unavailable('There is no default runtime now.',
                                    code='runtime.unavailable')
    for row in rows:
        if row['name'] != name:
            continue
        if row['status'] != runtimes.AVAILABLE:
            raise exception.Conflict('The runtime %s is %s.'
                                     % (name, row['status']),
                                     code='runtime.%s' % row['status'])
        return name
    raise exception.Invalid(
        'runtime: there is no %s; there are %s'
        % (name, ', '.join(row['name'] for row in rows) or 'none'),
        code='runtime.not_found')
