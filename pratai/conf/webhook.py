# SPDX-License-Identifier: Apache-2.0

from oslo_config import cfg

GROUP = 'webhook'
OPTS = [
    cfg.HostAddressOpt(
        'host', default='127.0.0.1',
        help='Address that pratai-standalone serves webhooks on. Under a '
             'WSGI server, that server decides.'),
    cfg.PortOpt('port', default=9898,
                help='Port that pratai-standalone serves webhooks on.'),
    cfg.StrOpt(
        'public_url', default='http://localhost:${webhook.port}',
        help='Where callers reach the webhook app; the endpoint of every '
             'function starts with it. Set it to the load balancer.'),
    cfg.IntOpt(
        'threads', default=64, min=4,
        help='Requests that pratai-standalone answers at once on the webhook '
             'port. A caller who waits for a response holds one.'),
    cfg.IntOpt(
        'max_waiting', default=48, min=1,
        help='Callers of one process that may wait for a response at once; '
             'more are told to come back. Keep it below the number of '
             'threads, so that async requests are accepted meanwhile.'),
    cfg.IntOpt(
        'max_body', default=6 * 1024 * 1024, min=1024,
        help='Largest body of a webhook in bytes. A larger one is refused '
             'before it is read.'),
    cfg.IntOpt(
        'max_depth', default=128, min=8, max=512,
        help='How deep lists and objects of a payload may nest.'),
    cfg.FloatOpt(
        'cache_seconds', default=1.0, min=0,
        help='How long a process remembers a function before it asks the '
             'database again: so long may a change or a delete take to be '
             'seen by its callers. 0 asks every time.'),
    cfg.ListOpt(
        'trusted_networks', default=['127.0.0.0/8', '::1/128'],
        help='Networks whose callers may run private functions without any '
             'other proof.'),
    cfg.ListOpt(
        'trusted_proxies', default=[],
        help='Networks of proxies whose forwarding headers are believed. A '
             'request with such a header from anywhere else is never '
             'counted as coming from a trusted network.'),
    cfg.FloatOpt(
        'commit_timeout', default=10.0, min=0.1,
        help='Seconds an async caller waits for the database before it is '
             'answered 503.'),
]


def register_opts(conf):
    conf.register_opts(OPTS, group=GROUP)


def list_opts():
    return [(GROUP, OPTS)]
