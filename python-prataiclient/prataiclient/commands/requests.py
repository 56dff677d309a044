# SPDX-License-Identifier: Apache-2.0
"""pratai request-list, -show, -logs, -cancel, -delete; function-running."""

from prataiclient import exceptions
from prataiclient import resources
from prataiclient.commands import actions
from prataiclient.commands import arguments
from prataiclient.commands import base
from prataiclient.v1 import base as v1_base

_LIST_COLUMNS = [('request_id', 'id')] + [(name, name) for name in (
    'function_id', 'status', 'created_at', 'duration', 'code')]

_RUNNING_COLUMNS = [('request_id', 'id')] + [(name, name) for name in (
    'function_id', 'function_name', 'started_at', 'executor')]

_COLUMNS = [
    ('request_id', 'id'),
    ('function_id', 'function_id'),
    ('tenant_id', 'project_id'),
] + [(name, name) for name in (
    'version_id', 'type', 'event', 'status', 'code', 'detail', 'attempt',
    'max_attempts', 'start', 'executor', 'created_at', 'started_at',
    'finished_at', 'duration', 'payload', 'response')]

#: What may stand before the = of --filter.
_KEYS = ('request_id', 'id', 'function_id', 'function', 'status')


class RequestList(base.Lister):
    """List the requests made to functions, the newest first

    duration is in milliseconds; code says why a request did not succeed.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument(
            '--filter', metavar='WHAT', action='append', default=[],
            help='only these requests: WHAT is the id of a request or the '
                 'beginning of it, or a function (name or id), or a status '
                 '(%s). With request_id=, function= or status= before it '
                 'there is no doubt which. Can be repeated, then all must '
                 'hold.' % ', '.join(sorted(resources.REQUEST_STATES)))
        parser.add_argument('--function', metavar='FUNCTION',
                            help='only those of this function (name or id)')
        parser.add_argument('--status',
                            choices=sorted(resources.REQUEST_STATES),
                            help='only those in this status')
        arguments.add_paging(parser, self.program, 'request',
                             default=arguments.REQUEST_LIMIT)
        base.add_projects(parser, 'requests')
        return parser

    def take_action(self, parsed_args):
        wanted = base.projects(parsed_args)
        self._everywhere = {'all_projects': wanted['all_projects']}
        for text in parsed_args.filter:
            wanted.update(self._understand(text))
        if parsed_args.function:
            wanted.update(self._function(parsed_args.function))
        if parsed_args.status:
            wanted['status'] = parsed_args.status
        return self.rows(
            _LIST_COLUMNS + base.project_columns(parsed_args),
            actions.page(self, self.client.requests, parsed_args, **wanted))

    def _understand(self, text):
        """Which parameters of the API a --filter stands for."""
        key, equals, value = text.partition('=')
        if equals and key in _KEYS:
            if key in ('function', 'function_id'):
                return self._function(value)
            if key == 'status':
                return {'status': value}
            return {'id': value}
        if text in resources.REQUEST_STATES:
            return {'status': text}
        # A whole id is mostly one of a request, any other word a name.
        for attempt in ((self._request, self._function)
                        if v1_base.is_id(text)
                        else (self._function, self._request)):
            try:
                return attempt(text)
            except exceptions.NotFound:
                continue
        raise exceptions.NotFound(
            "'%s' is neither a request, nor a function, nor a status of "
            "requests" % text)

    def _function(self, name_or_id):
        return {'function_id': self.client.functions.find(
            name_or_id, **self._everywhere).id}

    def _request(self, id):
        if not (v1_base.is_id_prefix(id)
                and self.client.requests.list(id=id, limit=1,
                                              **self._everywhere)):
            raise exceptions.NotFound("There is no request '%s'%s" % (
                id, v1_base.hint(id)))
        return {'id': id}


class FunctionRunning(base.Lister):
    """List the requests that functions are working on just now"""

    def take_action(self, parsed_args):
        running = self.client.requests.list(status='running')
        names = {}
        if running:
            names = {one.id: one.name
                     for one in self.client.functions.list()}
        for request in running:
            request.function_name = names.get(request.function_id)
        return self.rows(_RUNNING_COLUMNS, running)


class RequestShow(base.ShowOne):
    """Show a request with its payload and response

    duration is in milliseconds. start is warm where an instance of the
    function was there already, otherwise cold.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        arguments.add_thing(parser, self.program, 'request')
        return parser

    def take_action(self, parsed_args):
        return self.fields(_COLUMNS, self.client.requests.find(
            parsed_args.request, all_projects=parsed_args.all_projects))


class RequestLogs(base.Command):
    """Print what a function wrote while it handled a request

    That is its standard output and error, and what it logged to the logger
    'pratai'.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        arguments.add_thing(parser, self.program, 'request')
        parser.add_argument('--follow', action='store_true',
                            help='go on until the request has ended')
        return parser

    def take_action(self, parsed_args):
        actions.print_log(self, parsed_args.request, parsed_args.follow,
                          all_projects=parsed_args.all_projects)


class RequestCancel(base.Command):
    """Stop requests, or keep them from starting"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        arguments.add_thing(parser, self.program, 'request', many=True)
        return parser

    def take_action(self, parsed_args):
        return self.each(parsed_args.requests, actions.cancel_request,
                         all_projects=parsed_args.all_projects)


class RequestDelete(base.Command):
    """Delete requests that have ended, with their payloads and logs"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        arguments.add_thing(parser, self.program, 'request', many=True)
        return parser

    def take_action(self, parsed_args):
        return self.each(parsed_args.requests, actions.delete_request,
                         all_projects=parsed_args.all_projects)
