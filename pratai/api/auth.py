# SPDX-License-Identifier: Apache-2.0
"""How callers prove who they are."""

import ipaddress
import re
import urllib.parse

from oslo_middleware import request_id

from pratai import context
from pratai import exception

#: Key of the WSGI environment under which controllers find the caller.
CONTEXT = 'pratai.context'
NOAUTH_USER = 'admin'
NOAUTH_ROLES = 'admin,member,reader'
#: What says that a request comes from behind a proxy.
FORWARDED = ('HTTP_FORWARDED', 'HTTP_X_FORWARDED_FOR', 'HTTP_X_REAL_IP')
_WORD = re.compile(r'[\w.@-]{1,64}', re.ASCII)


def protect(conf, application, origins=()):
    """Put authentication in front of an application.

    :param origins: web origins that may use the API from a browser.
    :returns: a WSGI application.
    """
    if conf.api.auth_strategy == 'noauth':
        return NoAuth(application, origins)
    # Imported here: without Keystone, its client libraries are not needed.
    from pratai.api import keystone
    return keystone.Protocol(Keystone(application), conf)


class Keystone:
    """WSGI middleware: the caller is who keystonemiddleware says."""

    def __init__(self, application):
        self._application = application

    def __call__(self, environ, start_response):
        environ[CONTEXT] = context.RequestContext.from_environ(
            environ, request_id=environ.get(request_id.ENV_REQUEST_ID))
        return self._application(environ, start_response)


class NoAuth:
    """WSGI middleware: the caller is who they say.

    ``X-Auth-Token: user:project:role1,role2``; what is left out is an
    administrator. Since everybody who reaches this may do everything, it
    answers callers on the same machine only, and no web page: a page that a
    user has open in a browser does reach loopback addresses, under its own
    name made to point there (so Host is checked) or by sending a form (so
    Origin is).
    """

    def __init__(self, application, origins=()):
        self._application = application
        self._origins = frozenset(origins)

    def __call__(self, environ, start_response):
        self._check(environ)
        user, project, roles = self._caller(
            environ.get('HTTP_X_AUTH_TOKEN', ''))
        environ[CONTEXT] = context.RequestContext(
            user_id=user, project_id=project, roles=roles,
            request_id=environ.get(request_id.ENV_REQUEST_ID),
            global_request_id=environ.get(request_id.GLOBAL_REQ_ID))
        return self._application(environ, start_response)

    def _check(self, environ):
        address = environ.get('REMOTE_ADDR')
        if ((address and not is_loopback(address))
                or any(name in environ for name in FORWARDED)):
            raise exception.Forbidden(
                'Without authentication, only callers on this machine are '
                'answered, and none through a proxy.')
        host = environ.get('HTTP_HOST')
        if host is not None and not is_loopback(host_name(host)):
            raise exception.Forbidden(
                'Without authentication, the Host header has to be localhost '
                'or a loopback address.')
        origin = environ.get('HTTP_ORIGIN')
        if origin is None or origin in self._origins:
            return
        if origin != '%s://%s' % (environ.get('wsgi.url_scheme'), host):
            raise exception.Forbidden(
                'Without authentication, web pages of other origins are not '
                'answered.')

    @staticmethod
    def _caller(token):
        user, project, roles = (token.split(':', 2) + ['', '', ''])[:3]
        user, project = user or NOAUTH_USER, project or NOAUTH_USER
        roles = (roles or NOAUTH_ROLES).split(',')
        if not all(_WORD.fullmatch(word) for word in (user, project, *roles)):
            raise exception.Unauthorized(
                'X-Auth-Token has to look like user:project:role1,role2.')
        return user, project, roles


def host_name(host):
    """:returns: the name in a Host header, '' when it has none."""
    try:
        return urllib.parse.urlsplit('//' + host).hostname or ''
    except ValueError:
        return ''


def is_loopback(name):
    """:returns: whether a name or address can only mean this machine."""
    if name == 'localhost' or name.endswith('.localhost'):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    # What a server that listens on :: calls 127.0.0.1.
    return (getattr(address, 'ipv4_mapped', None) or address).is_loopback
