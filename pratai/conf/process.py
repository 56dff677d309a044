# SPDX-License-Identifier: Apache-2.0

from oslo_config import cfg

from pratai.conf import sandboxes

GROUP = 'process'
OPTS = [
    cfg.StrOpt('isolation', default='auto',
               choices=[
                   ('auto', 'bubblewrap where it works, otherwise none, '
                            'with a warning'),
                   ('bubblewrap', 'refuse to start anything where bubblewrap '
                                  'does not work'),
                   ('none', 'plain processes: functions can read what their '
                            'user can read, and reach each other')],
               help='How functions are kept apart. Set "bubblewrap" on nodes '
                    'that run code of people who do not trust each other.'),
    cfg.StrOpt('bwrap', default='bwrap',
               help='The bubblewrap program: a path, or a name to be found '
                    'in PATH.'),
    cfg.ListOpt('interpreters', default=[],
                help='Paths of Python interpreters to offer as runtimes. An '
                     'entry "+" stands for those found in PATH, /usr/bin and '
                     '/usr/local/bin; empty: just those found.'),
    cfg.IntOpt('uid_first', default=1900000000, min=1,
               help='First of the user ids that sandboxes get, one each, '
                    'when the service runs as root. Nothing else on the node '
                    'may use the range.'),
    *sandboxes.OPTS,
    cfg.BoolOpt('cgroups', default=True,
                help='Limit memory, CPU and processes of an instance as a '
                     'whole with control groups, where the service may make '
                     'them (as root, or in a delegated subtree).'),
    cfg.StrOpt('cgroup_parent', default='',
               help='Control group below which those of instances are made, '
                    'as a path from the root of the hierarchy, like '
                    '/pratai.slice. Empty: the own one of the service if '
                    'systemd delegates it, otherwise /pratai.'),
    cfg.MultiStrOpt('bind', default=[],
                    help='Further path of the node that functions may read, '
                         'at the same place. May be given several times.'),
    cfg.DictOpt('environment', default={},
                help='Environment variables that every function gets, for '
                     'instance proxies: http_proxy:http://10.0.0.1:3128.'),
]


def register_opts(conf):
    conf.register_opts(OPTS, group=GROUP)


def list_opts():
    return [(GROUP, OPTS)]
