# SPDX-License-Identifier: Apache-2.0
"""pratai function-create, -list, -show, -update, -delete."""

from prataiclient.commands import actions
from prataiclient.commands import arguments
from prataiclient.commands import base
from prataiclient.commands import program

#: Column and attribute, in the order in which they are shown.
COLUMNS = [
    ('function_id', 'id'),
    ('user_id', 'user_id'),
    ('tenant_id', 'project_id'),
] + [(name, name) for name in (
    'name', 'description', 'type', 'event', 'public', 'endpoint', 'runtime',
    'memory', 'cpus', 'timeout', 'isolation', 'network', 'limit', 'status',
    'status_code', 'status_detail', 'version', 'version_id', 'webhook_token',
    'created_at', 'updated_at')]

_LIST_COLUMNS = [('function_id', 'id')] + [(name, name) for name in (
    'name', 'type', 'event', 'runtime', 'status', 'created_at')]


def _add_settings(command, parser, names):
    arguments.add_settings(parser, command.program, names)
    parser.add_argument(
        '--wait-for-response', type=program.boolean, nargs='?', const=True,
        metavar='true|false', help='the same as --type sync')


class FunctionCreate(base.ShowOne):
    """Create a function from a zip file or a directory

    It is built then: its requirements are installed, which this command
    waits for, showing pip's output. At the end it prints the id of the
    function and nothing else; -f table or -f json show everything.

    The zip file needs new_module.py, with a function main(payload), and
    requirements.txt, which may be empty, both at its root. Other files in
    it are ignored.

    What is not given here the server decides: as a rule an async, private
    function with 128 MB, 1 CPU, 60 seconds, without a network.
    """

    bare = 'function_id'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('name', metavar='NAME',
                            help='name of the function')
        arguments.add_package(parser, self.program)
        _add_settings(self, parser, arguments.SETTINGS)
        waiting = parser.add_mutually_exclusive_group()
        waiting.add_argument('--wait', action='store_true', default=True,
                             help='wait until it is built (the default)')
        waiting.add_argument('--no-wait', dest='wait', action='store_false',
                             help='return at once, while it is being built')
        return parser

    def take_action(self, parsed_args):
        return self.fields(COLUMNS, actions.create(self, parsed_args))


class FunctionList(base.Lister):
    """List the functions of the project"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--only-id', action='store_true',
                            help='only the ids; with -f value one a line '
                                 'and nothing else')
        parser.add_argument('--name', help='only the one with this name')
        parser.add_argument(
            '--status', choices=['building', 'inactive', 'active', 'error'],
            help='only those in this status')
        parser.add_argument('--runtime', metavar='NAME',
                            help='only those that run on it')
        arguments.add_paging(parser, self.program, 'function')
        base.add_projects(parser, 'functions')
        return parser

    def take_action(self, parsed_args):
        functions = actions.page(
            self, self.client.functions, parsed_args, name=parsed_args.name,
            status=parsed_args.status, runtime=parsed_args.runtime,
            **base.projects(parsed_args))
        columns = _LIST_COLUMNS + base.project_columns(parsed_args)
        if parsed_args.only_id:
            columns = columns[:1]
        return self.rows(columns, functions)


class FunctionShow(base.ShowOne):
    """Show a function"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        arguments.add_thing(parser, self.program, 'function')
        return parser

    def take_action(self, parsed_args):
        return self.fields(COLUMNS, self.client.functions.find(
            parsed_args.function, all_projects=parsed_args.all_projects))


class FunctionUpdate(base.ShowOne):
    """Change a function; its code stays as it is

    Requests that start from now on run with the new settings. What is not
    given stays as it is.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        arguments.add_thing(parser, self.program, 'function')
        parser.add_argument('--name', metavar='NAME', help='a new name')
        _add_settings(self, parser, arguments.CHANGEABLE)
        return parser

    def take_action(self, parsed_args):
        return self.fields(COLUMNS, actions.update(self, parsed_args))


class FunctionDelete(base.Command):
    """Delete functions"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        arguments.add_thing(parser, self.program, 'function', many=True)
        return parser

    def take_action(self, parsed_args):
        return self.each(parsed_args.functions, actions.delete_function,
                         all_projects=parsed_args.all_projects)
