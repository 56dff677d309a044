# SPDX-License-Identifier: Apache-2.0
"""pratai-manage runtime: the images that functions are run with."""

import sys

from pratai import exception
from pratai import registry
from pratai.cmd import database as cmd_database
from pratai.drivers import docker_engine
from pratai.runtimes import debian
from pratai.runtimes import definitions
from pratai.runtimes import images

COLUMNS = ('NAME', 'LANGUAGE', 'VERSION', 'STATE', 'IMAGE', 'DESCRIPTION')


def runtime_list(conf):
    """Print the runtimes: what can be built, is built, and is enabled."""
    rows = {item.name: {'language': item.language,
                        'description': item.description}
            for item in definitions.read_all(conf)}
    unknown = '-'
    try:
        built = images.Images(_engine(conf)).list()
    except exception.SandboxError as error:
        sys.stderr.write('%s\n' % error)
        built, unknown = {}, '?'
    for name, labels in built.items():
        rows.setdefault(name, {}).update(labels)
    database = cmd_database.connect(conf)
    for item in database.runtime_list() if database else ():
        row = rows.setdefault(item['name'], dict(item))
        row.setdefault('version', item['version'])
        row['state'] = ('disabled' if item['status'] == 'disabled'
                        else 'enabled')
    table = [COLUMNS]
    for name in sorted(rows):
        row = rows[name]
        table.append((
            name, row['language'], row.get('version', '-'),
            row.get('state', '-' if database else '?'),
            built[name]['fingerprint'] if name in built else unknown,
            row['description']))
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        print('  '.join(cell.ljust(width) for cell, width
                        in zip(line, widths, strict=True)).rstrip())


def runtime_enable(conf):
    """Let functions be made for a runtime."""
    _set(conf, True)


def runtime_disable(conf):
    """Let no new functions be made for a runtime."""
    _set(conf, False)


def _set(conf, enabled):
    # NOTE: "name" is that of the command.
    name = conf.command.runtime
    database = cmd_database.connect(conf)
    if database is None:
        raise exception.Invalid(
            'This host has no database (yet). Do this on a controller, or '
            'with the command pratai.')
    database.runtime_set_enabled(name, enabled)
    print('%s is %s' % (name, 'enabled' if enabled else 'disabled'))


def runtime_build(conf):
    """Make the image of a runtime on this node's Docker engine."""
    options = conf.command
    maker = images.Images(_engine(conf),
                          say=str if options.quiet else _say)
    bases = {}
    for definition in _chosen(conf):
        base = definition.base
        if options.from_debootstrap:
            base = _debian(definition, options, maker, bases)
        made = maker.build(definition, base, refresh=options.refresh,
                           network=options.network)
        print('%(name)s: %(image)s, version %(version)s' % made)
        if conf.registry.url:
            print('%s: %s' % (definition.name, registry.Registry(
                conf, maker.engine).push_runtime(made)))


def runtime_pull(conf):
    """Get the image of a runtime from the container registry."""
    if not conf.registry.url:
        raise exception.Invalid('There is no container registry: set '
                                '[registry]url.')
    pulled = registry.Registry(conf, _engine(conf))
    missing = []
    chosen = _chosen(conf)
    for definition in chosen:
        try:
            print('%s: %s' % (definition.name,
                              pulled.pull_runtime(definition.name)))
        except exception.ImageMissing as error:
            missing.append(definition)
            # Nobody has to build all that could be built.
            if not conf.command.all or missing == chosen:
                raise
            sys.stderr.write('%s\n' % error.detail)


def _engine(conf):
    return docker_engine.Engine(conf.docker.url, conf.docker.timeout)


def _say(line):
    print(line, flush=True)


def _chosen(conf):
    known = definitions.read_all(conf)
    if conf.command.all:
        return known
    if not conf.command.names:
        raise exception.Invalid('Name a runtime, or give --all.')
    for name in conf.command.names:
        if name not in [item.name for item in known]:
            raise exception.NotFound('runtime', '%s in %s' % (
                name, definitions.folder(conf)))
    return [item for item in known if item.name in conf.command.names]


def _debian(definition, options, maker, bases):
    """:returns: name of the base image; each is made once."""
    suite = definition.suite
    if suite is None:
        raise exception.Invalid(
            'The runtime %s names no Debian release (suite) that '
            '--from-debootstrap could make.' % definition.name)
    if suite not in bases:
        bases[suite] = images.BASES + suite
        if options.refresh or not maker.has(bases[suite]):
            maker.import_base(suite, debian.tarball(
                suite, options.cache, options.mirror, options.refresh,
                maker.say))
    return bases[suite]


def add(subparsers):
    """Add the commands to those of pratai-manage."""
    parser = subparsers.add_parser('runtime', help='The runtimes.')
    actions = parser.add_subparsers(dest='action', required=True)
    actions.add_parser('list', help=runtime_list.__doc__).set_defaults(
        function=runtime_list)
    for name, function in (('enable', runtime_enable),
                           ('disable', runtime_disable)):
        action = actions.add_parser(name, help=function.__doc__)
        action.add_argument('runtime', metavar='NAME')
        action.set_defaults(function=function)
    for name, function in (('build', runtime_build), ('pull', runtime_pull)):
        action = actions.add_parser(name, help=function.__doc__)
        action.add_argument('names', metavar='NAME', nargs='*')
        action.add_argument('--all', action='store_true',
                            help='all those in [builder]runtimes_dir')
        action.set_defaults(function=function)
    build = actions.choices['build']
    build.add_argument(
        '--from-debootstrap', action='store_true',
        help='make the base images with debootstrap, where there is no '
             'registry to pull them from')
    build.add_argument(
        '--mirror', metavar='URL',
        help='of Debian, for --from-debootstrap (default: its own)')
    build.add_argument(
        '--cache', metavar='FOLDER', default='/var/cache/pratai',
        help='where --from-debootstrap keeps what it made '
             '(default: %(default)s)')
    build.add_argument(
        '--refresh', action='store_true',
        help='make everything anew, the base images included, as one does '
             'for security updates')
    build.add_argument(
        '--network', metavar='MODE', default='host',
        help='of the commands in the Dockerfiles, as for docker build '
             '(default: %(default)s)')
    build.add_argument('--quiet', action='store_true',
                       help='only print what was made')
