# SPDX-License-Identifier: Apache-2.0
"""What the commands of the plugin share."""

import argparse

from osc_lib.cli import identity
from osc_lib.command import command

from prataiclient import exceptions
from prataiclient.commands import base
from prataiclient.commands import common
from prataiclient.commands import program


def titled(names):
    """Columns of a list: ``created_at`` is shown as ``Created At``."""
    special = {'id': 'ID', 'cpus': 'CPUs'}
    return [(' '.join(special.get(word, word.capitalize())
                      for word in name.split('_')), name) for name in names]


def plain(names):
    """Fields of one thing, called as in the API."""
    return [(name, name) for name in names]


class Plain:
    """Goes before a class of osc-lib."""

    program = program.OPENSTACK

    @property
    def client(self):
        return self.app.client_manager.function

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.error = base.one_line_error(
            parser, prog_name.replace('openstack', 'openstack help', 1))
        # The paragraphs of the description stay apart.
        parser.formatter_class = type(
            'Formatter', (argparse.RawDescriptionHelpFormatter,
                          parser.formatter_class), {})
        return parser


class Command(Plain, common.Common, command.Command):
    """Prints what it likes."""


class Lister(Plain, common.ListDisplay, command.Lister):
    """Shows the attributes of a list of things as columns."""

    nothing = None

    def add_long(self, parser):
        parser.add_argument('--long', action='store_true',
                            help='Show more columns')

    def add_projects(self, parser):
        """``all_projects`` and ``project``, for admins."""
        parser.add_argument(
            '--all-projects', action='store_true', default=None,
            help='Also those of all other projects (admin only)')
        identity.add_project_owner_option_to_parser(parser)

    def projects(self, parsed_args):
        """The filters of a list for the arguments of add_projects."""
        wanted = parsed_args.project
        if wanted is None:
            return {'all_projects': parsed_args.all_projects}
        return {'all_projects': True,
                'project_id': self._project_id(wanted, parsed_args)}

    def _project_id(self, wanted, parsed_args):
        manager = self.app.client_manager
        if manager.get_configuration().get('auth_type') == 'none':
            return wanted
        # NOTE: imported late, as it is seldom needed and slow.
        from openstack import exceptions as sdk_exceptions
        try:
            return identity.find_project(
                manager.sdk_connection, wanted, parsed_args.project_domain).id
        except sdk_exceptions.SDKException as exc:
            raise exceptions.InvalidInput('--project: %s' % exc)


class ShowOne(Plain, common.ShowDisplay, command.ShowOne):
    """Shows one thing, a field a line."""

    nothing = None
