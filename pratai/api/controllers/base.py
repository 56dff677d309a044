# SPDX-License-Identifier: Apache-2.0

import dataclasses
import re
import typing
import urllib.parse

import pecan
import webob.exc

from pratai import exception
from pratai.api import auth

METHODS = ('get', 'post', 'patch', 'delete')
_WORD = re.compile(r'[A-Za-z0-9][A-Za-z0-9._~-]{0,254}')


@dataclasses.dataclass(frozen=True)
class Services:
    """What controllers work with.

    :ivar database: a :class:`pratai.db.api.Database`.
    :ivar conductor: a :class:`pratai.conductor.rpcapi.ConductorAPI`.
    :ivar store: driver of pratai.package_store.
    :ivar policy: a :class:`pratai.policy.Policy`.
    """

    conf: typing.Any
    database: typing.Any
    conductor: typing.Any
    store: typing.Any
    policy: typing.Any


class Controller:
    """A resource: its methods ``get``, ``post``, ``patch`` and ``delete``,
    those it has, answer the HTTP methods of these names.

    :ivar children: {word in the path: the controller below this one}.
    :ivar item: controller of everything else below this one; its methods
        get that word of the path as an argument.
    """

    item = None

    def __init__(self, services):
        self.services = services
        self.children = {}

    def allowed(self):
        """:returns: the HTTP methods that this resource has."""
        names = [name.upper() for name in METHODS if hasattr(self, name)]
        return names + ['HEAD', 'OPTIONS'] if 'GET' in names else (
            names + ['OPTIONS'])

    @pecan.expose('json')
    def options(self, request, response, *words):
        response.allow = self.allowed()
        return no_content(response)

    def authorize(self, request, rule):
        """Let a call pass, or not.

        :returns: the context of the caller.
        :raises exception.Forbidden: they may not.
        """
        context = request.environ[auth.CONTEXT]
        self.services.policy.authorize(context, rule)
        return context

    def project(self, context, query, rule):
        """:returns: the project a call is about; None is all of them.

        :param rule: who may ask for all of them.
        :raises exception.Forbidden: the caller may not.
        """
        if not query['all_projects']:
            return context.project_id
        self.services.policy.authorize(context, rule)
        return None

    def filters(self, context, query, names):
        """:returns: the parameters of a list that choose from it.

        :raises exception.Invalid: another project is asked for, but not all
            of them: nothing would be found there.
        """
        found = {name: query[name] for name in names if name in query}
        if (not query['all_projects'] and
                found.get('project_id', context.project_id)
                != context.project_id):
            raise exception.Invalid(
                'project_id: another project is only looked at with '
                'all_projects=true')
        return found

    def limit(self, query):
        """:returns: how many items a page of this list has."""
        return min(query['limit'], self.services.conf.api.max_limit)

    def page(self, request, name, items, limit):
        """:returns: the answer of a list.

        :param items: one more than ``limit`` when there is another page.
        """
        following = None
        if len(items) > limit:
            items = items[:limit]
            query = dict(urllib.parse.parse_qsl(request.query_string),
                         marker=items[-1]['id'])
            following = '%s?%s' % (request.path_url,
                                   urllib.parse.urlencode(query))
        return {name: items, 'next': following}


def no_content(response):
    """:returns: the response, made one without a body."""
    response.status = 204
    response.content_length = None
    return response


def split_sort(sort):
    """:returns: (key, 'asc' or 'desc') of a parameter like name:desc."""
    key, _, direction = sort.partition(':')
    return key, direction or 'asc'


class Root(Controller):
    """The controller that pecan asks where a path leads."""

    @pecan.expose()
    def _route(self, args, request):
        """Follow a path through ``children`` and ``item``.

        Not left to pecan: it takes words of the path for names of
        attributes, so that callers could reach what is no resource, and it
        has no answer to a method that a path does not have.
        """
        controller, words = self, []
        path = list(args)
        if path and not path[-1]:
            path.pop()  # a slash at the end says nothing
        for word in path:
            below = controller.children.get(word)
            if below is None and _WORD.fullmatch(word):
                below = controller.item
                words.append(word)
            if below is None:
                raise exception.NotFound('resource', request.path[:200])
            controller = below
        return self._method(controller, request), words

    @staticmethod
    def _method(controller, request):
        method = request.method.lower()
        if method in METHODS + ('options',) and hasattr(controller, method):
            return getattr(controller, method)
        raise webob.exc.HTTPMethodNotAllowed(
            headers={'Allow': ', '.join(controller.allowed())})
