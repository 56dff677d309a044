# SPDX-License-Identifier: Apache-2.0
"""Messages between services; the only module that knows oslo.messaging
(:mod:`pratai.inproc`, which is a driver of it, aside)."""

import logging
import sys

# NOTE: futurist, which oslo.messaging uses, imports eventlet where it is
# installed, and oslo.service installs it. Nothing here uses it, and it takes
# 18 MB of every process.
sys.modules.setdefault('eventlet', None)

from oslo_service import backend  # noqa: E402

# NOTE: before oslo_messaging is imported: oslo.service would otherwise
# choose eventlet, and the choice cannot be changed.
backend.init_backend(backend.BackendType.THREADING)

import oslo_messaging  # noqa: E402
from oslo_messaging._metrics import client as metrics  # noqa: E402
from oslo_messaging._tracing import client as tracing  # noqa: E402

EXCHANGE = 'pratai'
CONDUCTOR = 'pratai-conductor'
EXECUTOR = 'pratai-executor'
VERSION = '1.0'

LOG = logging.getLogger(__name__)

#: What a call may raise when nobody answers or the broker is away.
Error = oslo_messaging.MessagingException


def transport(conf, url=None):
    """:returns: the connection to a broker.

    :param url: instead of the option ``transport_url``.
    """
    # NOTE: an exchange of our own; declaring the common one as durable beside
    # services that do not would silently fall back.
    oslo_messaging.set_transport_defaults(EXCHANGE)
    # NOTE: 18.3 registers these on the global cfg.CONF only, and then looks
    # for them here.
    conf.register_opts(metrics.oslo_messaging_metrics,
                       group='oslo_messaging_metrics')
    conf.register_opts(tracing.oslo_messaging_tracing,
                       group='oslo_messaging_tracing')
    return oslo_messaging.get_rpc_transport(
        conf, url=url, allowed_remote_exmods=['pratai.exception'])


def addresses(conf):
    """:returns: (host, port, user or None) of each node of the broker; none
        for a transport that needs no network."""
    url = oslo_messaging.TransportURL.parse(conf)
    if url.transport not in ('rabbit', 'kombu'):
        return []
    return [(host.hostname or 'localhost', host.port or 5672, host.username)
            for host in url.hosts] or [('localhost', 5672, None)]


class Server:
    """Answers calls to ``topic``; start() it, stop() it.

    :param endpoint: the object whose public methods may be called.
    :param threads: calls that are answered at once. An idle thread of
        futurist, which oslo.messaging uses, wakes once a second.
    """

    def __init__(self, transport, topic, host, endpoint, threads=8):
        self._threads = threads
        self._server = oslo_messaging.get_rpc_server(
            transport, oslo_messaging.Target(topic=topic, server=host),
            [_Endpoint(endpoint)],
            access_policy=oslo_messaging.DefaultRPCAccessPolicy)

    def start(self):
        self._server.start(override_pool_size=self._threads)

    def stop(self):
        """Take no more calls and finish those that are under way."""
        self._server.stop()
        self._server.wait()


class _Endpoint:
    """Drops the context, which no call of Pratai needs."""

    target = oslo_messaging.Target(version=VERSION)

    def __init__(self, endpoint):
        self._endpoint = endpoint

    def __getattr__(self, name):
        method = getattr(self._endpoint, name)

        def call(context, **arguments):
            return method(**arguments)

        return call


class Client:
    """Base of the rpcapi classes."""

    def __init__(self, transport, topic):
        self._client = oslo_messaging.get_rpc_client(
            transport, oslo_messaging.Target(topic=topic, version=VERSION))

    def _call(self, method, timeout=None, server=None, **arguments):
        client = self._client.prepare(timeout=timeout, server=server)
        return client.call({}, method, **arguments)

    def _cast(self, method, server=None, fanout=None, **arguments):
        # NOTE: what is cast may be lost; better soon than after waiting for
        # a broker that is away.
        client = self._client.prepare(server=server, fanout=fanout, retry=1)
        client.cast({}, method, **arguments)
