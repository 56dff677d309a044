# SPDX-License-Identifier: Apache-2.0
"""Images as folders of this node, made in the sandboxes functions run in."""

import contextlib
import logging
import os
import shutil
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

NAME = 'process'


class ProcessBuilder(base.BuilderDriver):
    """Installs with pip into layers that functions share.

    Works with the ``process`` runtime driver. See :mod:`installer` for how a
    layer is made, and :mod:`cache` for what keeps projects apart.
    """

    def __init__(self, conf, runtime_driver):
        super().__init__(conf, runtime_driver)
        self.launcher = getattr(runtime_driver, 'launcher', None)
        if self.launcher is None:
            self.launcher = sandbox.Launcher(conf)
        self.images = images.Images(conf)
        self.cache = cache.Cache(conf)
        self.installer = installer.Installer(conf, self.launcher, self.cache)
        self.program = self._provide_program()
        self._jobs = {}
        self._lock = threading.Lock()

    def _provide_program(self):
        """:returns: path of inside.py, where sandboxes get at it."""
        path = inside.__file__
        if self.launcher.isolation == 'none':
            path = os.path.join(self.cache.programs, 'inside.py')
            shutil.copyfile(inside.__file__, path)
            os.chmod(path, 0o644)
        return path

    def build(self, build, log):
        job = jail.Job(self.conf, self.launcher, self.program, build, log)
        try:
            with (self.images.workplace(build.build_id) as work,
                  self._registered(build.build_id, job)):
                layer = self._build(build, job, work)
        except OSError as error:
            if error.errno in files.NO_SPACE:
                raise jail.no_space(error.strerror) from error
            LOG.exception('Build %s failed', build.build_id)
            raise exception.SandboxError(
                'The files of the build cannot be written: %s'
                % error.strerror) from error
        return {'driver': NAME, 'id': build.version_id, 'layer': layer}

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
        """:returns: key of the layer, or None."""
        lines = requirements.normalise(build.requirements,
                                       self.conf.builder.allow_urls)
        self._compile(build, job, os.path.join(work, 'image'))
        if all(line.startswith('--') for line in lines):
            self.images.publish(work, build.version_id, None)
            return None
        key = requirements.key(build.runtime['fingerprint'], lines)
        layer = self.images.layer(key)
        with self.images.lock(key, shared=True, wait=job.wait):
            if os.path.isdir(layer):
                job.output.line('The dependencies are there already.')
                self.images.publish(work, build.version_id, key)
                return key
        # Whoever comes second waits here, and finds the layer made.
        with self.images.lock(key, wait=job.wait):
            if not os.path.isdir(layer):
                made = self.installer.install(job, lines, work)
                files.sync(made)
                job.check()
                os.rename(made, layer)
            self.images.publish(work, build.version_id, key)
        return key

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
