# SPDX-License-Identifier: Apache-2.0
"""pratai function-builds and function-package."""

from prataiclient.commands import actions
from prataiclient.commands import arguments
from prataiclient.commands import base

_COLUMNS = [('build_id', 'id')] + [(name, name) for name in (
    'version', 'status', 'code', 'detail', 'created_at', 'finished_at')]


class FunctionBuilds(base.Lister):
    """List the builds of a function, or show the log of one

    The newest one is the first.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        arguments.add_thing(parser, self.program, 'function')
        parser.add_argument('--log', action='store_true',
                            help='print the log of the newest build instead')
        return parser

    def take_action(self, parsed_args):
        query = {'all_projects': parsed_args.all_projects}
        function = self.client.functions.find(parsed_args.function, **query)
        self._newest = None
        if parsed_args.log:
            self._newest = actions.newest_build(self, function, **query)
            return self.rows(_COLUMNS, [self._newest])
        return self.rows(_COLUMNS, self.client.functions.builds(
            function.id, **query))

    def produce_output(self, parsed_args, column_names, data):
        if self._newest is None:
            return super().produce_output(parsed_args, column_names, data)
        self.app.stdout.write(self._newest.log or '')


class FunctionPackage(base.Command):
    """Download the zip file that a function was made from"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        arguments.add_thing(parser, self.program, 'function')
        parser.add_argument(
            '--output', metavar='FILE',
            help='where to write it, - is the standard output; by default '
                 'NAME.zip here, unless there is such a file')
        return parser

    def take_action(self, parsed_args):
        actions.save_package(self, parsed_args.function, parsed_args.output,
                             '--output',
                             all_projects=parsed_args.all_projects)
