# SPDX-License-Identifier: Apache-2.0
"""From requirements to a folder with what they name, for the process builder.

Three steps, each in sandboxes of its own:

1. ``download``: pip resolves the requirements and downloads wheels. It has
   network, and cannot start any program, so no code of a package runs.
2. ``wheel``, only if the first finds no wheel for something: pip builds it
   from source, which runs its ``setup.py`` or build backend. It has network
   and nothing else: what it makes is just another wheel.
3. ``unpack``: each wheel that is new here is unpacked and compiled, in a
   sandbox that has nothing else, without network, and again without running
   its code.

The layer is then made of hard links to what was unpacked, so packages that
several layers have are unpacked, and take room, once.
"""

from concurrent import futures
import dataclasses
import functools
import importlib.metadata
import logging
import os
import re
import shutil
import stat

from packaging import specifiers

from pratai import exception
from pratai.drivers.builder import files
from pratai.drivers.builder import inside
from pratai.drivers.builder import jail
from pratai.drivers.builder import output
from pratai.drivers.builder import pipconf
from pratai.drivers.builder import requirements
from pratai.drivers.runtime import sandbox

LOG = logging.getLogger(__name__)

WHEEL = re.compile(r'[A-Za-z0-9_][A-Za-z0-9_.+!-]*\.whl\Z')
OPTIONS = ('--no-input', '--progress-bar', 'off', '--cache-dir')
ENVIRONMENT = {'PIP_CONFIG_FILE': '/dev/null', 'PIP_NO_COLOR': '1',
               'PIP_DISABLE_PIP_VERSION_CHECK': '1',
               'PIP_NO_PYTHON_VERSION_WARNING': '1',
               'PIP_KEYRING_PROVIDER': 'disabled', 'NO_COLOR': '1'}
LIB = '/pratai/lib'
JOBS = 2                # wheels that one build unpacks at once


@dataclasses.dataclass
class Lib:
    """A pip to be used.

    :ivar path: the argument LIB of inside.py.
    :ivar binds: what has to be bound for it.
    :ivar own: whether it is the interpreter's own.
    """

    path: str
    binds: list
    own: bool = False


