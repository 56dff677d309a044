# SPDX-License-Identifier: Apache-2.0
"""openstack function request ..."""

from prataiclient import resources
from prataiclient.commands import actions
from prataiclient.commands import arguments
from prataiclient.osc import base

_COLUMNS = ('id', 'function_id', 'status', 'created_at', 'duration', 'code')
_LONG = ('project_id', 'type', 'event', 'detail', 'attempt', 'start',
         'executor', 'started_at', 'finished_at')
_FIELDS = base.plain((
    'id', 'project_id', 'function_id', 'version_id', 'type', 'event',
    'status', 'code', 'detail', 'attempt', 'max_attempts', 'start',
    'executor', 'created_at', 'started_at', 'finished_at', 'duration',
    'payload', 'response'))


class ListRequest(base.Lister):
    """List the requests made to functions, the newest first

    Duration is in milliseconds; code says why a request did not succeed.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--function', metavar='<function>',
                            help='Only those of this function (name or id)')
        parser.add_argument('--status',
                            choices=sorted(resources.REQUEST_STATES),
                            help='Only those in this status')
        self.add_projects(parser)
        arguments.add_paging(parser, self.program, 'request',
                             ('created_at',), arguments.REQUEST_LIMIT)
        self.add_long(parser)
        return parser

    def take_action(self, parsed_args):
        filters = self.projects(parsed_args)
        if parsed_args.function:
            filters['function_id'] = self.client.functions.find(
                parsed_args.function,
                all_projects=filters['all_projects']).id
        found = actions.page(self, self.client.requests, parsed_args,
                             status=parsed_args.status, **filters)
        names = _COLUMNS + (_LONG if parsed_args.long else ())
        return self.rows(base.titled(names), found)


class ShowRequest(base.ShowOne):
    """Show a request with its payload and response

    Duration is in milliseconds. Start is warm where an instance of the
    function was there already, otherwise cold.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        arguments.add_thing(parser, self.program, 'request')
        return parser

    def take_action(self, parsed_args):
        return self.fields(_FIELDS, self.client.requests.find(
            parsed_args.request, all_projects=parsed_args.all_projects))


class DeleteRequest(base.Command):
    """Delete requests that have ended, with what is recorded of them"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        arguments.add_thing(parser, self.program, 'request', many=True)
        return parser

    def take_action(self, parsed_args):
        return self.each(parsed_args.requests, actions.delete_request,
                         all_projects=parsed_args.all_projects)


class CancelRequest(base.Command):
    """Stop requests, or keep them from starting"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        arguments.add_thing(parser, self.program, 'request', many=True)
        return parser

    def take_action(self, parsed_args):
        return self.each(parsed_args.requests, actions.cancel_request,
                         all_projects=parsed_args.all_projects)


class LogRequest(base.Command):
    """Print what a function wrote while it handled a request

    That is its standard output and error, and what it logged to the logger
    'pratai'.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        arguments.add_thing(parser, self.program, 'request')
        parser.add_argument('--follow', action='store_true',
                            help='Go on until the request has ended')
        return parser

    def take_action(self, parsed_args):
        actions.print_log(self, parsed_args.request, parsed_args.follow,
                          all_projects=parsed_args.all_projects)
