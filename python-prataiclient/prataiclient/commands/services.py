# SPDX-License-Identifier: Apache-2.0
"""pratai service-list, -show, -enable, -disable, -drain."""

from prataiclient.commands import actions
from prataiclient.commands import base
from prataiclient.v1 import services

_LIST = [('service_id', 'id')] + [(name, name) for name in (
    'binary', 'host', 'status', 'state', 'updated_at')]
_COLUMNS = _LIST[:-1] + [(name, name) for name in (
    'state_reason', 'started_at', 'updated_at', 'details')]


class ServiceList(base.Lister):
    """List the processes of Pratai (for admins)

    status is up or down; one that is down was last heard of at updated_at.
    state is what admins want of it: enabled, disabled or draining.
    """

    def take_action(self, parsed_args):
        return self.rows(_LIST, self.client.services.list())


class ServiceShow(base.ShowOne):
    """Show a process of Pratai (for admins)"""

    def get_parser(self, prog_name):
        return _add_service(super().get_parser(prog_name))

    def take_action(self, parsed_args):
        return self.fields(_COLUMNS,
                           self.client.services.find(parsed_args.service))


class _Set(base.ShowOne):
    state = None

    def get_parser(self, prog_name):
        parser = _add_service(super().get_parser(prog_name))
        if self.state != services.ENABLED:
            parser.add_argument('--reason', metavar='TEXT',
                                help='a note for the other admins')
        return parser

    def take_action(self, parsed_args):
        return self.fields(_COLUMNS, actions.set_service(
            self, parsed_args.service, self.state,
            getattr(parsed_args, 'reason', None),
            getattr(parsed_args, 'wait', False)))


class ServiceEnable(_Set):
    """Let an executor get work again (for admins)"""

    state = services.ENABLED


class ServiceDisable(_Set):
    """Let an executor get no new work (for admins)

    Its instances stay warm, so that enabling it again costs nothing.
    """

    state = services.DISABLED


class ServiceDrain(_Set):
    """Let an executor finish what it runs, and stop its instances (for admins)

    It gets no new work. When details has drained: true, it can be taken
    away.
    """

    state = services.DRAINING

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--wait', action='store_true',
                            help='return when nothing is left on it')
        return parser


def _add_service(parser):
    parser.add_argument(
        'service', metavar='SERVICE',
        help="id of the service, see 'pratai service-list', or the beginning "
             'of it; for an executor also the host that it is on')
    return parser
