# SPDX-License-Identifier: Apache-2.0
"""Builds on this node: the builder, then a first import of the function."""

import asyncio
import concurrent.futures
import logging
import threading

from pratai import exception
from pratai import rpc
from pratai.drivers.builder import base as builder_base
from pratai.executor import instance

LOG = logging.getLogger(__name__)

#: Seconds between messages with new lines of a build log.
LOG_INTERVAL = 0.3
RETRY = 1.0
#: Times in a row that an import is killed before that is its own fault.
KILLS = 3


class BuildLog:
    """Collects the lines of a build and sends them every now and then.

    :param send: called with text; returns False when nobody wants it.
    :param most: characters that are kept of one build.
    :param unwanted: called when nobody wants it.
    """

    def __init__(self, send, most, unwanted):
        self._send = send
        self._unwanted = unwanted
        self._left = most
        self._text = ''
        self._lock = threading.Lock()
        self._timer = None

    def __call__(self, line):
        with self._lock:
            if self._left <= 0:
                return
            line = line.rstrip('\n') + '\n'
            if len(line) > self._left:
                line = line[:self._left] + '\n[the log was cut here]\n'
                self._left = 0
            self._left -= len(line)
            self._text += line
            if self._timer is None:
                self._timer = threading.Timer(LOG_INTERVAL, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def flush(self):
        with self._lock:
            text, self._text = self._text, ''
            if self._timer is not None:
                self._timer.cancel()
            self._timer = None
            if not text:
                return
            try:
                if not self._send(text):
                    self._unwanted()
            except Exception as error:
                LOG.warning('A part of a build log is lost: %s',
                            exception.text(error))


class Builds:
    """Runs builds in threads of its own.

    :param loop: the executor's event loop, where instances live.
    """

    def __init__(self, conf, builder, runtimes, instances, conductor, loop,
                 stopped):
        self._conf = conf
        self._builder = builder
        self._runtimes = runtimes
        self._instances = instances
        self._conductor = conductor
        self._loop = loop
        self._stopped = stopped
        self._held = {}
        self._lock = threading.Lock()
        self._threads = concurrent.futures.ThreadPoolExecutor(
            conf.conductor.builds_per_executor, thread_name_prefix='build')

    def held(self):
        """:returns: ids of the builds in hand."""
        return list(self._held)

    def submit(self, build):
        """:param build: a dict of ``Database.build_claim``."""
        with self._lock:
            held = self._held.setdefault(build['build_id'], build)
            if held is build:
                try:
                    self._threads.submit(self._run, build)
                except BaseException:
                    del self._held[build['build_id']]
                    raise
                return
            if held['attempt'] >= build['attempt']:
                return  # the message came twice
            # The lease of what is under way ran out, and it came back to us,
            # perhaps before we heard that its end is recorded.
            held['next'] = build
            self._builder.cancel(build['build_id'])

    def forget(self, version_ids):
        """Stop building versions that are gone, and remove their images."""
        with self._lock:
            for build_id, build in self._held.items():
                if build['version_id'] in version_ids:
                    for one in (build, build.get('next', {})):
                        one['gone'] = True
                    self._builder.cancel(build_id)
        for version_id in version_ids:
            self._remove(version_id)

    def _remove(self, version_id):
        try:
            self._builder.remove({'id': version_id})
        except exception.SandboxError as error:
            LOG.warning('An image stays until the next collection: %s',
                        error.detail)

    def _unwanted(self, build):
        """Its function was deleted, or another executor builds it."""
        with self._lock:
            if self._held.get(build['build_id']) is build:
                self._builder.cancel(build['build_id'])

    def collect(self):
        """Remove the images and dependencies that nobody needs."""
        self._builder.collect(self._conductor.versions())

    def stop(self):
        """Give up what is in hand: another executor starts it anew."""
        for build_id in self.held():
            self._builder.cancel(build_id)
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _run(self, build):
        with self._lock:
            if self._held.get(build['build_id']) is not build:
                return      # it was queued, but submit() failed nevertheless
        while True:
            try:
                self._run_one(build)
            except Exception:
                LOG.exception('Build %s ended without a word; its lease runs '
                              'out', build['build_id'])
            with self._lock:
                following = build.get('next')
                if self._stopped.is_set() or following is None:
                    del self._held[build['build_id']]
                    return
                build = self._held[build['build_id']] = following

    def _run_one(self, build):
        log = BuildLog(
            lambda text: self._conductor.build_log(
                build['build_id'], build['attempt'], text),
            self._conf.builder.max_log, lambda: self._unwanted(build))
        image = code = detail = None
        try:
            image = self._build(build, log)
        except exception.PrataiError as error:
            code, detail = error.code, error.detail
            log(getattr(error, 'output', ''))
            log('%s (%s)' % (detail, code))
        except Exception:
            LOG.exception('Build %s', build['build_id'])
            code, detail = 'platform.build', 'The platform failed to build it.'
        log.flush()
        if build.get('gone'):
            # It may have been made after it was removed.
            self._remove(build['version_id'])
        if not self._stopped.is_set():
            self._done(build, image, code, detail)

    def _build(self, build, log):
        runtime = self._runtimes.get(build['runtime'])
        if runtime is None:
            raise exception.BuildError(
                'runtime.not_found',
                'This node has no runtime %s.' % build['runtime'])
        image = self._builder.build(builder_base.Build(
            build_id=build['build_id'], version_id=build['version_id'],
            runtime=runtime,
            module=build['module'], requirements=build['requirements']), log)
        log('Importing the function.')
        # Where it is, unless every node can have it; and which one it is.
        image = dict(image, build=build['build_id'],
                     node=None if image.get('shared') else self._conf.host)
        self._check(build, dict(build, id=build['version_id'], image=image))
        return image

    def _check(self, build, spec):
        """Import the function.

        When that is killed it looks like a fault of the node, and the build
        is tried again: in its last attempt at once, and then not any more.
        One that was built before has no last attempt otherwise.
        """
        for left in reversed(range(KILLS)):
            try:
                asyncio.run_coroutine_threadsafe(
                    self._instances.check(spec), self._loop).result()
                return
            except instance.ImportKilled as error:
                if (build['attempt'] < self._conf.conductor.max_attempts
                        or self._stopped.wait(RETRY)):
                    raise
                if not left:
                    raise exception.BuildError(
                        'build.import_failed', 'The process was killed, or '
                        'ended like that, each time that it imported the '
                        'function.') from error

    def _done(self, build, image, code, detail):
        """Bring the end of a build to a conductor, until it has it."""
        told = False
        while not self._stopped.is_set():
            try:
                self._conductor.build_done(build['build_id'],
                                           build['attempt'], image, code,
                                           detail)
                return
            except (exception.Unavailable, rpc.Error) as error:
                if not told:
                    LOG.warning('No conductor takes the end of a build: %s',
                                exception.text(error))
                told = True
                self._stopped.wait(RETRY)
            except Exception:
                LOG.exception('The end of build %s cannot be recorded; its '
                              'lease runs out', build['build_id'])
                return
