# SPDX-License-Identifier: Apache-2.0
"""A builder for tests: no sandbox, no pip, but real images."""

import os
import warnings

from pratai import exception
from pratai import package
from pratai.drivers.builder import base
from pratai.drivers.builder import images
from pratai.drivers.builder import output
from pratai.drivers.builder import requirements

NAME = 'fake'
MISSING = 'missing'


class FakeBuilder(base.BuilderDriver):
    """Writes modules, checks their syntax with the service's own Python.

    Requirements are read but not installed; those whose names begin with
    "missing" are not to be had.
    """

    def __init__(self, conf, runtime_driver):
        super().__init__(conf, runtime_driver)
        self.images = images.Images(conf)
        self._cancelled = {}

    def build(self, build, log):
        log = output.Log(log, self.conf.builder.max_log)
        with self.images.workplace(build.build_id) as work:
            self._cancelled[build.build_id] = False
            try:
                self._build(build, log, work)
            finally:
                cancelled = self._cancelled.pop(build.build_id)
            if cancelled:
                raise exception.BuildError('build.cancelled',
                                           'The build was cancelled.')
            self.images.publish(work, build, None, None)
        return {'driver': NAME, 'id': build.version_id, 'layer': None}

    def _build(self, build, log, work):
        lines = requirements.normalise(build.requirements,
                                       self.conf.builder.allow_urls)
        for line in lines:
            log.line('Collecting %s' % line)
            if line.startswith(MISSING):
                log.line('ERROR: No matching distribution found for %s' % line)
                raise exception.BuildError(
                    requirements.CODE,
                    'No matching distribution found for %s' % line)
        folder = os.path.join(work, 'image')
        os.mkdir(folder)
        images.write_module(folder, build.module)
        with open(os.path.join(folder, package.MODULE), 'rb') as source:
            data = source.read()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter('ignore')
                compile(data, package.MODULE, 'exec', dont_inherit=True)
        except SyntaxError as error:
            detail = 'new_module.py, line %s: %s' % (error.lineno, error.msg)
            log.line(detail)
            raise exception.BuildError('build.syntax_error',
                                       detail) from error
        except (MemoryError, RecursionError, ValueError) as error:
            raise exception.BuildError(
                'build.syntax_error', 'new_module.py: %s' % error) from error

    def remove(self, image):
        self.images.remove(image['id'])

    def collect(self, known):
        self.images.collect(known)

    def cancel(self, build_id):
        if build_id in self._cancelled:
            self._cancelled[build_id] = True
