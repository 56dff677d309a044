# SPDX-License-Identifier: Apache-2.0
"""The container registry through which executors share images.

The Docker engine pushes and pulls; here is when, under which names, and what
becomes of it when the registry fails: what it answers with a 5xx, or not at
all, is tried ``[registry]attempts`` times, then it is the platform's failure
(platform.registry): another executor may try a build, and a request waits
until the registry is back. What is not there, or not allowed, is not tried
again.
"""

import ipaddress
import logging
import os
import re
import threading
import time
import urllib.parse

import requests
import urllib3

from pratai import exception
from pratai.drivers import docker_engine
from pratai.runtimes import images

LOG = logging.getLogger(__name__)

MISSING = re.compile(r'manifest (for .* )?(unknown|not found)|'
                     r'(repository|name) .*(unknown|not found|not known)',
                     re.IGNORECASE)
REFUSED = re.compile(r'unauthorized|denied|no basic auth|certificate|x509',
                     re.IGNORECASE)
MANIFESTS = ', '.join((
    'application/vnd.docker.distribution.manifest.v2+json',
    'application/vnd.oci.image.manifest.v1+json',
    'application/vnd.oci.image.index.v1+json'))
SECONDS = 10            # for a request of ours to the registry


class Missing(Exception):
    """The registry does not have an image."""


