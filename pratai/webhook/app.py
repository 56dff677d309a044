# SPDX-License-Identifier: Apache-2.0
"""The webhook app: where events come in.

``POST /function/{function_id}``: see api-ref, webhook.
"""

import http
import json
import re
import urllib.parse

from oslo_middleware import request_id as request_id_middleware
import pecan

from pratai import exception
from pratai import states
from pratai.api import app as api_app
from pratai.api import faults
from pratai.api import pecan_speed
from pratai.api.controllers import base as controllers
from pratai.db import base
from pratai.webhook import acceptor
from pratai.webhook import body as bodies
from pratai.webhook import cache
from pratai.webhook import callers
from pratai.webhook import direct

_ID = re.compile('[0-9a-f]{32}')
MOST_FUNCTIONS = 10000


class Functions:
    """Remembers functions for a moment."""

    def __init__(self, conf, database):
        self._seconds = conf.webhook.cache_seconds
        self._db = database
        self._known = cache.Cache(MOST_FUNCTIONS)

    def get(self, function_id):
        """:raises exception.NotFound: there is no such function."""
        return self._known.get(function_id, lambda: self._ask(function_id))

    def _ask(self, function_id):
        if not _ID.fullmatch(function_id):
            raise exception.NotFound('function', function_id[:64])
        return self._db.function_get(function_id), self._seconds

    def fresh(self, function_id):
        """As :meth:`get`, but asks the database."""
        self._known.forget(function_id)
        return self.get(function_id)


class Webhooks:
    """What the app works with; start() it before, stop() it after.

    :param conductor: a ``ConductorAPI``.
    """

    def __init__(self, conf, database, conductor):
        self.conf = conf
        self.functions = Functions(conf, database)
        self.callers = callers.Callers(conf)
        self.acceptor = acceptor.Acceptor(conf, database, conductor.hint)
        self.direct = direct.DirectPath(conf, conductor.place)
        self.tokens = None
        if conf.api.auth_strategy == 'keystone':
            # Imported here: see pratai.api.keystone.
            from pratai.webhook import tokens
            self.tokens = tokens.Tokens(conf)

    def start(self):
        self.acceptor.start()

    def stop(self):
        self.acceptor.stop()


class Function(controllers.Controller):
    """``/function/{function_id}``"""

    def __init__(self, webhooks):
        super().__init__(webhooks)
        options = webhooks.conf.webhook
        self._max_body, self._max_depth = options.max_body, options.max_depth
        self._max_attempts = webhooks.conf.conductor.max_attempts

    @pecan.expose('json')
    def post(self, request, response, function_id):
        # NOTE: what is asked of pecan's request goes through its
        # __getattribute__, what is in the environment does not.
        environ = request.environ
        function = self.services.functions.get(function_id)
        body = bodies.read(environ, self._max_body)
        self._authorize(environ, function, body)
        payload = bodies.payload(body, self._max_depth)
        if function['status'] not in (states.INACTIVE, states.ACTIVE):
            function = self._usable(function_id)
        request_id = environ[request_id_middleware.ENV_REQUEST_ID]
        if function['type'] == 'sync':
            return self._wait(response, function, request_id, payload)
        return self._accept(response, function, request_id, payload)

    def _authorize(self, environ, function, body):
        if function['public']:
            return
        token = environ.get('HTTP_X_PRATAI_TOKEN')
        if token is None and environ.get('QUERY_STRING'):
            token = dict(urllib.parse.parse_qsl(
                environ['QUERY_STRING'])).get('token')
        if self.services.callers.may(environ, function, body, token):
            return
        # NOTE: what was shown and is wrong is not made good by another proof.
        if (token is None and 'HTTP_X_AUTH_TOKEN' in environ
                and 'HTTP_X_HUB_SIGNATURE_256' not in environ
                and self.services.tokens is not None
                and self.services.tokens.authorize(environ, function)):
            return
        raise exception.Unauthorized(
            'The function is private: it takes its own token in '
            'X-Pratai-Token, a signature in X-Hub-Signature-256, or a '
            'Keystone token of its project in X-Auth-Token.')

    def _usable(self, function_id):
        function = self.services.functions.fresh(function_id)
        if function['status'] == states.BUILDING:
            raise exception.Conflict(
                'The function is being built; try again in a moment.',
                code='function.building', retry_after=1)
        if function['status'] == states.ERROR:
            raise exception.Conflict(
                'The function cannot run: %s' % function['status_detail'],
                code='function.in_error')
        return function

    def _accept(self, response, function, request_id, payload):
        self.services.acceptor.accept({
            'id': request_id, 'project_id': function['project_id'],
            'function_id': function['id'],
            'version_id': function['version_id'], 'type': 'async',
            'event': 'webhook', 'status': states.QUEUED, 'attempt': 0,
            'failures': 0, 'max_attempts': self._max_attempts,
            'created_at': base.now()}, payload)
        return _json(response, '202 Accepted',
                     json.dumps({'request_id': request_id}).encode())

    def _wait(self, response, function, request_id, payload):
        answer = self.services.direct.run(function, request_id, payload)
        headers = [('X-Pratai-Request-Id', request_id)]
        for name in ('Status', 'Duration', 'Start'):
            value = answer.headers.get('x-' + name.lower())
            if value:
                headers.append(('X-Pratai-' + name, value))
        if 'retry-after' in answer.headers:
            headers.append(('Retry-After', answer.headers['retry-after']))
        return _json(response, '%d %s' % (
            answer.status, http.HTTPStatus(answer.status).phrase),
            answer.body, headers)


def _json(response, status, body, headers=()):
    """Fill a response as a whole, which is much quicker than by parts."""
    response.status = status
    # First, because setting it takes the Content-Length away.
    response.app_iter = [bytes(body)]
    response.headerlist = [('Content-Type', 'application/json'),
                           ('Content-Length', str(len(body))), *headers]
    return response


class Root(controllers.Root):

    def __init__(self, webhooks):
        super().__init__(webhooks)
        functions = controllers.Controller(webhooks)
        functions.item = Function(webhooks)
        self.children = {'function': functions}


class _Entrance:
    """Gives each request its id, and refuses what is too large."""

    def __init__(self, application, most):
        self._application = application
        self._most = most

    def __call__(self, environ, start_response):
        environ[request_id_middleware.ENV_REQUEST_ID] = (
            base.time_ordered_id())
        try:
            bodies.check_length(environ, self._most)
            faults.check(environ)
        except exception.PrataiError as error:
            return faults.answer(environ, error)(environ, start_response)
        return self._application(environ, start_response)


def build_app(conf, webhooks):
    """:returns: the WSGI application.

    :param webhooks: a :class:`Webhooks`, to be started before it serves.
    """
    pecan_speed.apply()
    application = pecan.Pecan(
        Root(webhooks), hooks=[faults.ErrorHook()],
        request_cls=api_app.Request, use_context_locals=False,
        force_canonical=False, guess_content_type_from_ext=False)
    application = _Entrance(application, conf.webhook.max_body)
    return api_app.Paths([api_app.HEALTHCHECK],
                         api_app.healthcheck_app(conf), application)
