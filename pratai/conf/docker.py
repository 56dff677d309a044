# SPDX-License-Identifier: Apache-2.0

from oslo_config import cfg

from pratai.conf import sandboxes

GROUP = 'docker'
OPTS = [
    cfg.StrOpt('url', default='unix:///var/run/docker.sock',
               help='Socket of the Docker engine. The engine has to run on '
                    'this node: it mounts directories of state_path into '
                    'containers.'),
    cfg.IntOpt('timeout', default=60, min=1,
               help='Seconds in which the engine has to answer one call.'),
    cfg.StrOpt('oci_runtime', default='',
               help='OCI runtime that containers of functions are started '
                    'with, by the name it has in the configuration of the '
                    'engine, such as crun or runsc. Empty: the default of '
                    'the engine.'),
    cfg.StrOpt('cgroup_parent', default='',
               help='Control group below which the engine makes those of '
                    'containers. Empty: the default of the engine.'),
    cfg.StrOpt('seccomp_profile', default='auto',
               help='Which system calls functions may use: "engine" for the '
                    "engine's own profile, \"pratai\" for the one that the "
                    'process driver has, or the path of a profile in the '
                    'format of Docker. With "auto" it is the own one of the '
                    'engine, or that of Pratai where that is stricter: '
                    'engines before 23 allow vsock, by which the host of a '
                    'virtual machine can be reached, and before 25 '
                    'io_uring.'),
    cfg.ListOpt('security_opt', default=[],
                help='Further security options of containers, such as '
                     'apparmor=NAME or label=type:NAME. All capabilities '
                     'are dropped and new privileges refused in any case.'),
    cfg.IntOpt('uid_first', default=1900000000, min=1,
               help='First of the user ids that containers get, one each. '
                    'Nothing else on the node may use the range. With '
                    'userns-remap it has to lie within what is mapped.'),
    *sandboxes.OPTS,
    cfg.IntOpt('max_log', default=256, min=16,
               help='KB of what an instance prints outside of requests that '
                    'the engine keeps, twice. The logs of requests are not '
                    'among it.'),
    cfg.DictOpt('environment', default={},
                help='Environment variables that every function gets, for '
                     'instance proxies: http_proxy:http://10.0.0.1:3128.'),
    cfg.StrOpt('network_subnet', default='',
               help='Addresses of the network for functions that may use '
                    'one, like 172.30.0.0/16. Empty: the engine chooses.'),
    cfg.ListOpt('network_deny', default=['169.254.0.0/16'],
                help='Networks that functions cannot reach, beside the node '
                     'and each other. Add those of the management of the '
                     'cloud. The default has the metadata address.'),
    cfg.BoolOpt('network_rules', default=True,
                help='Make the firewall rules for that network, and check '
                     'them before each start of an instance that uses it. '
                     'That takes root, or CAP_NET_ADMIN. Set it to false '
                     'when something else makes equal rules: nothing is '
                     'checked then.'),
    cfg.ListOpt('dns', default=[],
                help='Name servers of functions that may use the network. '
                     'Empty: those of the node.'),
]


def register_opts(conf):
    conf.register_opts(OPTS, group=GROUP)


def list_opts():
    return [(GROUP, OPTS)]