class Registry:
    """Brings images to the registry, and to the engine of this node.

    Without ``[registry]url`` it is there all the same, and does nothing.

    :param conf: options.
    :param engine: docker_engine.Engine
    :raises exception.SandboxError: the options cannot be used.
    """

    def __init__(self, conf, engine):
        self.conf = conf.registry
        self.engine = engine
        self.url = (self.conf.url or '').strip('/')
        self.url = re.sub(r'\Ahttps?://', '', self.url)
        self.auth = self._credentials()
        self.pulled = os.path.join(os.path.abspath(conf.state_path), 'pulled')
        self._base = None
        self._lock = threading.Lock()
        self._pulling = {}
        self.trouble = docker_engine.Trouble(
            'The registry %s failed a moment ago: functions may not start.'
            % self.url)
        if self.url and self.conf.ca_file and self.conf.certs_dir:
            self._give_certificate()

    def _credentials(self):
        if not self.conf.username:
            return None
        try:
            with open(self.conf.password_file or '') as source:
                password = source.read().rstrip('\r\n')
        except OSError as error:
            raise exception.SandboxError(
                'The password of the registry cannot be read: '
                '[registry]password_file: %s' % error.strerror) from error
        return {'username': self.conf.username, 'password': password}

    def _give_certificate(self):
        """Let the engine trust the registry; it looks there every time."""
        path = os.path.join(self.conf.certs_dir, self.url.split('/')[0])
        try:
            with open(self.conf.ca_file, 'rb') as source:
                wanted = source.read()
            target = os.path.join(path, 'ca.crt')
            if os.path.exists(target):
                with open(target, 'rb') as source:
                    if source.read() == wanted:
                        return
            os.makedirs(path, exist_ok=True)
            with open(target, 'wb') as place:
                place.write(wanted)
        except OSError as error:
            raise exception.SandboxError(
                'The CA certificate of the registry cannot be given to the '
                'Docker engine: %s: %s' % (error.filename, error.strerror)
            ) from error

    def name(self, repository):
        """:returns: name of an image as every node has to call it.

        :param repository: like "pratai/function/ID".
        """
        return '%s/%s' % (self.url, repository) if self.url else repository

    def push(self, reference, check=None):
        """Bring an image to the registry; without one it does nothing.

        Blocks. May be repeated.

        :param check: called now and then; it raises to end the push.
        :raises exception.SandboxError: the registry does not take it.
        """
        if self.url:
            self._try('take', reference, check)

    def ensure(self, reference):
        """See to it that the engine has an image; pull what it lacks.

        Blocks. May be repeated. Who asks for the same at once waits for one
        pull.

        :returns: id of the image.
        :raises exception.ImageMissing: it is nowhere.
        :raises exception.SandboxError: the registry does not give it.
        """
        found = self._inspect(reference)
        if found:
            return found
        if not self.can_pull(reference):
            raise exception.ImageMissing(
                'The image %s is not on this node%s.' % (
                    reference, '' if self.url else
                    ', and there is no registry'))
        with self._alone(reference):
            found = self._inspect(reference)
            if found:
                return found
            try:
                self._try('give', reference)
            except Missing:
                raise exception.ImageMissing(
                    'The image %s is neither on this node nor in the '
                    'registry.' % reference) from None
            self._remember(reference)
        return self._inspect(reference)

    def find(self, reference, check=None):
        """Look for an image that may or may not have been made already.

        :param check: as with push().
        :returns: whether the engine has it (by now). A registry that fails
            counts as one that does not have it.
        """
        if self._inspect(reference):
            return True
        if not self.can_pull(reference):
            return False
        try:
            with self._alone(reference):
                self._try('give', reference, check)
                self._remember(reference)
                return True
        except Missing:
            return False
        except exception.NodeUnavailable:
            return False            # which was logged
        except exception.SandboxError as error:
            LOG.warning('%s', error)
            return False

    def can_pull(self, reference):
        return bool(self.url) and reference.startswith(self.url + '/')

    def _inspect(self, reference):
        try:
            with self.engine.errors('look for %s' % reference):
                return self.engine.api.inspect_image(reference)['Id']
        except exception.ImageMissing:
            return None

    def _alone(self, reference):
        """:returns: lock of one image."""
        with self._lock:
            return self._pulling.setdefault(reference, threading.Lock())

    def _remember(self, reference):
        os.makedirs(self.pulled, exist_ok=True)
        with open(os.path.join(
                self.pulled, urllib.parse.quote(reference, safe='')), 'w'):
            pass

    def remembered(self):
        """:returns: list of the images that were pulled here."""
        try:
            return [urllib.parse.unquote(name)
                    for name in os.listdir(self.pulled)]
        except FileNotFoundError:
            return []

    def forget(self, reference):
        """It is no longer on this node."""
        try:
            os.unlink(os.path.join(
                self.pulled, urllib.parse.quote(reference, safe='')))
        except FileNotFoundError:
            pass

    def _try(self, verb, reference, check=None):
        """Push or pull until it works, or cannot work.

        :param verb: what the registry has to do: take or give.
        :raises Missing: the registry does not know the image.
        :raises exception.NoSpace: the engine has no room for the image.
        :raises exception.RegistryUnavailable: it failed too often.
        :raises exception.SandboxError: it refuses.
        """
        deadline = time.monotonic() + self.conf.timeout
        delay = self.conf.retry_interval
        for attempt in range(1, self.conf.attempts + 1):
            reason = self._once(verb, reference, deadline, check)
            if reason is None:
                self._works()
                return
            if verb == 'give' and MISSING.search(reason):
                self._works()
                raise Missing(reason)
            full = verb == 'give' and docker_engine.FULL.search(reason)
            if full or REFUSED.search(reason) or (
                    attempt == self.conf.attempts
                    or time.monotonic() + delay > deadline):
                break
            if not self.trouble.lasts():
                LOG.info('The registry fails, attempt %d: %s', attempt,
                         reason)
            end = time.monotonic() + delay
            while time.monotonic() < end:
                if check:
                    check()
                time.sleep(min(0.1, delay))
            delay *= 2
        detail = 'The registry does not %s the image %s: %s (%d attempts)' % (
            verb, reference, reason[:300], attempt)
        if full:
            raise self.engine.no_space(detail)
        if REFUSED.search(reason):
            raise exception.SandboxError(
                detail, code=exception.RegistryUnavailable.code)
        self.trouble.met(detail)
        raise exception.RegistryUnavailable(detail)

    def _works(self):
        if self.trouble.over():
            LOG.info('The registry %s is back.', self.url)

    def _once(self, verb, reference, deadline, check):
        """:returns: why it did not work, or None.

        :raises exception.NodeUnavailable: the engine is away, or full.
        """
        function = (self.engine.api.push if verb == 'take'
                    else self.engine.api.pull)
        repository, tag = _split(reference)
        try:
            with self.engine.errors('talk to the registry'):
                for message in function(repository, tag=tag, stream=True,
                                        decode=True, auth_config=self.auth):
                    if check:
                        check()
                    if 'error' in message:
                        return ' '.join(message['error'].split())
                    if 'Retrying in' in message.get('status', ''):
                        # The engine would for a minute; this is our business.
                        return self._state()
                    if time.monotonic() > deadline:
                        return ('it took more than %g seconds'
                                % self.conf.timeout)
        except urllib3.exceptions.HTTPError as error:
            # In the middle of it; the engine, when it is gone, says so with
            # the next call.
            return 'it broke off: %s' % docker_engine.explain(error)
        except exception.NodeUnavailable:
            raise
        except exception.SandboxError as error:
            return docker_engine.explain(error.__cause__)
        return None

    def _state(self):
        """:returns: what there is to say of a registry that fails."""
        try:
            answer = self._request('GET', 'v2/')
        except requests.RequestException as error:
            return 'it cannot be reached: %s' % docker_engine.explain(error)
        if answer.status_code in (200, 401):
            return 'it broke an upload off'
        return 'it answers %d' % answer.status_code

    # Runtimes.

    def push_runtime(self, made):
        """:param made: of images.Images.build().

        :returns: its name in the registry.
        """
        repository = self.name(images.REPOSITORY + made['name'])
        for tag in (made['fingerprint'], 'latest'):
            with self.engine.errors('tag %s' % made['image']):
                self.engine.api.tag(made['image'], repository, tag)
            self.push('%s:%s' % (repository, tag))
        return '%s:%s' % (repository, made['fingerprint'])

    def pull_runtime(self, name):
        """:returns: name of the image here.

        :raises exception.SandboxError: it cannot be had.
        """
        source = self.name(images.REPOSITORY + name) + ':latest'
        try:
            self._try('give', source)
        except Missing:
            raise exception.ImageMissing(
                'The registry has no runtime %s.' % name) from None
        return images.Images(self.engine).tag(name, source)['image']

    # What the engine cannot do: deleting.

    def delete(self, reference):
        """Remove an image from the registry; it may refuse that.

        Blocks for a moment. May be repeated.
        """
        if not self.can_pull(reference):
            return
        repository, tag = _split(reference)
        path = 'v2/%s/manifests/' % repository.partition('/')[2]
        try:
            answer = self._request('HEAD', path + tag)
            digest = answer.headers.get('Docker-Content-Digest')
            if answer.status_code == 200 and digest:
                answer = self._request('DELETE', path + digest)
        except requests.RequestException as error:
            LOG.warning('The registry keeps %s: %s', reference, error)
            return
        if answer.status_code not in (200, 202, 404):
            LOG.info('The registry keeps %s: it answers %d', reference,
                     answer.status_code)

    def _request(self, method, path):
        auth = None
        if self.auth:
            auth = (self.auth['username'], self.auth['password'])
        verify = self.conf.ca_file or True
        if self.conf.insecure:
            verify = False
        bases = [self._base] if self._base else self._bases()
        for base in bases:
            try:
                answer = requests.request(
                    method, base + path, auth=auth, verify=verify,
                    headers={'Accept': MANIFESTS}, timeout=SECONDS)
                self._base = base
                return answer
            except requests.ConnectionError:
                if base == bases[-1]:
                    raise
        raise AssertionError('there is at least one base')

    def _bases(self):
        """As the engine does: HTTP only where it was allowed, or local."""
        host = self.url.split('/')[0]
        bases = ['https://%s/' % host]
        name = urllib.parse.urlsplit('//' + host).hostname
        try:
            local = ipaddress.ip_address(name).is_loopback
        except ValueError:
            local = name == 'localhost'
        if self.conf.insecure or local:
            bases.append('http://%s/' % host)
        return bases


def _split(reference):
    """:returns: (repository, tag) of the name of an image."""
    repository, _, tag = reference.rpartition(':')
    # What follows the colon may be a port and more.
    if not repository or '/' in tag:
        return reference, 'latest'
    return repository, tag
