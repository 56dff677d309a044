# SPDX-License-Identifier: Apache-2.0
"""pratai function-create, -list, -show, -update, -delete."""

import shlex

from prataiclient import exceptions
from prataiclient import package
from prataiclient.commands import base

#: Lines of a build's log that are shown when it was not seen coming.
_TAIL = 20

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

NAME_HELP = 'name or id of the function, or the beginning of its id'


#: What can be given to create and to update.
_SETTINGS = ('description', 'memory', 'cpus', 'timeout', 'limit', 'type',
             'wait_for_response', 'public', 'isolation', 'network')


def _add_settings(parser):
    parser.add_argument('--description', metavar='TEXT')
    parser.add_argument('--memory', type=base.positive, metavar='MB',
                        help='memory of a request in MB')
    parser.add_argument('--cpus', type=base.positive, metavar='N',
                        help='CPUs of a request')
    parser.add_argument('--timeout', type=base.positive, metavar='SECONDS',
                        help='a request that takes longer is stopped')
    parser.add_argument('--limit', type=base.positive, metavar='N',
                        help='requests that may run at once')
    parser.add_argument(
        '--type', choices=['async', 'sync'],
        help='async: a caller gets a request id at once and the function '
             'runs in the background; sync: the caller waits for the '
             'response')
    base.add_flag(parser, '--wait-for-response',
                  help='the same as --type sync')
    access = parser.add_mutually_exclusive_group()
    base.add_flag(access, '--public',
                  help='anybody may call its endpoint, without a token')
    access.add_argument('--private', dest='public', action='store_false',
                        default=None,
                        help='only its project may (the default)')
    parser.add_argument(
        '--isolation', choices=['request', 'instance'],
        help='request: a process for each request; instance: a process '
             'serves one request after the other, which is faster, and what '
             'one leaves in memory the next one sees')
    base.add_flag(parser, '--network',
                  help='the function may use the network')


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
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument('--zip', metavar='PATH', help='the zip file')
        source.add_argument(
            '--source', metavar='DIR',
            help='directory with new_module.py and requirements.txt, which '
                 'are zipped for you')
        parser.add_argument(
            '--runtime', metavar='NAME',
            help="what it runs on, see 'pratai runtime-list'")
        parser.add_argument('--event', metavar='NAME',
                            help="what it is subscribed to, see 'pratai "
                                 "event-list'")
        _add_settings(parser)
        waiting = parser.add_mutually_exclusive_group()
        waiting.add_argument('--wait', action='store_true', default=True,
                             help='wait until it is built (the default)')
        waiting.add_argument('--no-wait', dest='wait', action='store_false',
                             help='return at once, while it is being built')
        return parser

    def take_action(self, parsed_args):
        if parsed_args.zip:
            package.check_zip(parsed_args.zip)
            content = parsed_args.zip
        else:
            content = package.zip_directory(parsed_args.source)
        settings = {name: getattr(parsed_args, name)
                    for name in ('runtime', 'event', *_SETTINGS)}
        function = self.client.functions.create(
            parsed_args.name, content, **settings)
        if parsed_args.wait:
            function = self._wait(function)
        return self.fields(COLUMNS, function)

    def _wait(self, function):
        self.tell('building %s (%s) ...' % (function.name, function.id))
        try:
            built = self.client.functions.wait(
                function.id, on_log=lambda text: self.tell(text.rstrip('\n')))
        except exceptions.BuildFailed as exc:
            if self.app.options.verbose_level == 0:
                log = (exc.build and exc.build.log) or ''
                for line in log.splitlines()[-_TAIL:]:
                    self.app.stderr.write(line + '\n')
            exc.add("'pratai function-delete %s' makes room for another try"
                    % shlex.quote(function.name))
            raise
        # The answer to create knows things that later ones may not repeat.
        built.webhook_token = built.webhook_token or function.webhook_token
        return built


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
        parser.add_argument('--limit', type=base.positive, metavar='N',
                            help='at most so many')
        parser.add_argument('--marker', metavar='ID',
                            help='begin after the function with this id')
        base.add_projects(parser, 'functions')
        return parser

    def take_action(self, parsed_args):
        functions = self.client.functions.list(
            name=parsed_args.name, status=parsed_args.status,
            runtime=parsed_args.runtime, limit=parsed_args.limit,
            marker=parsed_args.marker, **base.projects(parsed_args))
        columns = _LIST_COLUMNS + base.project_columns(parsed_args)
        if parsed_args.only_id:
            columns = columns[:1]
        return self.rows(columns, functions)


class FunctionShow(base.ShowOne):
    """Show a function"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('function', metavar='FUNCTION', help=NAME_HELP)
        return parser

    def take_action(self, parsed_args):
        return self.fields(
            COLUMNS, self.client.functions.find(parsed_args.function))


class FunctionUpdate(base.ShowOne):
    """Change a function; its code stays as it is

    Requests that start from now on run with the new settings. What is not
    given stays as it is.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('function', metavar='FUNCTION', help=NAME_HELP)
        parser.add_argument('--name', metavar='NAME', help='a new name')
        _add_settings(parser)
        return parser

    def take_action(self, parsed_args):
        settings = {name: getattr(parsed_args, name)
                    for name in ('name', *_SETTINGS)}
        if all(value is None for value in settings.values()):
            raise exceptions.InvalidInput(
                "There is nothing to change; see 'pratai help "
                "function-update'")
        function = self.client.functions.find(parsed_args.function)
        return self.fields(COLUMNS, self.client.functions.update(
            function.id, **settings))


class FunctionDelete(base.Command):
    """Delete functions"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('functions', metavar='FUNCTION', nargs='+',
                            help=NAME_HELP)
        return parser

    def take_action(self, parsed_args):
        return self.each(parsed_args.functions, self._delete)

    def _delete(self, wanted):
        function = self.client.functions.find(wanted)
        self.client.functions.delete(function.id)
        self.tell('deleted %s (%s)' % (function.name, function.id))
