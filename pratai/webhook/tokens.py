# SPDX-License-Identifier: Apache-2.0
"""Keystone tokens that run private functions.

Nothing of this is on the way of a caller who shows something else, or of a
public function.
"""

import contextlib
import threading

import webob
import webob.dec

from pratai import exception
from pratai import policy
from pratai.api import auth
from pratai.api import keystone
from pratai.policies import functions as policies

#: Tokens that are looked at together. A Keystone that is slow must not hold
#: all threads, which serve callers who need none as well.
MOST = 16
#: Seconds to wait for one of these places.
PATIENCE = 0.2


class Tokens:
    """Knows who a token belongs to, and what they may.

    :param conf: ``[keystone_authtoken]`` as for the control API.
    """

    def __init__(self, conf):
        self._protocol = keystone.Protocol(auth.Keystone(_good), conf)
        self._policy = policy.Policy(conf)
        self._places = threading.BoundedSemaphore(MOST)

    def authorize(self, environ, function):
        """Let a call pass, or not.

        :param environ: of WSGI, with a token.
        :param function: id and project_id of it count.
        :returns: False when the token is not valid, or not of the project
            of the function.
        :raises exception.Forbidden: their role is not enough.
        :raises exception.Unavailable: Keystone does not answer.
        """
        context = self._context(environ, function)
        if context is None or (context.project_id
                               != function['project_id']):
            return False
        self._policy.authorize(context, policies.EXECUTE)
        return True

    def _context(self, environ, function):
        """:returns: the caller; None when the token is not valid."""
        # NOTE: a request of its own: what the middleware leaves in the
        # environment, and what else callers send for it, is not for us.
        request = webob.Request.blank(
            '/function/' + function['id'], method='POST',
            headers={'X-Auth-Token': environ['HTTP_X_AUTH_TOKEN']})
        with self._place():
            response = request.get_response(self._protocol)
        return request.environ[auth.CONTEXT] if response.status_int == 204 \
            else None

    @contextlib.contextmanager
    def _place(self):
        if not self._places.acquire(timeout=PATIENCE):
            raise exception.Busy('Too many callers wait for Keystone.')
        try:
            yield
        finally:
            self._places.release()


@webob.dec.wsgify
def _good(request):
    return webob.Response(status=204)
