# SPDX-License-Identifier: Apache-2.0
"""openstack function runtime ... and openstack function service ..."""

from prataiclient import exceptions
from prataiclient.commands import actions
from prataiclient.commands import arguments
from prataiclient.osc import base
from prataiclient.v1 import services

_RUNTIME = ('id', 'name', 'language', 'version', 'status', 'default',
            'description')
_SERVICE = ('id', 'binary', 'host', 'status', 'state', 'updated_at')
_SERVICE_LONG = ('state_reason', 'started_at', 'details')


class ListRuntime(base.Lister):
    """List what functions can run on"""

    def take_action(self, parsed_args):
        return self.rows(base.titled(_RUNTIME), self.client.runtimes.list())


class ShowRuntime(base.ShowOne):
    """Show a runtime"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('runtime', metavar='<runtime>',
                            help=self.program.help(arguments.RUNTIME_HELP))
        return parser

    def take_action(self, parsed_args):
        return self.fields(base.plain((*_RUNTIME, 'created_at')),
                           self.client.runtimes.find(parsed_args.runtime))


class SetRuntime(base.Command):
    """Enable or disable a runtime (admin only)

    Functions that use a disabled runtime go on running; no new ones can be
    made for it.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('runtime', metavar='<runtime>',
                            help=self.program.help(arguments.RUNTIME_HELP))
        state = parser.add_mutually_exclusive_group(required=True)
        state.add_argument('--enable', action='store_true',
                           help='Let functions be made for it')
        state.add_argument('--disable', dest='enable', action='store_false',
                           help='Let no more functions be made for it')
        return parser

    def take_action(self, parsed_args):
        runtime = self.client.runtimes.find(parsed_args.runtime)
        self.client.runtimes.set_enabled(runtime.id, parsed_args.enable)


class ListService(base.Lister):
    """List the services that Pratai consists of (admin only)

    Status is whether a service is up; one that is down was last heard of at
    Updated At. State is whether an executor gets work.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        self.add_long(parser)
        return parser

    def take_action(self, parsed_args):
        names = _SERVICE + (_SERVICE_LONG if parsed_args.long else ())
        return self.rows(base.titled(names), self.client.services.list())


class SetService(base.Command):
    """Say whether an executor gets work (admin only)"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'service', metavar='<service>',
            help='Id of the service, or the beginning of it; or the host of '
                 'an executor')
        state = parser.add_mutually_exclusive_group(required=True)
        for option, value, text in (
                ('--enable', services.ENABLED, 'Give it work again'),
                ('--disable', services.DISABLED,
                 'Give it no new work; its warm instances stay'),
                ('--drain', services.DRAINING,
                 'Give it no new work; it finishes what it runs, and stops '
                 'its instances')):
            state.add_argument(option, dest='state', action='store_const',
                               const=value, help=text)
        parser.add_argument('--reason', metavar='<reason>',
                            help='A note for other admins')
        parser.add_argument(
            '--wait', action='store_true',
            help='With --drain: wait until nothing runs there any more')
        return parser

    def take_action(self, parsed_args):
        if parsed_args.wait and parsed_args.state != services.DRAINING:
            raise exceptions.InvalidInput(
                'There is only something to --wait for with --drain')
        actions.set_service(self, parsed_args.service, parsed_args.state,
                            parsed_args.reason, parsed_args.wait)
