# SPDX-License-Identifier: Apache-2.0
"""What differs between the ``pratai`` and the ``openstack`` command.

The commands of both are made of the same parts, :mod:`arguments` and
:mod:`actions`; a program says how these write what a person reads.
"""

import argparse
import re
import shlex

_BOOLEANS = {'true': True, 'false': False}


def boolean(text):
    """An argument that is "true" or "false"."""
    try:
        return _BOOLEANS[text.lower()]
    except KeyError:
        raise argparse.ArgumentTypeError(
            "'%s' is neither true nor false" % text)


class Program:
    """One of the two.

    :cvar name: what one types to start it
    """

    name = None

    def line(self, words, *arguments):
        """The command line that does something.

        :param words: what it does, such as ``function delete``
        :param arguments: texts that follow, quoted where a shell needs it
        """
        return ' '.join([self.name, self._spell(words)]
                        + [shlex.quote(one) for one in arguments])

    def help(self, text):
        """A help text, in which ``{function delete}`` names a command."""
        return re.sub(r'\{([a-z ]+)\}',
                      lambda match: "'%s'" % self.line(match[1]), text)

    def metavar(self, text):
        """What stands for the value of an argument, given as ``NAME``."""
        return text

    def add_flag(self, parser, name, on, off):
        """An option that is on, off, or not given: True, False, None.

        :param on: option and help of what switches it on
        :param off: the same of what switches it off
        """
        raise NotImplementedError

    def _spell(self, words):
        return words


class Pratai(Program):
    """``pratai function-create``."""

    name = 'pratai'
    _NAMES = {'request log': 'request-logs',
              'build list': 'function-builds',
              'build log': 'function-builds --log',
              'package save': 'function-package'}

    def _spell(self, words):
        return self._NAMES.get(words, words.replace(' ', '-'))

    def add_flag(self, parser, name, on, off):
        option, text = on
        parser.add_argument(
            option, dest=name, type=boolean, metavar='true|false', nargs='?',
            const=True, help=self.help(text))
        if off[0] == '--private':
            parser.add_argument(off[0], dest=name, action='store_false',
                                default=None, help=self.help(off[1]))


class OpenStack(Program):
    """``openstack function create``."""

    name = 'openstack'

    def _spell(self, words):
        if words.startswith('function '):
            return words
        return 'function ' + words

    def help(self, text):
        text = super().help(text)
        # A value that the user types stays as it is.
        if re.match(r'[a-z]+: ', text):
            return text
        return text[0].upper() + text[1:]

    def metavar(self, text):
        return '<%s>' % text.lower().replace(' ', '-')

    def add_flag(self, parser, name, on, off):
        for value, (option, text) in ((True, on), (False, off)):
            parser.add_argument(
                option, dest=name, action='store_const', const=value,
                default=None, help=self.help(text))


PRATAI = Pratai()
OPENSTACK = OpenStack()
