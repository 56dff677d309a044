# SPDX-License-Identifier: Apache-2.0
"""The global options, and the help that lists them and the commands."""

import argparse

from cliff import help as cliff_help

from prataiclient.commands import base
from prataiclient.commands import common

#: Settings of prataiclient.connect that have an option, with its help.
SETTINGS = {
    'pratai_url': 'URL of the Pratai API (OS_PRATAI_URL; by default that of '
                  'the service catalog, or without Keystone '
                  'http://localhost:9998)',
    'auth_url': 'URL of Keystone (OS_AUTH_URL)',
    'auth_type': 'another way to authenticate than by password or token, '
                 'such as v3applicationcredential (OS_AUTH_TYPE)',
    'username': 'user name (OS_USERNAME)',
    'password': 'password (OS_PASSWORD)',
    'user_domain_name': 'domain of the user (OS_USER_DOMAIN_NAME)',
    'project_name': 'project (OS_PROJECT_NAME, OS_TENANT_NAME)',
    'project_domain_name': 'domain of the project (OS_PROJECT_DOMAIN_NAME)',
    'token': 'a token instead of user and password (OS_TOKEN)',
    'cloud': 'name of a cloud in clouds.yaml; needs openstacksdk (OS_CLOUD)',
    'region_name': 'region in the service catalog (OS_REGION_NAME)',
    'interface': 'kind of endpoint in the service catalog: public, internal '
                 'or admin (OS_INTERFACE)',
    'cacert': 'file with certificates of authorities to trust (OS_CACERT)',
}

_EPILOG = """\
Each of the settings has an environment variable, named in brackets. A Pratai
that runs without Keystone wants none of them but the URL, and that only if
it is not http://localhost:9998.

See 'pratai help COMMAND' for the options of a command.
"""


def build_parser(version):
    """The parser of all that is not a command's own.

    :param version: of this program
    """
    # NOTE: options of commands pass through this parser, so it must not
    # take one for an abbreviation of its own.
    parser = argparse.ArgumentParser(
        prog='pratai', add_help=False, allow_abbrev=False,
        usage='pratai [options] COMMAND [options of the command]',
        description='Functions as a service for OpenStack.', epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.error = base.one_line_error(parser, 'pratai help')
    parser.add_argument('-h', '--help', dest='deferred_help',
                        action='store_true',
                        help='show this, or the help of a command')
    parser.add_argument('--version', action='version', help='show the version',
                        version='pratai %s' % version)
    group = parser.add_mutually_exclusive_group()
    group.add_argument('-v', '--verbose', dest='verbose_level',
                       action='count', default=1,
                       help='show the HTTP requests')
    group.add_argument('-q', '--quiet', dest='verbose_level',
                       action='store_const', const=0,
                       help='no progress, only errors')
    parser.add_argument('--debug', action='store_true',
                        help='show tracebacks of errors')
    parser.add_argument('--log-file', metavar='FILE',
                        help='write a log with the HTTP requests to FILE')
    settings = parser.add_argument_group('settings')
    for name, text in SETTINGS.items():
        options = ['--os-' + name.replace('_', '-')]
        if name == 'project_name':
            options.append('--os-tenant-name')
        settings.add_argument(*options, dest=name, help=text,
                              metavar=name.split('_')[-1].upper())
    settings.add_argument('--insecure', action='store_true', default=None,
                          help='do not verify TLS certificates '
                               '(OS_INSECURE)')
    return parser


class Help(base.Plain, common.Common, cliff_help.HelpCommand):
    """Show the commands, or all about one of them"""

    def take_action(self, parsed_args):
        if parsed_args.cmd:
            word = parsed_args.cmd[0]
            if not any(name.startswith(word)
                       for name, _ in self.app.command_manager):
                return self.app.unknown(word)
            return super().take_action(parsed_args)
        parser = self.app.parser
        parser.description = '%s\n\ncommands:\n%s' % (
            parser.description, '\n'.join(self._command_lines()))
        self.app.stdout.write(parser.format_help())
        return 0

    def _command_lines(self):
        commands = dict(self.app.command_manager)
        width = max(len(name) for name in commands)
        for name, entry_point in commands.items():
            text = entry_point.load().__doc__.strip().split('\n')[0]
            yield '  %s  %s' % (name.ljust(width),
                                text[0].upper() + text[1:].rstrip('.'))
