# SPDX-License-Identifier: Apache-2.0
"""Defaults of the options of libraries that Pratai uses: what they are when
nobody sets them, in a process of Pratai or in a sample.

Not in the modules that use those libraries, which cannot all be imported by
everybody: :mod:`pratai.rpc` decides for the whole process that there is no
eventlet.
"""

from oslo_config import cfg
from oslo_db import options as db_options

from pratai.conf import default

DATABASE = {
    'connection': 'sqlite:///%s' % default.DATABASE,
    # Who needs the database says that it is away, and tries again; with
    # more, everybody would wait until it had been tried so often.
    'max_retries': 0,
}
EXCHANGE = 'pratai'
#: What options of RabbitMQ are when nobody sets them.
RABBIT = {
    # Queues that survive the loss of a broker of several.
    'rabbit_quorum_queue': True,
    # Not those of replies, which clients declare again. RabbitMQ 3.10 that
    # was killed left some of them without a leader for a minute, and those
    # who answered waited for that.
    'rabbit_transient_quorum_queue': False,
    # Seconds for which a thread of a server looks for the queue of somebody
    # who may be gone. After that it drops what is for them for a minute, so
    # who only lost the broker has to be back by then (see the longest pause).
    'kombu_missing_consumer_retry_timeout': 15,
    # Seconds after which a queue of somebody who is gone is dropped.
    'rabbit_transient_queues_ttl': 600,
    # Longest pause between attempts to reach the broker: those who wait for
    # it should not wait much longer than it is away.
    'rabbit_interval_max': 3,
    # NOTE: use_queue_manager stays off. It names queues after the host and
    # the program, and counts within a process group: two generations of a
    # service, or two services of one WSGI server, would take each other's
    # replies. rabbit_stream_fanout stays off, because what is sent to all
    # (that versions are gone) says nothing to those who come later.
}


def database():
    """The options of oslo.db."""
    cfg.set_defaults(db_options.database_opts, **DATABASE)


def messaging(with_broker=True):
    """The options of oslo.messaging."""
    # Imported here: what knows no messages reads options too.
    import oslo_messaging
    # NOTE: an exchange of our own; declaring the common one as durable beside
    # services that do not would silently fall back.
    oslo_messaging.set_transport_defaults(EXCHANGE)
    if with_broker:
        # Without a broker, nothing of this is needed.
        from oslo_messaging._drivers import impl_rabbit
        cfg.set_defaults(impl_rabbit.rabbit_opts, **RABBIT)


def middleware():
    """The options of oslo.middleware."""
    from oslo_middleware import cors
    from oslo_middleware.healthcheck import opts

    from pratai.api import microversion
    cors.set_defaults(
        allow_headers=['X-Auth-Token', microversion.HEADER],
        expose_headers=['X-OpenStack-Request-Id', microversion.HEADER,
                        'Location'],
        allow_methods=['GET', 'HEAD', 'POST', 'PATCH', 'DELETE',
                       'OPTIONS'])
    cfg.set_defaults(opts.HEALTHCHECK_OPTS,
                     backends=['pratai_database', 'disable_by_file'])
    cfg.set_defaults(opts.DISABLE_BY_FILE_OPTS,
                     disable_by_file_path='$state_path/healthcheck_disable')
