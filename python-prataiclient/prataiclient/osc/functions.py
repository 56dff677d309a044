# SPDX-License-Identifier: Apache-2.0
"""openstack function ..., for functions, their builds and packages."""

from prataiclient.commands import actions
from prataiclient.commands import arguments
from prataiclient.osc import base

_FIELDS = base.plain((
    'id', 'name', 'description', 'project_id', 'user_id', 'type', 'event',
    'public', 'endpoint', 'runtime', 'memory', 'cpus', 'timeout',
    'isolation', 'network', 'limit', 'status', 'status_code',
    'status_detail', 'version', 'version_id', 'webhook_token', 'created_at',
    'updated_at'))
_COLUMNS = ('id', 'name', 'type', 'runtime', 'status', 'created_at')
_LONG = ('project_id', 'description', 'event', 'public', 'memory', 'cpus',
         'timeout', 'isolation', 'network', 'limit', 'version', 'updated_at')
_EXECUTION = base.plain(
    ('request_id', 'status', 'response', 'duration', 'start'))
_BUILD = ('id', 'version', 'status', 'code', 'detail', 'created_at',
          'finished_at')


class CreateFunction(base.ShowOne):
    """Create a function from a zip file or a directory

    The zip file needs new_module.py, with a function main(payload), and
    requirements.txt, which may be empty, both at its root. Other files in it
    are ignored.

    The function is built after this has returned, unless it shall --wait.

    What is not given here the server decides: as a rule an async, private
    function with 128 MB, 1 CPU, 60 seconds, without a network.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('name', metavar='<name>',
                            help='Name of the function')
        arguments.add_package(parser, self.program)
        arguments.add_settings(parser, self.program)
        parser.add_argument(
            '--wait', action='store_true',
            help='Wait until it is built, showing the log of the build')
        return parser

    def take_action(self, parsed_args):
        return self.fields(_FIELDS, actions.create(self, parsed_args))


class ListFunction(base.Lister):
    """List functions, the newest first"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('--name', metavar='<name>',
                            help='Only the one with this name')
        parser.add_argument(
            '--status', choices=['building', 'inactive', 'active', 'error'],
            help='Only those in this status')
        parser.add_argument('--runtime', metavar='<runtime>',
                            help='Only those that run on this runtime')
        parser.add_argument('--type', choices=['async', 'sync'],
                            help='Only those of this type')
        self.add_projects(parser)
        arguments.add_paging(parser, self.program, 'function',
                             ('name', 'created_at', 'updated_at'))
        self.add_long(parser)
        return parser

    def take_action(self, parsed_args):
        found = actions.page(
            self, self.client.functions, parsed_args, name=parsed_args.name,
            status=parsed_args.status, runtime=parsed_args.runtime,
            type=parsed_args.type, **self.projects(parsed_args))
        names = _COLUMNS + (_LONG if parsed_args.long else ())
        return self.rows(base.titled(names), found)


class ShowFunction(base.ShowOne):
    """Show a function"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        arguments.add_thing(parser, self.program, 'function')
        return parser

    def take_action(self, parsed_args):
        return self.fields(_FIELDS, self.client.functions.find(
            parsed_args.function, all_projects=parsed_args.all_projects))


class SetFunction(base.Command):
    """Change a function

    Requests that are accepted from now on run with the new settings. Its
    code stays as it is, and nothing is built.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        arguments.add_thing(parser, self.program, 'function')
        parser.add_argument('--name', metavar='<name>', help='New name')
        arguments.add_settings(parser, self.program, arguments.CHANGEABLE)
        return parser

    def take_action(self, parsed_args):
        actions.update(self, parsed_args)


class DeleteFunction(base.Command):
    """Delete functions"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        arguments.add_thing(parser, self.program, 'function', many=True)
        return parser

    def take_action(self, parsed_args):
        return self.each(parsed_args.functions, actions.delete_function,
                         all_projects=parsed_args.all_projects)


class ExecuteFunction(base.ShowOne):
    """Call a function

    Shows the id of the request, its status, the response, its duration in
    milliseconds, and whether an instance was started for it (cold) or there
    already (warm). Of an async function only id and status are known at once,
    unless this shall --wait.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('function', metavar='<function>',
                            help=self.program.help(arguments.FUNCTION_HELP))
        arguments.add_payload(parser, self.program)
        parser.add_argument(
            '--wait', action='store_true',
            help='Wait for the response of an async function')
        return parser

    def take_action(self, parsed_args):
        execution = actions.execute(self, parsed_args)
        known = _EXECUTION
        if execution.status == 'queued':
            known = [(name, attribute) for name, attribute in _EXECUTION
                     if attribute in ('request_id', 'status')]
        return self.fields(known, execution)


class SavePackage(base.Command):
    """Save the zip file that a function was made from"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        arguments.add_thing(parser, self.program, 'function')
        parser.add_argument(
            '--file', metavar='<file>',
            help='Where to write it, - is the standard output; by default '
                 '<name>.zip here, unless there is such a file')
        return parser

    def take_action(self, parsed_args):
        actions.save_package(self, parsed_args.function, parsed_args.file,
                             '--file',
                             all_projects=parsed_args.all_projects)


class ListBuild(base.Lister):
    """List the builds of a function, the newest first"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        arguments.add_thing(parser, self.program, 'function')
        return parser

    def take_action(self, parsed_args):
        query = {'all_projects': parsed_args.all_projects}
        function = self.client.functions.find(parsed_args.function, **query)
        return self.rows(base.titled(_BUILD), self.client.functions.builds(
            function.id, **query))


class LogBuild(base.Command):
    """Print the log of the newest build of a function"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        arguments.add_thing(parser, self.program, 'function')
        return parser

    def take_action(self, parsed_args):
        query = {'all_projects': parsed_args.all_projects}
        function = self.client.functions.find(parsed_args.function, **query)
        build = actions.newest_build(self, function, **query)
        self.app.stdout.write(build.log or '')
