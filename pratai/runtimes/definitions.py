# SPDX-License-Identifier: Apache-2.0
"""What runtimes there are to be built: a YAML file and a Dockerfile each."""

import dataclasses
import os
import re
import sys

import yaml

from pratai import exception

PLACES = (
    '/etc/pratai/runtimes.d',
    os.path.join(sys.prefix, 'etc', 'pratai', 'runtimes.d'),
    # Where a checkout of the sources has them.
    os.path.join(os.path.dirname(__file__), '..', '..', 'etc', 'pratai',
                 'runtimes.d'))
NAME = re.compile(r'[a-z0-9]+([._-][a-z0-9]+)*\Z')
REQUIRED = ('name', 'language', 'base', 'description', 'dockerfile')
OPTIONAL = ('suite', 'interpreter')
#: Those there is a runner for.
LANGUAGES = ('python',)


@dataclasses.dataclass
class Definition:
    """A runtime as its YAML file has it.

    :ivar base: image that the Dockerfile starts from, its argument BASE.
    :ivar dockerfile: absolute path; what it copies is in its folder.
    :ivar suite: Debian release to use instead of ``base`` where there is no
        registry, or None.
    :ivar interpreter: name or path of the program in the image; None finds
        it.
    """

    name: str
    language: str
    base: str
    description: str
    dockerfile: str
    suite: str | None = None
    interpreter: str | None = None


def folder(conf):
    """:returns: path of the folder with the YAML files."""
    if conf.builder.runtimes_dir:
        return os.path.abspath(conf.builder.runtimes_dir)
    return next((os.path.abspath(path) for path in PLACES
                 if os.path.isdir(path)), PLACES[0])


def read_all(conf):
    """:returns: list of Definition, by name.

    :raises exception.Invalid: a file cannot be used; it says which and why.
    """
    path = folder(conf)
    try:
        names = sorted(os.listdir(path))
    except OSError as error:
        raise exception.Invalid(
            'There are no runtimes: %s: %s. Set [builder]runtimes_dir.'
            % (path, error.strerror)) from error
    found = {}
    for name in names:
        if not name.endswith(('.yaml', '.yml')):
            continue
        definition = read(os.path.join(path, name))
        if definition.name in found:
            raise exception.Invalid(
                '%s: there are two runtimes of the name %s.'
                % (os.path.join(path, name), definition.name))
        found[definition.name] = definition
    return [found[name] for name in sorted(found)]


def read(path):
    """:returns: Definition

    :raises exception.Invalid: the file cannot be used.
    """
    try:
        with open(path, encoding='utf-8') as source:
            data = yaml.safe_load(source)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise exception.Invalid(
            '%s: %s' % (path, ' '.join(str(error).split()))) from error
    try:
        return _check(path, data)
    except ValueError as error:
        raise exception.Invalid('%s: %s.' % (path, error)) from error


def _check(path, data):
    if not isinstance(data, dict):
        raise ValueError('it has to have "name: value" lines')
    for key, value in data.items():
        if key not in REQUIRED + OPTIONAL:
            raise ValueError('"%s" is not known' % key)
        if not isinstance(value, str) or not value.strip():
            raise ValueError('%s has to be text' % key)
    for key in REQUIRED:
        if key not in data:
            raise ValueError('%s is missing' % key)
    if not NAME.match(data['name']) or len(data['name']) > 64:
        raise ValueError('"%s" is no name: use small letters, digits, and '
                         '"-", "_" or "." between them' % data['name'])
    if data['language'] not in LANGUAGES:
        raise ValueError('there is no runner for the language "%s", only '
                         'for: %s' % (data['language'], ', '.join(LANGUAGES)))
    dockerfile = os.path.join(os.path.dirname(path), data['dockerfile'])
    if not os.path.isfile(dockerfile):
        raise ValueError('there is no file %s' % dockerfile)
    return Definition(**dict(data, dockerfile=os.path.abspath(dockerfile)))
