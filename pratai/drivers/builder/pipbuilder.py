# SPDX-License-Identifier: Apache-2.0
"""What builders that install with pip have in common.

The module is compiled, the dependencies become a layer that functions with
the same ones share, and both together are the image. Where layers and images
are kept is the business of an :class:`images.Places`, and what a sandbox is
that of a launcher.
"""

import abc
import contextlib
import logging
import os
import threading

from pratai import exception
from pratai.drivers.builder import base
from pratai.drivers.builder import cache
from pratai.drivers.builder import files
from pratai.drivers.builder import images
from pratai.drivers.builder import inside
from pratai.drivers.builder import installer
from pratai.drivers.builder import jail
from pratai.drivers.builder import requirements
from pratai.drivers.runtime import sandbox

LOG = logging.getLogger(__name__)


class PipBuilder(base.BuilderDriver):
    """Base of such builders.

    See :mod:`installer` for how a layer is made, and :mod:`cache` for what
    keeps projects apart.

    :param launcher: as sandbox.Launcher.
    :param places: images.Places
    """

    #: What images say that they are of.
    name = None
    #: inside.py, where sandboxes get at it.
    program = inside.__file__

    def __init__(self, conf, runtime_driver, launcher, places):
        super().__init__(conf, runtime_driver)
        self.launcher = launcher
        self.images = places
        self.cache = cache.Cache(conf)
        self.installer = installer.Installer(conf, launcher, self.cache)
        self._jobs = {}
        self._lock = threading.Lock()

    def build(self, build, log):
        job = jail.Job(self.conf, self.launcher_for(build), self.program,
                       build, log)
        try:
            with (self.images.workplace(build.build_id) as work,
                  self._registered(build.build_id, job)):
                found = self._build(build, job, work)
        except OSError as error:
            if error.errno in files.NO_SPACE:
                raise jail.no_space(error.strerror) from error
            LOG.exception('Build %s failed', build.build_id)
            raise exception.SandboxError(
                'The files of the build cannot be written: %s'
                % error.strerror) from error
        return dict(found, driver=self.name, id=build.version_id)

    @abc.abstractmethod
    def launcher_for(self, build):
        """:returns: the launcher for the programs of a build."""

    @contextlib.contextmanager
    def _registered(self, build_id, job):
        """The job can be cancelled, and its log ends with its end."""
        with self._lock:
            self._jobs[build_id] = job
        try:
            yield
        finally:
            with self._lock:
                del self._jobs[build_id]
            job.output.close()

    def _build(self, build, job, work):
        """:returns: dict, what there is to say of the image."""
        lines = requirements.normalise(build.requirements,
                                       self.conf.builder.allow_urls)
        self._compile(build, job, os.path.join(work, 'image'))
        if all(line.startswith('--') for line in lines):
            return self.images.publish(work, build, None, job)
        key = requirements.key(build.runtime['fingerprint'], lines)
        with self.images.lock(key, shared=True, wait=job.wait):
            if self.images.has_layer(key, job):
                job.output.line('The dependencies are there already.')
                return self.images.publish(work, build, key, job)
        # Whoever comes second waits here, and finds the layer made.
        with self.images.lock(key, wait=job.wait):
            if not self.images.has_layer(key, job):
                made = self.installer.install(job, lines, work)
                files.sync(made)
                job.check()
                self.images.keep_layer(key, made, build, job)
            return self.images.publish(work, build, key, job)

    def _compile(self, build, job, folder):
        """Write the module, and compile it with the runtime's interpreter."""
        os.mkdir(folder)
        images.write_module(folder, build.module)
        path = self.launcher.path(folder, '/build')
        code = job.run(folder, 'check', path + '/new_module.py', site=False)
        files.remove(os.path.join(folder, 'tmp'))
        sandbox.reclaim(folder)
        if code == 0:
            return
        said = [line for line in job.output.lines if line]
        if code == inside.SYNTAX and said:
            raise exception.BuildError('build.syntax_error', said[-1][:500])
        if code > 128:
            raise exception.BuildError(
                'build.syntax_error', 'new_module.py cannot be compiled: it '
                'is too complex for Python (signal %d).' % (code - 128))
        raise exception.SandboxError(
            'The interpreter of %s cannot be started: %s' % (
                build.runtime.get('name'), said[-1] if said else code))

    def remove(self, image):
        self.images.remove(image['id'])

    def collect(self, known):
        self.images.collect(known)
        self.cache.prune()

    def cancel(self, build_id):
        with self._lock:
            job = self._jobs.get(build_id)
        if job is not None:
            job.cancel()
