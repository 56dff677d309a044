# SPDX-License-Identifier: Apache-2.0
"""The control API as a WSGI application, put together in code."""

from oslo_middleware import cors
from oslo_middleware import healthcheck
from oslo_middleware import http_proxy_to_wsgi
from oslo_middleware import request_id
from oslo_middleware.healthcheck import opts as healthcheck_opts
import pecan
from pecan import hooks

from pratai import policy
from pratai.api import auth
from pratai.api import faults
from pratai.api import microversion
from pratai.api import pecan_speed
from pratai.api.controllers import base
from pratai.api.controllers import root
from pratai.conf import libraries

HEALTHCHECK = '/healthcheck'


class Request(pecan.Request):
    """A request whose body pecan leaves alone.

    pecan looks for arguments of controllers in the body. It would read an
    upload without bounds; what controllers want of it they read themselves.
    """

    json = {}

    @property
    def params(self):
        return self.GET


class JSONHook(hooks.PecanHook):
    """Answers are JSON, whatever the Accept header of a caller prefers."""

    def on_route(self, state):
        state.request.pecan['content_type'] = 'application/json'


class Paths:
    """WSGI application that sends some paths to another one.

    :param paths: paths, each with no more than itself.
    """

    def __init__(self, paths, there, otherwise):
        self._paths = frozenset(paths)
        self._there = there
        self._otherwise = otherwise

    def __call__(self, environ, start_response):
        there = environ.get('PATH_INFO', '') in self._paths
        application = self._there if there else self._otherwise
        return application(environ, start_response)


def build_app(conf, database, conductor, store):
    """Put the application together, from the inside out.

    :param database: a :class:`pratai.db.api.Database`.
    :param conductor: a :class:`pratai.conductor.rpcapi.ConductorAPI`.
    :param store: a driver of pratai.package_store.
    :returns: a WSGI application.
    """
    pecan_speed.apply()
    services = base.Services(conf=conf, database=database,
                             conductor=conductor, store=store,
                             policy=policy.Policy(conf))
    application = microversion.Microversion(pecan.Pecan(
        root.Versions(services), hooks=[JSONHook(), faults.ErrorHook()],
        request_cls=Request, use_context_locals=False, force_canonical=False,
        guess_content_type_from_ext=False))
    origins = _origins(conf)
    application = Paths(root.PUBLIC, application,
                        auth.protect(conf, application, origins))
    application = Paths([HEALTHCHECK], healthcheck_app(conf),
                        faults.Faults(application))
    application = http_proxy_to_wsgi.HTTPProxyToWSGI(application, conf)
    if origins:
        application = cors.CORS(application, conf)
    return request_id.RequestId(application)


def healthcheck_app(conf):
    """The health check: 503 while the database is away, or after ``touch``
    of the file that takes this node out."""
    libraries.middleware()
    conf.register_opts(healthcheck_opts.HEALTHCHECK_OPTS, group='healthcheck')
    conf.register_opts(healthcheck_opts.DISABLE_BY_FILE_OPTS,
                       group='healthcheck')
    return healthcheck.Healthcheck(None, conf)


def _origins(conf):
    """:returns: web origins that the operator allows to use the API."""
    libraries.middleware()
    conf.register_opts(cors.OPTS, group='cors')
    return conf.cors.allowed_origin or ()
