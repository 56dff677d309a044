# SPDX-License-Identifier: Apache-2.0
"""What may stand in a tenant's requirements.txt, and what it amounts to.

The file is not ours to trust: it can name files of the node, other indexes
and programs to run. It is parsed here, and pip reads only what is written
out again: one line a requirement, in one spelling, sorted. So pip sees just
what was judged, and equal requirements make equal text, which is how
functions come to share a layer.
"""

import hashlib
import re
import urllib.parse

from packaging import requirements
from packaging import utils

from pratai import exception

COMMENT = re.compile(r'(^|\s+)#.*$')
OPTION = re.compile(r'\s+(?=-)')
HASH = re.compile(
    r'--hash[=\s]\s*(sha256|sha384|sha512):([0-9A-Fa-f]{64,128})')
# Options for the file as a whole that change nothing but what is chosen.
ALLOWED = frozenset(['--pre', '--prefer-binary', '--require-hashes'])
FILES = ('-r', '--requirement', '-c', '--constraint')
INDEX = ('-i', '--index-url', '--pypi-url', '--extra-index-url', '--no-index',
         '-f', '--find-links', '--trusted-host')
SCHEMES = frozenset(['http', 'https', 'git+http', 'git+https'])
ARCHIVES = ('.whl', '.zip', '.tar.gz', '.tgz', '.tar.bz2', '.tar.xz', '.tar')

CODE = 'build.requirements_failed'


def normalise(text, allow_urls=False):
    """:returns: sorted list of the lines that mean the same as the text.

    :param text: of requirements.txt.
    :param allow_urls: whether ``name @ https://...`` may be used.
    :raises exception.BuildError: build.requirements_failed; the detail has
        the number of the line.
    """
    found = set()
    for number, line in _logical_lines(text):
        try:
            found.add(_normalise_line(line, allow_urls))
        except ValueError as error:
            raise exception.BuildError(
                CODE, 'requirements.txt, line %d: %s' % (number, error)
            ) from error
    return sorted(found)


def key(fingerprint, lines):
    """:returns: name of the layer with these requirements, hex.

    :param fingerprint: of the runtime: what was built for one works in each
        with the same.
    :param lines: from :func:`normalise`.
    """
    text = '\n'.join([fingerprint, *lines])
    return hashlib.sha256(text.encode()).hexdigest()


def _logical_lines(text):
    """Yield (number, line): continued lines joined, comments left out."""
    parts = []
    first = 1
    for number, line in enumerate(text.splitlines(), 1):
        if not parts:
            first = number
        if line.endswith('\\') and not line.lstrip().startswith('#'):
            parts.append(line[:-1])
            continue
        # A comment ends a line that was to be continued.
        line = COMMENT.sub('', ''.join(parts) + line).strip()
        parts = []
        if line:
            yield first, line
    line = COMMENT.sub('', ''.join(parts)).strip()
    if line:
        yield first, line


def _normalise_line(line, allow_urls):
    if line.startswith('-'):
        return _normalise_option(line)
    spec, *options = OPTION.split(line)
    hashes = set()
    for option in options:
        match = HASH.fullmatch(option.strip())
        if not match:
            raise ValueError('the option %s is not supported.'
                             % option.split('=')[0].split()[0])
        hashes.add('--hash=%s:%s' % (match.group(1), match.group(2).lower()))
    # A short form of a path or URL is not a requirement, but a name that
    # ends like a file is, and pip would look for that file.
    if (re.match(r'[./~]|[a-z+]+:', spec, re.IGNORECASE) or '\\' in spec
            or (spec.lower().endswith(ARCHIVES) and '@' not in spec)):
        raise ValueError('"%s" is a file or an address. Name a package of '
                         'the index instead.' % spec[:100])
    try:
        requirement = requirements.Requirement(spec)
    except requirements.InvalidRequirement as error:
        raise ValueError('"%s" is not a requirement: %s.' % (
            spec[:100], str(error).splitlines()[0].rstrip('.'))) from error
    requirement.name = utils.canonicalize_name(requirement.name)
    requirement.extras = {utils.canonicalize_name(extra)
                          for extra in requirement.extras}
    if requirement.url:
        _check_url(requirement.url, allow_urls)
    return ' '.join([str(requirement), *sorted(hashes)])


def _normalise_option(line):
    option = re.split(r'[=\s]', line, maxsplit=1)[0]
    if line in ALLOWED:
        return line
    if line.startswith(FILES):
        raise ValueError('%s: other files cannot be included. Put their '
                         'lines here.' % option)
    if line.startswith(('-e', '--editable')):
        raise ValueError('%s: there is nothing to edit. Name a package of '
                         'the index instead.' % option)
    if line.startswith(INDEX):
        raise ValueError('%s: the operator of the service chooses the '
                         'package index.' % option)
    raise ValueError('the option %s is not supported.' % option)


def _check_url(url, allow_urls):
    if not allow_urls:
        raise ValueError('"%s" is an address. Name a package of the index '
                         'instead.' % url[:100])
    try:
        scheme = urllib.parse.urlsplit(url).scheme.lower()
    except ValueError as error:
        raise ValueError('"%s" is not an address.' % url[:100]) from error
    if scheme not in SCHEMES:
        raise ValueError('addresses have to begin with https: or git+https:,'
                         ' not %s:.' % scheme)
    # pip would put variables of its environment there.
    if '${' in url:
        raise ValueError('variables are not supported.')
