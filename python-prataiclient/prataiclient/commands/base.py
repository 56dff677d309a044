# SPDX-License-Identifier: Apache-2.0
"""What the commands of ``pratai`` share."""

import argparse

from cliff import command
from cliff import lister
from cliff import show

from prataiclient import exceptions
from prataiclient.commands import common
from prataiclient.commands import program

#: Options that stand alone, or before "true" or "false".
_FLAGS = ('--public', '--wait-for-response', '--network')
_BOOLEANS = ('true', 'false')
_FLAGS_TRUE = {flag + '=true': flag for flag in _FLAGS}


def join_flags(argv):
    """Write ``--public [true|false]`` as one word.

    Otherwise argparse would take the name that may follow for its value.
    """
    joined = []
    for word in argv:
        if (joined and joined[-1] in _FLAGS_TRUE
                and word.lower() in _BOOLEANS):
            joined[-1] = '%s=%s' % (_FLAGS_TRUE[joined[-1]], word.lower())
        else:
            joined.append(word + '=true' if word in _FLAGS else word)
    return joined


def one_line_error(parser, help_command):
    """A parser's ``error`` without the usage, which may be a screenful."""
    def error(message):
        parser.exit(2, "%s: %s; see '%s'\n" % (
            parser.prog, message, help_command))
    return error


def add_projects(parser, things):
    """The options of lists for admins."""
    parser.add_argument('--all-projects', action='store_true',
                        help='the %s of all projects (for admins)' % things)
    parser.add_argument('--project', metavar='ID',
                        help='with --all-projects only of this one')


def projects(parsed_args):
    """What these options say to the library."""
    if parsed_args.project and not parsed_args.all_projects:
        raise exceptions.InvalidInput('--project needs --all-projects')
    return {'all_projects': parsed_args.all_projects or None,
            'project_id': parsed_args.project}


def project_columns(parsed_args):
    """The columns that only make sense with several projects."""
    return [('tenant_id', 'project_id')] if parsed_args.all_projects else []


class Plain:
    """Goes before a class of cliff."""

    program = program.PRATAI

    def __init__(self, app, app_args):
        # NOTE: without the command's name, for which cliff would scan the
        # installed packages for hooks.
        super().__init__(app, app_args)

    @property
    def client(self):
        return self.app.client

    def get_epilog(self):
        # NOTE: cliff's own looks through all installed packages.
        return self._epilog or ''

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.error = one_line_error(
            parser, 'pratai help ' + prog_name.split()[-1])
        parser.formatter_class = type(
            'Formatter', (argparse.RawDescriptionHelpFormatter,
                          parser.formatter_class), {})
        return parser


class Command(Plain, common.Common, command.Command):
    """Prints what it likes."""


class Lister(Plain, common.ListDisplay, lister.Lister):
    """Shows the attributes of a list of things as columns."""


class ShowOne(Plain, common.ShowDisplay, show.ShowOne):
    """Shows one thing, a field a line.

    :cvar bare: where set, only this field is shown unless another format or
        other columns are asked for: ``ID=$(pratai function-create ...)``
    """

    bare = None

    @property
    def formatter_default(self):
        return 'value' if self.bare else 'table'

    def produce_output(self, parsed_args, column_names, data):
        if (self.bare and parsed_args.formatter == 'value'
                and not parsed_args.columns):
            parsed_args.columns = [self.bare]
        return super().produce_output(parsed_args, column_names, data)
