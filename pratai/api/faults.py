# SPDX-License-Identifier: Apache-2.0
"""Every error leaves in one shape, wherever it came from."""

import http
import itertools
import logging
import urllib.parse

from oslo_middleware import request_id
from pecan import hooks
import webob
import webob.exc

from pratai import exception

LOG = logging.getLogger(__name__)

#: Code and text of errors that libraries answer with.
TEXTS = {
    401: (exception.Unauthorized.code,
          'A valid token in X-Auth-Token is needed.'),
    403: (exception.Forbidden.code, 'This is not allowed to you.'),
    405: (exception.MethodNotAllowed.code,
          'This resource does not have that method.'),
    413: ('request.too_large', 'The request is too large.'),
    503: (exception.Unavailable.code,
          'A service that Pratai needs does not answer.'),
}
#: Headers of such an answer that callers need.
KEEP = ('Allow', 'WWW-Authenticate', 'Retry-After')
MAX_QUERY = 8192
_OURS = 'pratai.fault'


def answer(environ, error):
    """:returns: the webob response that tells a caller of an exception.

    What is not meant for callers is logged instead, with its traceback.
    """
    identifier = environ.get(request_id.ENV_REQUEST_ID)
    if isinstance(error, webob.exc.HTTPException):
        return foreign(environ, error)
    if not isinstance(error, exception.PrataiError):
        LOG.error('%s %s failed', environ.get('REQUEST_METHOD'),
                  environ.get('PATH_INFO'), exc_info=error)
        return _response(environ, _internal(identifier))
    response = _response(environ, error.body(identifier))
    if error.retry_after is not None:
        response.headers['Retry-After'] = str(int(error.retry_after))
    return response


def foreign(environ, original):
    """:returns: the error answer of some library, in our shape."""
    status = original.status_int
    identifier = environ.get(request_id.ENV_REQUEST_ID)
    if status == 404:
        body = exception.NotFound(
            'resource', environ.get('PATH_INFO', '')[:200]).body(identifier)
    elif status in TEXTS:
        body = exception.error_body(status, *TEXTS[status], identifier)
    elif status < 500:
        body = exception.error_body(
            status, exception.Invalid.code,
            http.HTTPStatus(status).phrase + '.', identifier)
    else:
        body = _internal(identifier)
    response = _response(environ, body)
    for name in KEEP:
        if name in original.headers:
            response.headers[name] = original.headers[name]
    return response


def _internal(identifier):
    return exception.error_body(
        500, exception.PrataiError.code,
        'Something went wrong inside Pratai; its log has the cause under '
        'this request_id.', identifier)


def _response(environ, body):
    environ[_OURS] = True
    return webob.Response(json_body=body, status=body['status'],
                          content_type='application/json')


class ErrorHook(hooks.PecanHook):
    """Answers for what controllers raise.

    Inside pecan, and not only in :class:`Faults`, so that what lies between
    the two adds its headers to error answers as well.
    """

    def on_error(self, state, error):
        return answer(state.request.environ, error)


class Faults:
    """WSGI middleware: nothing that is not sound comes in, no error that is
    not in our shape goes out, and HEAD is GET without the body."""

    def __init__(self, application):
        self._application = application

    def __call__(self, environ, start_response):
        method = environ['REQUEST_METHOD']
        try:
            check(environ)
            if method == 'HEAD':
                environ['REQUEST_METHOD'] = 'GET'
            response = webob.Request(environ).get_response(self._application)
            if response.status_int >= 400 and _OURS not in environ:
                response = foreign(environ, response)
        except Exception as error:
            response = answer(environ, error)
        environ['REQUEST_METHOD'] = method  # webob leaves out HEAD's body
        return response(environ, start_response)


def check(environ):
    """Refuse what is not text before anything trips over it.

    :raises exception.Invalid: the URL is not UTF-8, or has a NUL in it.
    """
    query = environ.get('QUERY_STRING', '')
    if len(query) > MAX_QUERY:
        raise exception.Invalid(
            'The query string is longer than %d characters.' % MAX_QUERY)
    try:
        path = environ.get('PATH_INFO', '').encode('latin-1').decode()
        pairs = urllib.parse.parse_qsl(query, keep_blank_values=True,
                                       errors='strict')
    except UnicodeError as error:
        raise exception.Invalid('The URL is not UTF-8.') from error
    if any('\0' in text for text in itertools.chain([path], *pairs)):
        raise exception.Invalid('The URL has a NUL character.')
