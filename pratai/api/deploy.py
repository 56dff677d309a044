# SPDX-License-Identifier: Apache-2.0
"""The control API as a process of its own, under any WSGI server."""

from oslo_log import log

from pratai import conf as configuration
from pratai import drivers
from pratai import health
from pratai import rpc
from pratai import service
from pratai.api import app
from pratai.conductor import rpcapi
from pratai.db import api as db_api
from pratai.wsgi import chunked


def application():
    """:returns: the WSGI application, set up from the usual files.

    sys.argv is the WSGI server's and not looked at.
    """
    conf = configuration.new(program='pratai-api')
    log.setup(conf, 'pratai')
    database = db_api.Database(conf)
    application = app.build_app(
        conf, database, rpcapi.ConductorAPI(rpc.transport(conf)),
        drivers.load(drivers.PACKAGE_STORE, conf.package_store.driver, conf))
    registration = service.Registration(conf, database, 'pratai-api',
                                        shared=True,
                                        probes=health.probes(conf))
    return service.AfterFork(chunked.apply(application), [registration])
