# SPDX-License-Identifier: Apache-2.0
"""All of Pratai in one process: SQLite, no broker, no Docker, no Keystone.

The services are the very ones that run apart elsewhere; what is embedded is
the database, the transport (:mod:`pratai.inproc`) and the HTTP servers.
"""

from concurrent import futures
import ipaddress
import logging
import os
import socket

from pratai import drivers
from pratai import health
from pratai import http_server
from pratai import rpc
from pratai import service
from pratai.api import app as api_app
from pratai.api import upload
from pratai.conductor import rpcapi as conductor_rpcapi
from pratai.conductor import service as conductor_service
from pratai.db import api as db_api
from pratai.executor import service as executor_service
from pratai.webhook import app as webhook_app
from pratai.webhook import body

LOG = logging.getLogger(__name__)


def default_state_path():
    """:returns: where state is kept when nobody says."""
    if os.geteuid() == 0:
        return '/var/lib/pratai'
    return os.path.join(os.environ.get('XDG_DATA_HOME')
                        or os.path.expanduser('~/.local/share'), 'pratai')


def set_defaults(conf):
    """Make the embedded form what options say when they are not set."""
    conf.set_default('state_path', default_state_path())
    conf.set_default('auth_strategy', 'noauth', group='api')
    # Hints are not lost within a process: what it looks for is rare.
    conf.set_default('sweep_interval', 5.0, group='conductor')


def check_loopback(conf):
    """:raises ValueError: noauth would be open to other machines."""
    if conf.api.auth_strategy != 'noauth':
        return
    for option, host in (('[api]host', conf.api.host),
                         ('[executor]data_host', conf.executor.data_host)):
        addresses = {item[4][0] for item in socket.getaddrinfo(host, None)}
        if not all(ipaddress.ip_address(address.split('%')[0]).is_loopback
                   for address in addresses):
            raise ValueError(
                '%s is %s, but without Keystone (auth_strategy = noauth) '
                'Pratai only listens on loopback addresses: everybody who '
                'reaches it may do everything.' % (option, host))


class Standalone:
    """start() it, stop() it."""

    def __init__(self, conf):
        check_loopback(conf)
        self._one_cpu = conf.standalone.one_cpu
        self._database = db_api.Database(conf)
        transport = rpc.transport(conf, 'inproc://pratai/')
        conductor = conductor_rpcapi.ConductorAPI(transport)
        self._executor = executor_service.ExecutorService(conf, transport)
        self._webhooks = webhook_app.Webhooks(conf, self._database,
                                              conductor)
        # Here they share one CPU: what is accepted first, and kept, can be
        # run when the burst is over.
        self._conductor = conductor_service.ConductorService(
            conf, self._database, transport,
            pressed=self._webhooks.acceptor.pressed)
        store = drivers.load(drivers.PACKAGE_STORE,
                             conf.package_store.driver, conf)
        grace = conf.executor.shutdown_grace + 30
        self._servers = [
            http_server.HTTPServer(
                'API', api_app.build_app(conf, self._database, conductor,
                                         store),
                conf.api.host, conf.api.port, conf.api.threads,
                conf.limits.max_package + 1024 * 1024,
                upload.too_large(conf), grace),
            http_server.HTTPServer(
                'webhook app', webhook_app.build_app(conf, self._webhooks),
                conf.webhook.host, conf.webhook.port, conf.webhook.threads,
                conf.webhook.max_body, body.too_large(conf.webhook.max_body),
                grace)]
        self._registrations = [
            service.Registration(conf, self._database, binary,
                                 probes=health.probes(conf, broker=False))
            for binary in ('pratai-api', 'pratai-webhook')]
        # In the order of their start. Of these the end is the other way
        # round, so that nothing is accepted that nobody is left to record.
        self._parts = [self._conductor, self._webhooks, *self._registrations]

    def start(self):
        if self._one_cpu:
            # Before there are threads, because they inherit it, but after
            # the drivers: those that start sandboxes keep what they found.
            os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        for part in (*self._parts, self._executor, *self._servers):
            part.start()

    def stop(self):
        # These together: who waits for a function that the executor ends is
        # answered, and all have the same time of grace.
        with futures.ThreadPoolExecutor(len(self._servers) + 1) as pool:
            list(pool.map(self._stop, [*self._servers, self._executor]))
        for part in reversed(self._parts):
            self._stop(part)
        self._database.dispose()

    @staticmethod
    def _stop(part):
        try:
            part.stop()
        except Exception:
            LOG.exception('%s cannot be stopped in order', part)
