# SPDX-License-Identifier: Apache-2.0
"""A Docker engine, as the drivers that use one see it."""

import contextlib
import logging
import os
import re
import threading
import time
import uuid

import docker
import docker.errors
import requests.exceptions

from pratai import exception

LOG = logging.getLogger(__name__)

#: What we make carries labels that begin so: images, containers, networks.
LABEL = 'org.openstack.pratai.'
#: The executor that made it: see identity().
NODE = LABEL + 'node'

POOL = 32               # connections that are kept
WATCH_SECONDS = 0.5     # between looks whether it is back
#: Mostly of its disk; the kernel says the same of keys, control groups and
#: watched files. For all of them waiting may help.
FULL = re.compile('no space left on device|disk quota exceeded',
                  re.IGNORECASE)
TROUBLE_SECONDS = 300   # for which trouble is worth a warning


def identity(state_path):
    """:returns: the name of an executor for what it makes on an engine.

    It is made once and kept in the state directory, so that what is left of
    a former life can be told from what belongs to others.
    """
    path = os.path.join(state_path, 'identity')
    for _ in range(2):
        try:
            with open(path) as f:
                return f.read().strip()
        except FileNotFoundError:
            os.makedirs(state_path, exist_ok=True)
            temporary = '%s.%s' % (path, uuid.uuid4().hex)
            with open(temporary, 'w') as f:
                f.write(uuid.uuid4().hex + '\n')
                f.flush()
                os.fsync(f.fileno())
            # Of several that do this at once, one wins.
            with contextlib.suppress(FileExistsError):
                os.link(temporary, path)
            os.unlink(temporary)
    raise exception.SandboxError('%s cannot be read' % path)


class Trouble:
    """What is logged once, and is a warning for some time after each time.

    :param warning: a sentence.
    """

    def __init__(self, warning):
        self.warning = warning
        self._lock = threading.Lock()
        self._at = None

    def met(self, detail):
        with self._lock:
            news = not self.lasts()
            self._at = time.monotonic()
        if news:
            LOG.error('%s', detail)

    def over(self):
        """:returns: whether that is news."""
        with self._lock:
            news = self.lasts()
            self._at = None
        return news

    def lasts(self):
        """:returns: whether it was met a short while ago."""
        at = self._at
        return at is not None and time.monotonic() - at < TROUBLE_SECONDS


class Engine:
    """A connection to an engine, used by many threads.

    It is made when it is first needed. That the engine does not answer is
    logged once, and so is that it does again; in between a thread looks for
    it twice a second.

    :param url: ``unix://`` and a path.
    :param timeout: seconds for one call.
    :param on_return: called, in a thread of its own, when it is back.
    """

    def __init__(self, url, timeout, on_return=None):
        self.url = url
        self.timeout = timeout
        self.away = None        # or why, a sentence
        self._on_return = on_return
        self._lock = threading.Lock()
        self._api = None
        self.full = Trouble('The Docker engine had no room a moment ago: '
                            'instances may not start.')

    @property
    def api(self):
        """The docker.APIClient; use it within errors().

        Making one asks the engine for its version.

        :raises exception.EngineUnavailable: it is known to be away. Nobody
            has to wait for an engine that hangs but the first, and the
            thread that looks for it.
        """
        away = self.away
        if away is not None:
            raise exception.EngineUnavailable(away)
        api = self._api
        if api is None:
            with self._lock:
                if self._api is None:
                    self._api = self._connect()
                api = self._api
        return api

    def _connect(self):
        api = docker.APIClient(base_url=self.url, version='auto',
                               timeout=self.timeout, num_pools=POOL,
                               max_pool_size=POOL)
        # Nothing of the environment is for a local socket.
        api.trust_env = False
        return api

    @contextlib.contextmanager
    def errors(self, doing):
        """Turn what the SDK raises within into our own errors.

        :param doing: what is being done, to complete "cannot ...".
        :raises exception.EngineUnavailable: it does not answer.
        :raises exception.ImageMissing: there is no such image.
        :raises exception.NoSpace: it says that it has no room.
        :raises exception.SandboxError: it refused.
        """
        try:
            yield
        except docker.errors.ImageNotFound as error:
            raise exception.ImageMissing('The engine cannot %s: %s' % (
                doing, explain(error))) from error
        except docker.errors.APIError as error:
            detail = 'The engine cannot %s: %s' % (doing, explain(error))
            if FULL.search(detail):
                raise self.no_space(detail) from error
            raise exception.SandboxError(detail) from error
        except (requests.exceptions.RequestException,
                docker.errors.DockerException) as error:
            raise self._gone(error) from error

    def no_space(self, detail):
        """:returns: what to raise when it says that it has no room."""
        self.full.met('The Docker engine at %s says that it has no room: %s'
                      % (self.url, detail))
        return exception.NoSpace(detail)

    def _gone(self, error):
        """:returns: what to raise when it does not answer."""
        text = str(error)
        for words, reason in (('FileNotFound', 'there is no such socket'),
                              ('Connection refused', 'connection refused'),
                              ('Permission', 'permission denied'),
                              ('timed out', 'no answer in time')):
            if words in text:
                break
        else:
            reason = text[:200]
        sentence = 'The Docker engine at %s is not available: %s.' % (
            self.url, reason)
        with self._lock:
            first = self.away is None
            self.away = sentence
            self._api = None        # another version may come back
            if first:
                LOG.error('%s No instance can be started until it is back.',
                          sentence)
                threading.Thread(target=self._watch, name='docker',
                                 daemon=True).start()
        return exception.EngineUnavailable(sentence)

    def _watch(self):
        pause = threading.Event()
        while True:
            pause.wait(WATCH_SECONDS)
            try:
                api = self._connect()
            except (requests.exceptions.RequestException,
                    docker.errors.DockerException):
                continue
            break
        with self._lock:
            self._api, self.away = api, None
        LOG.info('The Docker engine at %s is back.', self.url)
        if self._on_return is not None:
            try:
                self._on_return()
            except exception.SandboxError as error:
                LOG.warning('%s', error)


def explain(error):
    """:returns: the engine's own words, in one line."""
    text = getattr(error, 'explanation', None) or str(error)
    if isinstance(text, bytes):
        text = text.decode(errors='replace')
    return ' '.join(text.split())[:500]


def problems(info, oci_runtime=''):
    """:param info: what the engine tells about itself.

    :returns: list of sentences about what it does not limit.
    """
    found = ['The engine cannot limit %s on this node.' % what
             for key, what in (('MemoryLimit', 'memory'),
                               ('SwapLimit', 'the use of swap'),
                               ('CpuCfsQuota', 'processor time'),
                               ('PidsLimit', 'the number of processes'))
             if not info.get(key)]
    if not any('name=seccomp' in option
               for option in info.get('SecurityOptions') or []):
        found.append('The engine does not filter system calls (seccomp).')
    runtimes = info.get('Runtimes') or {}
    if oci_runtime and oci_runtime not in runtimes:
        found.append('Nothing will run: the engine has no OCI runtime "%s", '
                     'but %s.' % (oci_runtime, ', '.join(sorted(runtimes))))
    return found
