# SPDX-License-Identifier: Apache-2.0

from oslo_config import cfg

GROUP = 'executor'
OPTS = [
    cfg.StrOpt('runtime_driver', default='process',
               help='Which pratai.runtime driver runs instances.'),
    cfg.HostAddressOpt('data_host', default='127.0.0.1',
                       help='Address of the data port: where the webhook app '
                            'brings requests whose callers wait. It must be '
                            'reachable from there, and from nowhere else.'),
    cfg.PortOpt('data-port', default=9897,
                help='Port of the data port; 0 takes a free one.'),
    cfg.StrOpt('data_url',
               help='URL under which the webhook app reaches the data port; '
                    'default: made of data_host and data_port.'),
    cfg.IntOpt('memory', default=0, min=0,
               help='MB that all requests running at once may be promised '
                    'on this node. 0: three quarters of the memory of the '
                    'machine.'),
    cfg.IntOpt('max_running', default=64, min=1,
               help='Requests running at once on this node.'),
    cfg.IntOpt('instance_concurrency', default=32, min=1,
               help='Requests that one instance runs at once.'),
    cfg.IntOpt('max_instances', default=32, min=1,
               help='Instances on this node, idle ones included.'),
    cfg.FloatOpt('idle_seconds', default=300.0, min=0,
                 help='How long an idle instance stays warm.'),
    cfg.FloatOpt('room_seconds', default=5.0, min=0,
                 help='How long a caller waits for room before it is told '
                      'that the node is busy.'),
    cfg.FloatOpt('start_timeout', default=30.0, min=1,
                 help='Seconds in which an instance has to start and import '
                      'its function.'),
    cfg.FloatOpt('heartbeat_interval', default=5.0, min=0.1,
                 help='Seconds between reports to the conductor.'),
    cfg.IntOpt('max_log', default=256 * 1024, min=1024,
               help='Bytes of output kept of one request; the rest is '
                    'dropped and the log marked as cut.'),
    cfg.IntOpt('max_response', default=6 * 1024 * 1024, min=1024,
               help='Largest response of a function in bytes.'),
    cfg.FloatOpt('shutdown_grace', default=30.0, min=0,
                 help='Seconds that running requests get to finish when the '
                      'service is stopped.'),
]


def register_opts(conf):
    conf.register_opts(OPTS, group=GROUP)


def list_opts():
    return [(GROUP, OPTS)]
