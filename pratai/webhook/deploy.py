# SPDX-License-Identifier: Apache-2.0
"""The webhook app as a process of its own, under any WSGI server."""

from oslo_log import log

from pratai import conf as configuration
from pratai import health
from pratai import rpc
from pratai import service
from pratai.conductor import rpcapi
from pratai.db import api as db_api
from pratai.webhook import app
from pratai.wsgi import chunked


def application():
    """:returns: the WSGI application, set up from the usual files."""
    conf = configuration.new(program='pratai-webhook')
    log.setup(conf, 'pratai')
    database = db_api.Database(conf)
    webhooks = app.Webhooks(conf, database,
                            rpcapi.ConductorAPI(rpc.transport(conf)))
    registration = service.Registration(conf, database, 'pratai-webhook',
                                        shared=True,
                                        probes=health.probes(conf))
    application = chunked.apply(app.build_app(conf, webhooks))
    return service.AfterFork(application, [webhooks, registration])
