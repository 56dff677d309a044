# SPDX-License-Identifier: Apache-2.0
"""Arguments that commands of both programs take."""

import argparse
import typing

FUNCTION_HELP = 'name or id of the function, or the beginning of its id'
REQUEST_HELP = 'id of the request, or the beginning of it'
#: Requests are many, and the newest ones matter.
REQUEST_LIMIT = 100
RUNTIME_HELP = 'name or id of the runtime, or the beginning of its id'
_THINGS = {'function': FUNCTION_HELP, 'request': REQUEST_HELP}


class Setting(typing.NamedTuple):
    """A setting of a function that has a value."""
    help: str
    metavar: str = None
    type: typing.Callable = None
    choices: list = None


class Flag(typing.NamedTuple):
    """A setting of a function that is on or off: option and help of each."""
    on: tuple
    off: tuple


def positive(text):
    """A number from 1 on."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(
            "'%s' is not a whole number from 1 on" % text)
    return int(text)


def add_thing(parser, program, thing, many=False):
    """What a command is about, and ``all_projects``, for admins.

    :param thing: ``function`` or ``request``, as the argument is called
    :param many: several can be given; the argument is called ``functions``
        or ``requests`` then
    """
    parser.add_argument(
        thing + 's' if many else thing, nargs='+' if many else None,
        metavar=program.metavar(thing.upper()),
        help=program.help(_THINGS[thing]))
    parser.add_argument(
        '--all-projects', action='store_true', default=None,
        help=program.help('look in all projects (for admins)'))


#: What a function can be made with.
SETTINGS = {
    'description': Setting('what it is for', 'TEXT'),
    'runtime': Setting('what it runs on, see {runtime list}', 'NAME'),
    'memory': Setting('memory of a request in MB', 'MB', positive),
    'cpus': Setting('CPUs of a request', 'N', positive),
    'timeout': Setting('a request that takes longer is stopped', 'SECONDS',
                       positive),
    'limit': Setting('requests that may run at once', 'N', positive),
    'type': Setting(
        'async: a caller gets a request id at once and the function runs in '
        'the background; sync: the caller waits for the response',
        choices=['async', 'sync']),
    'event': Setting('kind of event that runs it, by default webhook: an HTTP '
                     'POST to its endpoint', 'NAME'),
    'public': Flag(
        ('--public', 'anybody may call its endpoint, without a token'),
        ('--private', 'only its project may (the default)')),
    'isolation': Setting(
        'request: a process for each request; instance: a process serves one '
        'request after the other, which is faster, and what one leaves in '
        'memory the next one sees', choices=['request', 'instance']),
    'network': Flag(
        ('--network', 'the function may use the network'),
        ('--no-network', 'it may not (the default)')),
}
#: Those that can be changed later, besides the name.
CHANGEABLE = [name for name in SETTINGS if name not in ('runtime', 'event')]


def add_settings(parser, program, names=tuple(SETTINGS)):
    """An option for each of these settings.

    :param program: whose words to use, a :class:`program.Program`
    """
    for name in names:
        setting = SETTINGS[name]
        if isinstance(setting, Flag):
            program.add_flag(parser.add_mutually_exclusive_group(), name,
                             setting.on, setting.off)
            continue
        metavar = setting.metavar and program.metavar(setting.metavar)
        parser.add_argument(
            '--' + name, type=setting.type, choices=setting.choices,
            metavar=metavar, help=program.help(setting.help))


def settings(parsed_args, names):
    """The settings that were given.

    :returns: dict of names and values, None for what was not given
    """
    return {name: getattr(parsed_args, name, None) for name in names}


def add_package(parser, program):
    """What a function is made of: ``zip`` or ``source``."""
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument('--zip', metavar=program.metavar('PATH'),
                       help=program.help('the zip file'))
    group.add_argument(
        '--source', metavar=program.metavar('DIR'),
        help=program.help('directory with new_module.py and '
                          'requirements.txt, which are zipped for you'))


def add_payload(parser, program):
    """What a function is called with: ``payload`` or ``file``."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument('--payload', metavar=program.metavar('JSON'),
                       help=program.help('what main() gets, by default null'))
    group.add_argument(
        '--file', metavar=program.metavar('FILE'),
        help=program.help('the same from a file; - is the standard input'))


def add_paging(parser, program, thing, sort_keys=(), default=None):
    """``limit``, ``marker`` and, where it can be sorted, ``sort``."""
    text = 'at most so many'
    if default:
        text += ', by default %(default)s'
    parser.add_argument('--limit', type=positive, default=default,
                        metavar=program.metavar('N'),
                        help=program.help(text))
    parser.add_argument(
        '--marker', metavar=program.metavar('ID'),
        help=program.help('begin after the %s with this id' % thing))
    if sort_keys:
        parser.add_argument(
            '--sort', type=_sort(sort_keys),
            metavar=program.metavar('KEY') + '[:asc|:desc]',
            help=program.help(
                'sort by %s, ascending unless it says :desc; by default '
                'created_at:desc' % ' or '.join(sort_keys)))


def _sort(keys):
    def check(text):
        key, colon, direction = text.partition(':')
        if key not in keys or (colon and direction not in ('asc', 'desc')):
            raise argparse.ArgumentTypeError(
                "'%s' is not one of %s, perhaps with :asc or :desc"
                % (text, ', '.join(keys)))
        return text if colon else text + ':asc'
    return check
