# SPDX-License-Identifier: Apache-2.0
"""Keystone tokens, checked by keystonemiddleware.

Only imported where they are used: it takes a while, and memory.
"""

import collections
import logging
import threading
import time

from keystoneauth1 import exceptions as ksa_exceptions
from keystonemiddleware import auth_token
from keystonemiddleware.auth_token import _opts
from oslo_config import cfg
import webob.exc

from pratai import exception
from pratai import once

GROUP = 'keystone_authtoken'
#: Key of the WSGI environment under which the middleware finds our cache.
CACHE = 'pratai.token_cache'
#: Tokens that a process remembers; one takes some kilobytes.
MOST_TOKENS = 2000
#: Characters of a token that Keystone is asked about; no kind of token has
#: that many, and its web server would refuse them.
MOST_CHARACTERS = 4096
#: What is better for this service than what the middleware would do.
DEFAULTS = {
    # Without it, a Keystone that hangs is waited for without end.
    'http_connect_timeout': 5,
    # Each doubles the pause before the next one; callers can try as well.
    'http_request_max_retries': 1,
    # What access rules of application credentials call this service.
    'service_type': 'function',
}


#: Who speaks of a Keystone that is away, for each token, and how.
LOGGERS = ('keystonemiddleware.auth_token', 'keystoneauth.session')
DISCOVERY = 'keystoneauth.identity.generic.base'
AWAY = ('Unable to validate token', 'Failure: ', 'cannot be asked')


def set_defaults():
    """Have the options of the middleware be what they are for Pratai when
    nobody sets them, in this process or in a sample."""
    cfg.set_defaults(_opts._OPTS, **DEFAULTS)


class TokenCache:
    """What the middleware asks of a cache, within bounds.

    Its own one in memory grows without end and is searched from end to end
    at every look. Whether a token has expired the middleware checks itself.
    """

    def __init__(self, most=MOST_TOKENS):
        self._most = most
        self._known = collections.OrderedDict()
        self._lock = threading.Lock()

    def get(self, key):
        """:returns: the value, or None when there is none any more."""
        with self._lock:
            value, until = self._known.get(key, (None, 0))
            if until <= _now():
                self._known.pop(key, None)
                return None
            self._known.move_to_end(key)
            return value

    def set(self, key, value, time=0):
        """:param time: seconds; 0 and less: not to be remembered."""
        with self._lock:
            self._known[key] = value, _now() + time
            self._known.move_to_end(key)
            if len(self._known) > self._most:
                self._known.popitem(last=False)


class Protocol(auth_token.AuthProtocol):
    """The middleware, with answers that callers can tell apart.

    :param application: only called for those who have a valid token.
    :param conf: its group ``[keystone_authtoken]`` is the middleware's own.
    """

    def __init__(self, application, conf):
        set_defaults()
        for group, options in auth_token.list_opts():
            conf.register_opts(options, group=group)
        once.once(*LOGGERS, away=AWAY, back='answers again')
        # It warns of what fails a moment later, and then says why.
        logging.getLogger(DISCOVERY).setLevel(logging.ERROR)
        self._away = False
        shared = conf[GROUP].memcached_servers
        self._known = None if shared else TokenCache()
        super().__init__(application, {'oslo_config_config': conf,
                                       'cache': CACHE})

    def process_request(self, request):
        request.environ.pop(CACHE, None)
        if self._known is not None:
            request.environ[CACHE] = self._known
        return super().process_request(request)

    def fetch_token(self, token, **kwargs):
        """:raises exception.Unavailable: Keystone does not answer, or does
            not take this service's own credentials."""
        if len(token) > MOST_CHARACTERS:
            raise auth_token.InvalidToken('The token is too long.')
        try:
            found = super().fetch_token(token, **kwargs)
        except (webob.exc.HTTPServiceUnavailable,
                ksa_exceptions.ClientException) as error:
            self._away = True
            self.log.error('Keystone cannot be asked about a token: %s',
                           error)
            raise exception.Unavailable(
                'Keystone cannot be asked about the token now.',
                code='keystone.unavailable') from error
        if self._away:
            self._away = False
            self.log.warning('Keystone answers again')
        return found

    def check(self):
        """Returns when Keystone answers, or cannot be asked because it is
        not told where it is; raises when it does not."""
        url = getattr(self._auth, 'auth_url', None)
        if url:
            self._session.get(url, authenticated=False)


def _now():
    return time.monotonic()
