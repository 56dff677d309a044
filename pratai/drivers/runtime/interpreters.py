# SPDX-License-Identifier: Apache-2.0
"""Finding the Python interpreters of a node."""

from concurrent import futures
import hashlib
import json
import logging
import os
import re
import subprocess

LOG = logging.getLogger(__name__)

NAME = re.compile(r'python(2\.7|3\.\d+)$')
DIRECTORIES = ('/usr/local/bin', '/usr/bin')
OLDEST = (3, 8)
SECONDS = 20
# NOTE: base_prefix, not prefix: of a virtual environment (the service's own
# may well be in PATH) we want what it was made from.
QUESTION = '''
import json, os, sys
prefix = getattr(sys, 'base_prefix', sys.prefix)
name = 'python%d.%d' % sys.version_info[:2]
executable = os.path.join(prefix, 'bin', name)
if not os.path.exists(executable):
    executable = sys.executable
print(json.dumps({
    'version': '%d.%d.%d' % sys.version_info[:3],
    'kind': getattr(getattr(sys, 'implementation', None), 'name', 'cpython'),
    'prefix': os.path.realpath(prefix),
    'exec_prefix': os.path.realpath(
        getattr(sys, 'base_exec_prefix', sys.exec_prefix)),
    'interpreter': os.path.realpath(executable)}))
'''


def flags(version):
    """:param version: like '3.11.2'.

    :returns: options for an interpreter that is to see nothing of its
        user's, nor of what the system has installed for it.
    """
    if version.startswith('2.'):
        return ['-E', '-s', '-S', '-B']
    return ['-I', '-S', '-B']


def candidates(listed=()):
    """:param listed: paths, where "+" stands for what can be found.

    :returns: list of paths, each once.
    """
    paths = []
    for entry in listed or ['+']:
        if entry != '+':
            paths.append(entry)
            continue
        for directory in (os.environ.get('PATH', '').split(os.pathsep)
                          + list(DIRECTORIES)):
            try:
                names = sorted(os.listdir(directory or '.'))
            except OSError:
                continue
            paths += [os.path.join(directory, name) for name in names
                      if NAME.match(name)]
    return list(dict.fromkeys(paths))


def ask(path):
    """Run an interpreter.

    Also finds out what wrappers (those of pyenv, say) stand for, if
    anything.

    :returns: dict of version, kind, prefix, exec_prefix and interpreter (the
        real path), or None.
    """
    try:
        answer = subprocess.run(
            [path, '-E', '-s', '-S', '-c', QUESTION], timeout=SECONDS,
            stdin=subprocess.DEVNULL, capture_output=True, check=True)
        found = json.loads(answer.stdout)
        version = tuple(int(part) for part in found['version'].split('.'))
    except subprocess.CalledProcessError as e:
        LOG.debug('%s is no runtime: exit code %d', path, e.returncode)
        return None
    except (OSError, LookupError, TypeError, ValueError,
            subprocess.SubprocessError) as e:
        LOG.debug('%s is no runtime: %s', path, type(e).__name__)
        return None
    if found['kind'] != 'cpython' or (
            version[:2] != (2, 7) and version[:2] < OLDEST):
        LOG.debug('%s is no runtime: %s %s is not supported', path,
                  found['kind'], found['version'])
        return None
    return found


def fingerprint(found):
    """Changes with the interpreter, and so do images built for it."""
    real = found['interpreter']
    text = '%s %s %d' % (real, found['version'],
                         os.stat(real).st_mtime_ns)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def prefixes(found):
    """:returns: list of the directories an interpreter needs."""
    wanted = {found['prefix'], found['exec_prefix']}
    if not found['interpreter'].startswith(
            tuple(path.rstrip('/') + '/' for path in wanted)):
        wanted.add(found['interpreter'])
    return sorted(path for path in wanted if path != '/')


def find(listed=(), works=None):
    """Find interpreters; of two of the same version the first counts.

    :param listed: as with candidates().
    :param works: callable: found -> None, or why it cannot be used.
    :returns: list of dicts as of ask(), the oldest version first.
    """
    paths = candidates(listed)
    with futures.ThreadPoolExecutor(8) as pool:
        answers = [found for found in pool.map(ask, paths) if found]
        chosen = {}
        by_name = {}
        for found in answers:
            name = tuple(int(n) for n in found['version'].split('.')[:2])
            by_name.setdefault(name, {}).setdefault(found['interpreter'],
                                                    found)
        problems = {}
        if works is not None:
            every = {real: found for several in by_name.values()
                     for real, found in several.items()}
            problems = dict(zip(every, pool.map(works, every.values())))
    for name, several in by_name.items():
        for real, found in several.items():
            if problems.get(real):
                LOG.debug('%s is no runtime: %s', real, problems[real])
            else:
                chosen.setdefault(name, found)
    return [chosen[name] for name in sorted(chosen)]
