# SPDX-License-Identifier: Apache-2.0
"""Messages between services; the only module that knows oslo.messaging
(:mod:`pratai.inproc`, which is a driver of it, and the defaults of its
options in :mod:`pratai.conf.libraries` aside)."""

import base64
import contextlib
import json
import logging
import socket
import sys
import threading
import zlib

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

from pratai import exception  # noqa: E402
from pratai import once  # noqa: E402
from pratai.conf import libraries  # noqa: E402

CONDUCTOR = 'pratai-conductor'
EXECUTOR = 'pratai-executor'
VERSION = '1.0'
#: How often a message is sent again while the broker is away, which takes
#: some three seconds each; then whoever sends it is told.
RETRY = 1
#: Seconds in which a broker has to be reached.
CONNECT_TIMEOUT = 3
#: Characters of one argument above which it is packed.
LARGE = 32 * 1024

LOG = logging.getLogger(__name__)

#: What a call may raise when nobody answers or the broker is away.
Error = oslo_messaging.MessagingException


def transport(conf, url=None):
    """:returns: the way to a broker, for servers and clients.

    :param url: instead of the option ``transport_url``.
    :raises exception.Invalid: that is not a URL.
    """
    # NOTE: 18.3 registers these on the global cfg.CONF only, and then looks
    # for them here.
    conf.register_opts(metrics.oslo_messaging_metrics,
                       group='oslo_messaging_metrics')
    conf.register_opts(tracing.oslo_messaging_tracing,
                       group='oslo_messaging_tracing')
    url = _url(conf, url)
    with_broker = url.transport != 'inproc'
    libraries.messaging(with_broker)
    if with_broker:
        _quieten_rabbit()
    return Transport(conf, url)


def _url(conf, url=None):
    try:
        return oslo_messaging.TransportURL.parse(conf, url)
    except (oslo_messaging.InvalidTransportURL, ValueError):
        # NOTE: a ValueError, of a port, repeats what may be of a password.
        raise exception.Invalid('transport_url is not a URL.') from None


#: What oslo.messaging says of a broker that is away, every second and for
#: each connection.
AWAY = ('unreachable', 'closed the connection', 'Connection failed',
        'Unable to connect', 'Failed to publish',
        'A recoverable connection/channel error',
        'Unexpected error during heartbeat')


def _quieten_rabbit():
    from oslo_messaging._drivers import impl_rabbit
    # It has a name of its own.
    once.once(impl_rabbit.LOG.logger.name, away=AWAY, back='Reconnected')


class Transport:

    def __init__(self, conf, url):
        self.oslo = oslo_messaging.get_rpc_transport(
            conf, url=url, allowed_remote_exmods=['pratai.exception'])
        self._hosts = [(host.hostname, host.port or 5672)
                       for host in url.hosts if host.hostname]
        # Within one process nothing is made text at all.
        is_inproc = url.transport == 'inproc'
        self.serializer = None if is_inproc else _Serializer()
        self._reached = is_inproc
        self._errors = (OSError,)
        if not is_inproc:
            from kombu import exceptions
            self._errors += (exceptions.KombuError,)

    @contextlib.contextmanager
    def sending(self):
        """A context in which a broker that is away is an :data:`Error`;
        oslo.messaging lets some of what lies below it through."""
        try:
            yield
        except oslo_messaging.MessageUndeliverable as error:
            raise oslo_messaging.MessageDeliveryFailure(
                'Nobody takes messages for %s.' % error.routing_key
            ) from error
        except self._errors as error:
            raise oslo_messaging.MessageDeliveryFailure(
                'The broker is away: %s' % error) from error

    def check(self):
        """Find out whether the broker can be reached, before the first call.

        NOTE: the first call makes the queue for replies, and oslo.messaging
        waits for the broker while it does, whatever the timeout of the call.

        :raises Error: it cannot.
        """
        if self._reached:
            return
        problem = 'no host is configured'
        for address in self._hosts:
            try:
                socket.create_connection(address, CONNECT_TIMEOUT).close()
                return
            except OSError as error:
                problem = error
        raise oslo_messaging.MessageDeliveryFailure(
            'The broker cannot be reached: %s' % problem)

    def reached(self):
        """A call was answered: from now on there is a queue for replies."""
        self._reached = True


