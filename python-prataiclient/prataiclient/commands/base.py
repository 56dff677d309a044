# SPDX-License-Identifier: Apache-2.0
"""What the commands share: arguments, errors, output."""

import argparse
import json

from cliff import command
from cliff import lister
from cliff import show

from prataiclient import exceptions

#: Formats that keep JSON values as they are; the others write texts.
_STRUCTURED = ('json', 'yaml')
#: Columns whose value is any JSON value, so that even a text needs quotes.
_JSON_COLUMNS = ('payload', 'response')
#: Options that stand alone, or before "true" or "false".
_FLAGS = ('--public', '--wait-for-response', '--network')
_BOOLEANS = {'true': True, 'false': False}


def add_flag(parser, option, **arguments):
    """An option such as ``--public``, ``--public true``, ``--public false``.

    Its value is True, False, or None where it was not given.
    """
    parser.add_argument(option, type=boolean, metavar='true|false',
                        nargs='?', const=True, **arguments)


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


_FLAGS_TRUE = {flag + '=true': flag for flag in _FLAGS}


def boolean(text):
    try:
        return _BOOLEANS[text.lower()]
    except KeyError:
        raise argparse.ArgumentTypeError(
            "'%s' is neither true nor false" % text)


def positive(text):
    """A number from 1 on."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(
            "'%s' is not a whole number from 1 on" % text)
    return int(text)


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


def json_text(value):
    return json.dumps(value, ensure_ascii=False)


def structured(parsed_args):
    """Whether the output format keeps lists and objects."""
    return parsed_args.formatter in _STRUCTURED


class Plain:
    """Goes before a class of cliff."""

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

    def tell(self, text):
        """Say something beside the output, unless asked to be quiet."""
        if self.app.options.verbose_level > 0:
            self.app.stderr.write(text + '\n')
            self.app.stderr.flush()

    def run(self, parsed_args):
        try:
            return super().run(parsed_args)
        except exceptions.Unauthorized as exc:
            exc.add('set OS_AUTH_URL, OS_USERNAME, OS_PASSWORD and '
                    'OS_PROJECT_NAME')
            raise
        except (exceptions.PrataiError, BrokenPipeError):
            raise
        except OSError as exc:
            # Only what is opened has a name; what else there is to write is
            # the output.
            raise exceptions.PrataiError('%s: %s' % (
                exc.filename or 'Cannot write the output',
                exc.strerror or exc)) from exc
        except Exception as exc:
            raise exceptions.PrataiError(
                'Unexpected error, %s: %s; --debug shows where' % (
                    type(exc).__name__, exc)) from exc


class Command(Plain, command.Command):
    """Prints what it likes."""

    def each(self, things, action):
        """Do something to each thing, whatever becomes of the others.

        :returns: the exit status: 1 where one of them went wrong
        """
        status = 0
        for thing in things:
            try:
                action(thing)
            except exceptions.HTTPError as exc:
                self.app.LOG.error(exc)
                status = 1
        return status


class _Display(Plain):
    def _check_columns(self, parsed_args, columns):
        """
        :raises: InvalidInput where one is asked for that is not there
        """
        unknown = [name for name in parsed_args.columns
                   if name.lower().strip().replace(' ', '_') not in columns]
        if unknown:
            raise exceptions.InvalidInput(
                'There is no column %s; there are %s' % (
                    ', '.join(unknown), ', '.join(columns)))

    @staticmethod
    def _cells(parsed_args, columns, values):
        """The values as the chosen format shows them."""
        if structured(parsed_args):
            return values
        return [_text(column, value)
                for column, value in zip(columns, values)]


def _text(column, value):
    if column in _JSON_COLUMNS or isinstance(value, dict):
        return json_text(value)
    if value is None:
        return ''
    if isinstance(value, list):
        return '\n'.join(str(one) for one in value)
    return value


class Lister(_Display, lister.Lister):
    """Shows the attributes of a list of things as columns."""

    def rows(self, columns, things):
        """What take_action returns for things.

        :param columns: pairs of a column's name and the attribute it shows
        """
        return ([name for name, _ in columns],
                [[getattr(thing, attribute) for _, attribute in columns]
                 for thing in things])

    def produce_output(self, parsed_args, column_names, data):
        self._check_columns(parsed_args, column_names)
        return super().produce_output(
            parsed_args, column_names,
            [self._cells(parsed_args, column_names, row) for row in data])


class ShowOne(_Display, show.ShowOne):
    """Shows one thing, a field a line.

    :cvar bare: where set, only this field is shown unless another format or
        other columns are asked for: ``ID=$(pratai function-create ...)``
    """

    bare = None

    @property
    def formatter_default(self):
        return 'value' if self.bare else 'table'

    def fields(self, columns, thing):
        """What take_action returns for a thing.

        :param columns: pairs of a field's name and the attribute it shows
        """
        return ([name for name, _ in columns],
                [getattr(thing, attribute) for _, attribute in columns])

    def produce_output(self, parsed_args, column_names, data):
        if (self.bare and parsed_args.formatter == 'value'
                and not parsed_args.columns):
            parsed_args.columns = [self.bare]
        self._check_columns(parsed_args, column_names)
        return super().produce_output(
            parsed_args, column_names,
            self._cells(parsed_args, column_names, data))
