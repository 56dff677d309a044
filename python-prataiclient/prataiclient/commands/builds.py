# SPDX-License-Identifier: Apache-2.0
"""pratai function-builds and function-package."""

import os
import re

from prataiclient import exceptions
from prataiclient.commands import base
from prataiclient.commands import functions

_COLUMNS = [('build_id', 'id')] + [(name, name) for name in (
    'version', 'status', 'code', 'detail', 'created_at', 'finished_at')]


class FunctionBuilds(base.Lister):
    """List the builds of a function, or show the log of one

    The newest one is the first.
    """

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('function', metavar='FUNCTION',
                            help=functions.NAME_HELP)
        parser.add_argument('--log', action='store_true',
                            help='print the log of the newest build instead')
        return parser

    def take_action(self, parsed_args):
        function = self.client.functions.find(parsed_args.function)
        self._builds = self.client.functions.builds(function.id)
        if parsed_args.log and not self._builds:
            raise exceptions.PrataiError(
                'Function %s has no build' % function.name)
        return self.rows(_COLUMNS, self._builds)

    def produce_output(self, parsed_args, column_names, data):
        if not parsed_args.log:
            return super().produce_output(parsed_args, column_names, data)
        self.app.stdout.write(self._builds[0].log or '')


class FunctionPackage(base.Command):
    """Download the zip file that a function was made from"""

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('function', metavar='FUNCTION',
                            help=functions.NAME_HELP)
        parser.add_argument(
            '--output', metavar='FILE',
            help='where to write it, - is the standard output; by default '
                 'NAME.zip here, unless there is such a file')
        return parser

    def take_action(self, parsed_args):
        function = self.client.functions.find(parsed_args.function)
        output = parsed_args.output or self._free_name(function)
        content = self.client.functions.package(function.id)
        if output == '-':
            self.app.stdout.flush()
            self.app.stdout.buffer.write(content)
            return
        with open(output, 'wb') as f:
            f.write(content)
        self.tell('wrote %s' % output)

    @staticmethod
    def _free_name(function):
        # A name may hold anything, a path above this directory as well.
        name = function.name
        if not re.match(r'\w[\w.-]*$', name):
            name = function.id
        name += '.zip'
        if os.path.exists(name):
            raise exceptions.InvalidInput(
                '%s exists already; --output %s replaces it' % (name, name))
        return name