def pack(value):
    """Make something large small and plain: JSON within JSON within JSON
    takes up to seven times its size, and brokers refuse large messages.

    :returns: the value itself when it is not large.
    """
    if _size(value) < LARGE:
        return value
    data = json.dumps(value, ensure_ascii=False).encode(
        errors='surrogatepass')
    return {'zlib': base64.b64encode(zlib.compress(data, 1)).decode()}


def unpack(value):
    """:returns: what :func:`pack` was given."""
    if isinstance(value, dict) and list(value) == ['zlib']:
        return json.loads(zlib.decompress(
            base64.b64decode(value['zlib'])).decode(errors='surrogatepass'))
    return value


def _size(value):
    """:returns: how many characters of text are in it."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    if isinstance(value, (list, tuple)):
        return sum(map(_size, value))
    return 0


class _Serializer(oslo_messaging.NoOpSerializer):

    def serialize_entity(self, context, entity):
        return pack(entity)

    def deserialize_entity(self, context, entity):
        return unpack(entity)


def addresses(conf):
    """:returns: (host, port, user or None) of each node of the broker; none
        for a transport that needs no network."""
    url = _url(conf)
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
        self._cancels = transport.serializer is not None    # not in-process
        self._server = oslo_messaging.get_rpc_server(
            transport.oslo, oslo_messaging.Target(topic=topic, server=host),
            [_Endpoint(endpoint)], serializer=transport.serializer,
            access_policy=oslo_messaging.DefaultRPCAccessPolicy)

    def start(self):
        """Returns when the broker has the queues; waits for the broker."""
        self._server.start(override_pool_size=self._threads)

    def stop(self):
        """Take no more calls and finish those that are under way."""
        if self._cancels:
            self._cancel()
        self._server.stop()
        self._server.wait()

    def _cancel(self):
        """Have the broker send no more calls here, but to others.

        NOTE: without this, oslo.messaging 18.3 loses calls: it reads, and
        acknowledges, those that arrive while it takes back its queue for
        messages to all, when nobody is left to answer them.
        """
        done = threading.Event()
        try:
            listener = self._server.listener._poll_style_listener
            connection = listener.conn
            consumers = connection._consumers
            operations = listener._message_operations_handler
        except AttributeError as error:     # another oslo.messaging
            LOG.warning('Calls may be lost while this stops: %s', error)
            return

        def cancel():
            try:
                for consumer, tag in consumers.items():
                    consumer.cancel(tag)
            except Exception as error:
                # The broker is away, and so sends nothing.
                LOG.debug('Consumers: %s', error)
            finally:
                done.set()

        # In the thread that reads from the connection, which looks for what
        # else to do after its next pause, and stops when it has done this.
        operations.do(cancel)
        connection.stop_consuming()
        done.wait(CONNECT_TIMEOUT)


class _Endpoint:
    """Drops the context, which no call of Pratai needs."""

    target = oslo_messaging.Target(version=VERSION)

    def __init__(self, endpoint):
        self._endpoint = endpoint

    def __getattr__(self, name):
        method = getattr(self._endpoint, name)

        def call(context, **arguments):
            try:
                return method(**arguments)
            except exception.PrataiError:
                # An answer like any other, which oslo.messaging would log
                # with a traceback.
                raise oslo_messaging.ExpectedException from None

        return call


class Client:
    """Base of the rpcapi classes."""

    def __init__(self, transport, topic):
        self._transport = transport
        self._client = oslo_messaging.get_rpc_client(
            transport.oslo, oslo_messaging.Target(topic=topic,
                                                  version=VERSION),
            serializer=transport.serializer,
            # What nobody has a queue for is an error at once. It would
            # otherwise be dropped, and be missed after the time-out only:
            # services that start together would find each other late.
            transport_options=oslo_messaging.TransportOptions(
                at_least_once=True))

    def _call(self, method, timeout=None, server=None, **arguments):
        self._transport.check()
        client = self._client.prepare(timeout=timeout, server=server,
                                      retry=RETRY)
        with self._transport.sending():
            result = client.call({}, method, **arguments)
        self._transport.reached()
        return result

    def _cast(self, method, server=None, fanout=None, **arguments):
        # NOTE: what is cast may be lost; better soon than after waiting for
        # a broker that is away.
        client = self._client.prepare(server=server, fanout=fanout,
                                      retry=RETRY)
        with self._transport.sending():
            client.cast({}, method, **arguments)