class Installer:
    """Makes layers.

    :param conf: options.
    :param launcher: sandbox.Launcher
    :param cache: cache.Cache
    """

    def __init__(self, conf, launcher, cache):
        self.conf = conf
        self.launcher = launcher
        self.cache = cache
        self._access = None
        self._found_pip = None

    def install(self, job, lines, work):
        """Make a folder with what requirements name.

        :param job: jail.Job
        :param lines: from requirements.normalise().
        :param work: empty folder, on the file system of layers.
        :returns: path of the folder, in ``work``.
        :raises exception.BuildError:
        :raises exception.SandboxError:
        """
        if self._access is None:
            self._access = pipconf.find(self.conf)
        lib = self._find_lib(job, work)
        wheels = self._fetch(job, lines, work, lib)
        trees = self._unpack(job, wheels, work, lib)
        return self._merge(job, trees, os.path.join(work, 'layer'))

    def _fetch(self, job, lines, work, lib):
        """:returns: sorted list of the wheels' paths."""
        place = os.path.join(work, 'download')
        code = self._download(job, lines, place, os.path.join(work, 'cache'),
                              lib)
        if code:
            # What has an address may be source, whatever pip says of it.
            source = (output.NO_WHEEL.search('\n'.join(job.output.lines))
                      or any(' @ ' in line for line in lines))
            if not source or not self.conf.builder.allow_sdists:
                raise self._failed(job, code, trusted=True)
            job.output.line('Not everything has a wheel: looking for source.')
            files.remove(place)
            place = os.path.join(work, 'source')
            code = self._build_wheels(job, lines, place, lib)
        if code:
            raise self._failed(job, code)
        return _wheels(place)

    def _download(self, job, lines, place, view, lib):
        """Download wheels; no code of a package runs.

        :returns: exit code.
        """
        # NOTE: Python 2 has no audit hooks: nothing keeps it for sure from
        # starting programs, so what it adds is not for others.
        shared = not job.runtime.get('version', '3').startswith('2.')
        if shared:
            self.cache.lend(view)
        else:
            os.mkdir(view)
        os.mkdir(place)
        code = self._pip(
            job, lines, place, lib, self.launcher.path(view, '/cache'),
            [sandbox.Bind(view, '/cache', writable=True)],
            'download', '--only-binary', ':all:', '--dest')
        if shared and code == 0:
            sandbox.reclaim(view)
            self.cache.take_back(view)
        return code

    def _build_wheels(self, job, lines, place, lib):
        """Download wheels and source, and make wheels of that.

        Code of packages runs. All that it can write to is ``place``.

        :returns: exit code.
        """
        os.mkdir(place)
        view = os.path.join(place, 'cache')
        os.mkdir(view)
        inner = self.launcher.path(view, '/build/cache')
        binds = []
        # Without mounts nothing can be shown that cannot be changed.
        if self.launcher.isolation != 'none':
            for path, name in self.cache.read_only():
                os.mkdir(os.path.join(view, name))
                binds.append(sandbox.Bind(path, inner + '/' + name))
        files.open_up(view)
        # An old pip would want the interpreter to have setuptools and wheel.
        how = ['--use-pep517'] if lib.own else []
        return self._pip(job, lines, place, lib, inner, binds, 'wheel',
                         '--prefer-binary', *how, '--wheel-dir')

    def _pip(self, job, lines, place, lib, view, binds, command, *options):
        """Let pip put wheels into ``place``/wheels.

        :param view: its cache, as seen inside.
        :returns: exit code.
        """
        inner = self.launcher.path(place, '/build')
        if any('--hash=' in line or line == '--require-hashes'
               for line in lines):
            with open(os.path.join(place, 'requirements.txt'), 'w') as target:
                target.write('\n'.join(lines) + '\n')
            lines = ['--requirement', inner + '/requirements.txt']
        # Otherwise arguments, which makes for better messages.
        binds = binds + lib.binds + [
            sandbox.Bind(path, path) for path in self._access.paths]
        return job.run(
            place, command, lib.path, *OPTIONS, view, *options,
            inner + '/wheels', *lines, binds=binds, site=lib.own,
            network=True, env=dict(ENVIRONMENT, **self._access.env))

    def _unpack(self, job, wheels, work, lib):
        """:returns: list of folders, one a wheel; they are shared."""
        fingerprint = job.runtime['fingerprint']
        trees = [self.cache.unpacked(wheel, fingerprint) for wheel in wheels]
        missing = [(wheel, tree)
                   for wheel, tree in zip(wheels, trees, strict=True)
                   if not os.path.isdir(tree)]
        if not missing:
            return trees
        places = [os.path.join(work, 'unpack-%d' % number)
                  for number in range(len(missing))]
        logs = [output.Log(lambda line: None, 1) for _ in missing]
        with futures.ThreadPoolExecutor(JOBS) as pool:
            codes = list(pool.map(
                functools.partial(self._unpack_one, job, lib), places,
                [wheel for wheel, _ in missing], logs))
        for code, log in zip(codes, logs, strict=True):
            if code:
                job.output.start()
                for line in log.lines:
                    job.output.line(line)
                raise self._failed(job, code, trusted=True)
        # What has its final name has to be whole even after a power cut.
        files.sync(work)
        for place, (_, tree) in zip(places, missing, strict=True):
            self.cache.keep(os.path.join(place, 'out'), tree)
        return trees

    def _unpack_one(self, job, lib, place, wheel, log):
        """Each has a sandbox, and so nothing but itself to spoil.

        :returns: exit code.
        """
        os.mkdir(place)
        inner = '/wheel/' + os.path.basename(wheel)
        out = os.path.join(place, 'out')
        code = job.run(
            place, 'unpack', lib.path, self.launcher.path(out, '/build/out'),
            self.launcher.path(wheel, inner),
            binds=[*lib.binds, sandbox.Bind(wheel, inner)], site=lib.own,
            env=ENVIRONMENT, log=log)
        if code == 0:
            self._measure([out])
            sandbox.reclaim(out)
        return code

    def _merge(self, job, trees, layer):
        self._measure(trees)
        os.mkdir(layer)
        os.chmod(layer, 0o755)
        for tree in trees:
            job.check()
            try:
                files.link_tree(tree, layer)
            except files.TooLarge as error:
                raise exception.BuildError(requirements.CODE,
                                           '%s.' % error) from error
        return layer

    def _measure(self, trees):
        size = self.conf.builder.max_layer << 20
        count = self.conf.builder.max_layer_files
        try:
            for tree in trees:
                used, number = files.measure(tree, size, count)
                size -= used
                count -= number
        except files.TooLarge as error:
            raise self._too_large() from error

    def _too_large(self):
        return exception.BuildError(
            'build.too_large', 'The dependencies take more than %d MB on the '
            'disk, or %d files.' % (self.conf.builder.max_layer,
                                    self.conf.builder.max_layer_files))

    def _find_lib(self, job, work):
        """:returns: :class:`Lib` for the runtime."""
        if self._found_pip is None:
            self._found_pip = find_pip()
        source, version, supported = self._found_pip
        runtime = job.runtime
        if not supported.contains(runtime.get('version', ''),
                                  prereleases=True):
            return Lib('-', [], own=True)
        path = self.cache.program('pip-' + version, runtime['fingerprint'])
        if not os.path.isdir(path):
            # Compiled once: each pip would compile itself again otherwise.
            made = os.path.join(work, 'program')
            shutil.copytree(source, os.path.join(made, 'pip'),
                            ignore=shutil.ignore_patterns('__pycache__'))
            files.open_up(made)
            job.run(made, 'compile', self.launcher.path(made, '/build'),
                    site=False)
            files.remove(os.path.join(made, 'tmp'))
            sandbox.reclaim(made)
            files.sync(made)
            self.cache.keep(made, path)
        return Lib(self.launcher.path(path, LIB), [sandbox.Bind(path, LIB)])

    def _failed(self, job, code, trusted=False):
        """:param trusted: whether no code of a package had a say."""
        lines = list(job.output.lines)
        if code == inside.NO_PIP:
            return exception.BuildError(
                requirements.CODE, 'The runtime %s is too old for pip: its '
                'functions can have no dependencies. Leave requirements.txt '
                'empty, or use another runtime.' % job.runtime.get('name'))
        errors = [line.strip() for line in lines
                  if 'error' in line.lower()]
        for line in errors[-5:] if trusted else ():
            if output.DISK_FULL.search(line):
                return jail.no_space(line[:200])
            if output.FILE_TOO_LARGE.search(line):
                return self._too_large()
        return exception.BuildError(requirements.CODE, output.explain(lines))


def find_pip():
    """:returns: (folder of the pip that we depend on, its version, for which
    versions of Python it is)."""
    distribution = importlib.metadata.distribution('pip')
    return (str(distribution.locate_file('pip')), distribution.version,
            specifiers.SpecifierSet(
                distribution.metadata.get('Requires-Python') or ''))


def _wheels(place):
    """Take over the wheels that pip left, and nothing else.

    :returns: sorted list of their paths.
    """
    folder = os.path.join(place, 'wheels')
    try:
        if not stat.S_ISDIR(os.lstat(folder).st_mode):
            return []
    except FileNotFoundError:
        return []   # pip had nothing to do
    for path in (place, folder):
        os.chown(path, os.getuid(), os.getgid())
        os.chmod(path, 0o755)
    found = []
    for entry in os.scandir(folder):
        if WHEEL.match(entry.name) and entry.is_file(follow_symlinks=False):
            os.chown(entry.path, os.getuid(), os.getgid())
            os.chmod(entry.path, 0o644)
            found.append(entry.path)
    return sorted(found)
