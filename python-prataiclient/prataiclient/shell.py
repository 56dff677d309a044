# SPDX-License-Identifier: Apache-2.0
"""The application behind the ``pratai`` command."""

import importlib.metadata
import itertools
import logging

from cliff import app
from cliff import commandmanager

import prataiclient
from prataiclient.commands import base
from prataiclient.commands import complete
from prataiclient.commands import help as pratai_help

_COMMANDS = {
    'function-create': 'functions:FunctionCreate',
    'function-list': 'functions:FunctionList',
    'function-show': 'functions:FunctionShow',
    'function-update': 'functions:FunctionUpdate',
    'function-delete': 'functions:FunctionDelete',
    'function-execute': 'execute:FunctionExecute',
    'function-running': 'requests:FunctionRunning',
    'function-builds': 'builds:FunctionBuilds',
    'function-package': 'builds:FunctionPackage',
    'package-download': 'builds:FunctionPackage',
    'request-list': 'requests:RequestList',
    'request-show': 'requests:RequestShow',
    'request-logs': 'requests:RequestLogs',
    'request-cancel': 'requests:RequestCancel',
    'request-delete': 'requests:RequestDelete',
    'runtime-list': 'catalog:RuntimeList',
    'runtime-show': 'catalog:RuntimeShow',
    'runtime-enable': 'catalog:RuntimeEnable',
    'runtime-disable': 'catalog:RuntimeDisable',
    'event-list': 'catalog:EventList',
    'event-show': 'catalog:EventShow',
    'service-list': 'services:ServiceList',
    'service-show': 'services:ServiceShow',
    'service-enable': 'services:ServiceEnable',
    'service-disable': 'services:ServiceDisable',
    'service-drain': 'services:ServiceDrain',
    'cluster-status': 'catalog:ClusterStatus',
}


def _join(words):
    """Write a command as one word that was written as two: service list."""
    joined = '-'.join(words[:2])
    return [joined, *words[2:]] if joined in _COMMANDS else words


class CommandManager(commandmanager.CommandManager):
    """The commands above, imported when they are run.

    cliff's own way, entry points, costs a scan of all installed packages.
    """

    def _load_commands(self):
        for name, target in _COMMANDS.items():
            self.commands[name] = importlib.metadata.EntryPoint(
                name, 'prataiclient.commands.' + target, 'pratai')


class PrataiShell(app.App):
    NAME = 'pratai'
    LOG = logging.getLogger(NAME)

    def __init__(self, **streams):
        super().__init__(
            description=None, version=prataiclient.__version__,
            command_manager=CommandManager(None), deferred_help=True,
            **streams)
        self.command_manager.add_command('help', pratai_help.Help)
        self.command_manager.add_command('complete', complete.Complete)
        self._client = None

    @property
    def client(self):
        """The client, made when a command asks for it first."""
        if self._client is None:
            # NOTE: imported late, so that help need not wait for it.
            from prataiclient import connect
            self._client = connect.client(vars(self.options))
        return self._client

    def build_option_parser(self, description, version,
                            argparse_kwargs=None):
        return pratai_help.build_parser(version)

    def configure_logging(self):
        # NOTE: not cliff's, which opens the root logger for everything and
        # filters in its handlers; by then keystoneauth has formatted all it
        # sends and gets.
        chatty = self.options.verbose_level > 1
        root = logging.getLogger()
        root.setLevel(logging.DEBUG if chatty or self.options.log_file
                      else logging.WARNING)
        logging.getLogger('stevedore').setLevel(logging.WARNING)
        console = logging.StreamHandler(self.stderr)
        console.setFormatter(logging.Formatter(self.CONSOLE_MESSAGE_FORMAT))
        if not chatty:
            console.setLevel(logging.WARNING)
            # What libraries warn of comes as an error of ours.
            console.addFilter(logging.Filter(self.NAME))
        root.addHandler(console)
        if self.options.log_file:
            log = logging.FileHandler(self.options.log_file,
                                      encoding='utf-8')
            log.setFormatter(logging.Formatter(self.LOG_FILE_MESSAGE_FORMAT))
            root.addHandler(log)

    def initialize_app(self, argv):
        if not argv:
            argv.append('help')
            self.interactive_mode = False
        elif argv[0] == 'help':
            # From 'pratai COMMAND --whatever --help'.
            argv[:] = itertools.takewhile(
                lambda word: not word.startswith('-'), argv)
            argv[1:] = _join(argv[1:])
        argv[:] = _join(argv)

    def print_help_if_requested(self):
        """Nothing: initialize_app has made a command of it."""

    def run_subcommand(self, argv):
        try:
            self.command_manager.find_command(argv)
        except ValueError:
            return self.unknown(argv[0])
        return super().run_subcommand(base.join_flags(argv))

    def unknown(self, word):
        """Tell that there is no such command.

        :returns: the exit status
        """
        kind = 'option' if word.startswith('-') else 'command'
        names = self.command_manager.get_command_names()
        like = [name for name in sorted(names) if name.startswith(word)]
        if not like:
            # NOTE: imported here, as it is seldom needed.
            import difflib
            like = difflib.get_close_matches(word, names, cutoff=0.75)
        hint = "did you mean %s?" % ' or '.join(like) if like else (
            "see 'pratai help'")
        self.LOG.error("pratai has no %s '%s'; %s", kind, word, hint)
        return 2
