# SPDX-License-Identifier: Apache-2.0

from oslo_config import cfg

GROUP = 'conductor'
OPTS = [
    cfg.IntOpt('max_attempts', default=3, min=1,
               help='How often an async request is tried when the platform '
                    '(not the function) fails, before it is dead.'),
    cfg.FloatOpt('lease', default=30.0, min=1,
                 help='Seconds an attempt belongs to its executor without a '
                      'heartbeat; then the request is tried again.'),
    cfg.FloatOpt('sweep_interval', default=2.0, min=0.1,
                 help='Seconds between looks for queued requests and builds '
                      'whose hint was lost, and for expired leases.'),
    cfg.FloatOpt('service_down_time', default=30.0, min=1,
                 help='Seconds without a heartbeat after which a service is '
                      'shown as down and gets no more work.'),
    cfg.IntOpt('batch', default=64, min=1, max=1000,
               help='Most requests claimed for one executor in one '
                    'transaction and sent in one message.'),
    cfg.FloatOpt('rebuild_after', default=60.0, min=0,
                 help='Seconds after which a function whose image is on a '
                      'node that is down is built again on another one. '
                      'With a registry every node can have every image, and '
                      'nothing has to wait or to be built.'),
    cfg.IntOpt('builds_per_executor', default=2, min=1,
               help='Builds that one executor runs at once.'),
    cfg.FloatOpt('place_seconds', default=30.0, min=1,
                 help='How long the webhook app may use one answer about '
                      'where a function lives before it asks again.'),
]


def register_opts(conf):
    conf.register_opts(OPTS, group=GROUP)


def list_opts():
    return [(GROUP, OPTS)]
