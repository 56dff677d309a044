# SPDX-License-Identifier: Apache-2.0
"""What commands of both programs have: errors and output."""

import json

from prataiclient import exceptions

#: Formats that keep JSON values as they are; the others write texts.
_STRUCTURED = ('json', 'yaml')
#: Columns whose value is any JSON value, so that even a text needs quotes.
_JSON_COLUMNS = ('payload', 'response')


def json_text(value):
    return json.dumps(value, ensure_ascii=False)


def structured(parsed_args):
    """Whether the output format keeps lists and objects."""
    return parsed_args.formatter in _STRUCTURED


def key_of(column):
    """A column's name as ``--column`` compares it."""
    return column.lower().strip().replace(' ', '_')


class Common:
    """Goes before a class of cliff or osc-lib.

    :cvar program: a :class:`prataiclient.commands.program.Program`
    """

    program = None

    @property
    def client(self):
        """The library's client, made when it is wanted first."""
        raise NotImplementedError

    @property
    def quiet(self):
        return self.app.options.verbose_level == 0

    def tell(self, text):
        """Say something beside the output, unless asked to be quiet."""
        if not self.quiet:
            self.app.stderr.write(text + '\n')
            self.app.stderr.flush()

    def each(self, things, action, **query):
        """Do something to each thing, whatever becomes of the others.

        :param action: called with the command, the thing and the query
        :returns: the exit status: 1 where one of them went wrong
        """
        status = 0
        for thing in things:
            try:
                action(self, thing, **query)
            except (exceptions.HTTPError, exceptions.AmbiguousName) as exc:
                self.app.LOG.error(exc)
                status = 1
        return status

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


class Display(Common):
    """What shows columns."""

    #: shown for what is not there, in formats for people
    nothing = ''

    def _check_columns(self, parsed_args, columns):
        """
        :raises: InvalidInput where one is asked for that is not there
        """
        known = [key_of(column) for column in columns]
        unknown = [name for name in parsed_args.columns
                   if key_of(name) not in known]
        if unknown:
            raise exceptions.InvalidInput(
                'There is no column %s; there are %s' % (
                    ', '.join(unknown), ', '.join(columns)))

    def _cells(self, parsed_args, columns, values):
        """The values as the chosen format shows them."""
        if structured(parsed_args):
            return values
        return [self._text(key_of(column), value)
                for column, value in zip(columns, values)]

    def _text(self, column, value):
        if column in _JSON_COLUMNS or isinstance(value, dict):
            return json_text(value)
        if value is None:
            return self.nothing
        if isinstance(value, list):
            return '\n'.join(str(one) for one in value)
        return value


class ListDisplay(Display):
    """Goes before a Lister: the attributes of things as columns."""

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


class ShowDisplay(Display):
    """Goes before a ShowOne: one thing, a field a line."""

    def fields(self, columns, thing):
        """What take_action returns for a thing.

        :param columns: pairs of a field's name and the attribute it shows
        """
        return ([name for name, _ in columns],
                [getattr(thing, attribute) for _, attribute in columns])

    def produce_output(self, parsed_args, column_names, data):
        self._check_columns(parsed_args, column_names)
        return super().produce_output(
            parsed_args, column_names,
            self._cells(parsed_args, column_names, data))
