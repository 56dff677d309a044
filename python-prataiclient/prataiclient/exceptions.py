# SPDX-License-Identifier: Apache-2.0
"""What the client raises. ``str()`` of each is one line for a person."""


class PrataiError(Exception):
    """Base of everything this library raises.

    :ivar status: HTTP status, or None where no HTTP answer is behind it
    :ivar code: stable code of the API such as ``function.not_found``
    :ivar title: short name of the kind of error
    :ivar detail: what is wrong, for a person
    :ivar request_id: id of the API call in the server's logs (``req-...``)
    """

    title = 'Error'

    def __init__(self, detail=None, *, status=None, code=None, title=None,
                 request_id=None):
        self.status = status
        self.code = code
        self.title = title or self.title
        self.detail = detail or self.title
        self.request_id = request_id
        super().__init__(self.detail)

    def add(self, text):
        """Say more after the detail."""
        self.detail = '%s; %s' % (self.detail.rstrip('.'), text)

    def __str__(self):
        notes = []
        if self.code:
            notes.append(self.code)
        elif self.status:
            notes.append('HTTP %s' % self.status)
        # NOTE: only what is the server's fault has to be looked up in the
        # server's logs.
        if self.request_id and (self.status or 0) >= 500:
            notes.append(self.request_id)
        text = ' '.join(str(self.detail).split())
        if notes:
            text = text.rstrip('.')
        return '%s (%s)' % (text, ', '.join(notes)) if notes else text


class InvalidInput(PrataiError):
    """What the caller gave cannot be sent: a missing file, not JSON, ..."""
    title = 'Invalid input'


class ConnectionFailed(PrataiError):
    """The server cannot be reached, or broke off."""
    title = 'Connection failed'


class BadAnswer(PrataiError):
    """Something answered, but not as a Pratai API does."""
    title = 'Unexpected answer'


class AuthenticationFailed(PrataiError):
    """Keystone gave no token."""
    title = 'Authentication failed'


class AmbiguousName(PrataiError):
    """A name or id prefix stands for several things.

    :ivar candidates: the resources it may mean
    """
    title = 'Ambiguous name'

    def __init__(self, detail, candidates):
        super().__init__(detail)
        self.candidates = candidates


class BuildFailed(PrataiError):
    """A function could not be built.

    :ivar function: the function, in status ``error``
    :ivar build: the build that failed with its log, or None
    """
    title = 'Build failed'

    def __init__(self, detail, code, function, build):
        super().__init__(detail, code=code)
        self.function = function
        self.build = build


class ExecutionFailed(PrataiError):
    """A request ended, but not well: the function raised, ran too long, ...

    :ivar execution_id: id of the request, for its logs
    :ivar execution_status: failed, timeout, error, cancelled or dead
    """
    title = 'Execution failed'

    _WORDS = {'failed': 'failed', 'timeout': 'ran out of time',
              'cancelled': 'was cancelled'}

    def __init__(self, function_name, id, status, detail=None, code=None):
        text = 'Function %s %s' % (
            function_name,
            self._WORDS.get(status, 'was not run (%s)' % status))
        super().__init__(text + (': ' + detail if detail else ''), code=code)
        self.execution_id = id
        self.execution_status = status


class HTTPError(PrataiError):
    """The API answered with an error (status 400 and above)."""
    title = 'HTTP error'


class BadRequest(HTTPError):
    title = 'Bad request'


class Unauthorized(HTTPError):
    title = 'Authentication required'


class Forbidden(HTTPError):
    title = 'Forbidden'


class NotFound(HTTPError):
    title = 'Not found'


class NotAcceptable(HTTPError):
    """The server does not speak the API version of this client."""
    title = 'Not acceptable'


class Conflict(HTTPError):
    title = 'Conflict'


class TooLarge(HTTPError):
    title = 'Too large'


class ServerError(HTTPError):
    """The server failed, or is busy (503)."""
    title = 'Server error'

    #: seconds after which the server wants to be asked again, or None
    retry_after = None


_BY_STATUS = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    406: NotAcceptable,
    409: Conflict,
    413: TooLarge,
}


def read_error(response):
    """What an error answer says, in whichever of the usual shapes.

    :param response: a requests.Response
    :returns: dict with title, detail, code, request_id, each perhaps None
    """
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        body = {}
    # keystonemiddleware and Keystone itself: {"error": {"message": ...}}
    if isinstance(body.get('error'), dict):
        body = {'detail': body['error'].get('message'),
                'title': body['error'].get('title')}
    detail = body.get('detail') or body.get('message')
    code = body.get('code')
    return {
        'title': body.get('title'),
        'detail': detail if isinstance(detail, str) else None,
        # Others put the HTTP status into "code".
        'code': code if isinstance(code, str) else None,
        'request_id': (body.get('request_id')
                       or response.headers.get('x-openstack-request-id')),
    }


def from_response(response):
    """Make the exception that fits an error answer of the API.

    :param response: a requests.Response with a status of 400 or above
    :returns: an :class:`HTTPError`
    """
    error = read_error(response)
    status = response.status_code
    if error['detail'] is None:
        error['detail'] = '%s answered: %s' % (
            response.url.split('?')[0], response.reason or 'error')
    kind = _BY_STATUS.get(status,
                          ServerError if status >= 500 else HTTPError)
    exc = kind(status=status, **error)
    wait = response.headers.get('Retry-After', '')
    if isinstance(exc, ServerError) and wait.isdigit():
        exc.retry_after = int(wait)
        exc.add('try again in %s s' % wait)
    return exc
