# SPDX-License-Identifier: Apache-2.0
"""pratai runtime-*, event-* and cluster-status."""

from prataiclient.commands import arguments
from prataiclient.commands import base
from prataiclient.commands import common

_RUNTIME_LIST = [('runtime_id', 'id')] + [(name, name) for name in (
    'name', 'language', 'version', 'status', 'default', 'description')]
_RUNTIME = _RUNTIME_LIST + [('created_at', 'created_at')]

_EVENT_LIST = [('name', 'name'), ('description', 'description')]
_EVENT = [('event_id', 'id')] + _EVENT_LIST + [('created_at', 'created_at')]


class RuntimeList(base.Lister):
    """List what functions can run on"""

    def take_action(self, parsed_args):
        return self.rows(_RUNTIME_LIST, self.client.runtimes.list())


class RuntimeShow(base.ShowOne):
    """Show a runtime"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('runtime', metavar='RUNTIME',
                            help=arguments.RUNTIME_HELP)
        return parser

    def take_action(self, parsed_args):
        return self.fields(_RUNTIME,
                           self.client.runtimes.find(parsed_args.runtime))


class _RuntimeSet(base.ShowOne):
    enabled = None

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            'runtime', metavar='RUNTIME',
            help='name or id of the runtime, or the beginning of its id')
        return parser

    def take_action(self, parsed_args):
        runtime = self.client.runtimes.find(parsed_args.runtime)
        return self.fields(_RUNTIME, self.client.runtimes.set_enabled(
            runtime.id, self.enabled))


class RuntimeEnable(_RuntimeSet):
    """Let functions be made for a runtime (for admins)"""

    enabled = True


class RuntimeDisable(_RuntimeSet):
    """Let no more functions be made for a runtime (for admins)

    Those that there are run all the same.
    """

    enabled = False


class EventList(base.Lister):
    """List what functions can be subscribed to"""

    def take_action(self, parsed_args):
        return self.rows(_EVENT_LIST, self.client.events.list())


class EventShow(base.ShowOne):
    """Show a kind of event"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('event', metavar='EVENT', help='name of it')
        return parser

    def take_action(self, parsed_args):
        return self.fields(_EVENT, self.client.events.find(parsed_args.event))


class ClusterStatus(base.ShowOne):
    """Show whether all services are up (for admins)"""

    def take_action(self, parsed_args):
        status = self.client.status.get()
        services = [one.to_dict() for one in status.services]
        if not common.structured(parsed_args):
            services = ['%s on %s: %s' % (one.binary, one.host, one.status)
                        + (' since ' + one.down_since if one.down_since
                           else '') for one in status.services]
        return (['status', 'services', 'warnings'],
                [status.status, services, status.warnings])
