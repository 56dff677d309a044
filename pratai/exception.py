# SPDX-License-Identifier: Apache-2.0
"""What can go wrong, each with a stable code that callers may rely on.

An exception carries its HTTP status so that the API, the webhook app and the
data port answer alike; nothing below them needs to know about HTTP.
"""

import http


class PrataiError(Exception):
    """Base of all errors that a caller is meant to see.

    :param detail: what went wrong, a sentence for a person.
    :param code: overrides the class's stable code, for families of errors
        (packages, builds) whose members differ only in code and text.
    :param retry_after: seconds after which trying again makes sense.
    """

    status = 500
    code = 'internal.error'

    def __init__(self, detail, code=None, retry_after=None):
        super().__init__(detail)
        self.detail = detail
        if code is not None:
            self.code = code
        self.retry_after = retry_after
        # With its arguments, what it is made of again on the other side of
        # an RPC.
        self.kwargs = {'code': self.code, 'retry_after': retry_after}

    @property
    def title(self):
        return http.HTTPStatus(self.status).phrase

    def body(self, request_id):
        """The one JSON shape in which every error leaves Pratai."""
        return error_body(self.status, self.code, self.detail, request_id)


def text(error):
    """:returns: one line for a log; what comes from another process would
        bring its traceback along."""
    return getattr(error, 'detail', None) or str(error).split('\n', 1)[0]


def error_body(status, code, detail, request_id):
    """:returns: the dict of the error body, see api-ref."""
    return {'status': status, 'title': http.HTTPStatus(status).phrase,
            'detail': detail, 'code': code, 'request_id': request_id}


class Invalid(PrataiError):
    status = 400
    code = 'request.invalid'


class Unauthorized(PrataiError):
    status = 401
    code = 'request.unauthorized'


class Forbidden(PrataiError):
    status = 403
    code = 'request.forbidden'


class NotFound(PrataiError):
    """Also the answer for what belongs to another project."""

    status = 404
    code = 'resource.not_found'

    def __init__(self, what, ref):
        super().__init__('There is no %s %s.' % (what, ref),
                         code='%s.not_found' % what)
        self.args, self.kwargs = (what, ref), {}


class MethodNotAllowed(PrataiError):
    status = 405
    code = 'request.method_not_allowed'


class NotAcceptable(PrataiError):
    status = 406
    code = 'request.version_not_supported'


class Conflict(PrataiError):
    status = 409
    code = 'request.conflict'


class TooLarge(PrataiError):
    status = 413
    code = 'payload.too_large'


class PackageError(PrataiError):
    """A package that was uploaded cannot be used; code is package.*."""

    status = 400
    code = 'package.corrupt'


class PackageTooLarge(PackageError):
    status = 413
    code = 'package.too_large'


class BuildError(PrataiError):
    """A build failed because of what the tenant sent; code is build.*."""

    code = 'build.failed'

    def __init__(self, code, detail):
        super().__init__(detail, code=code)
        self.args, self.kwargs = (code, detail), {}


class Unavailable(PrataiError):
    """Nothing was accepted; the same call may succeed later."""

    status = 503
    code = 'service.unavailable'

    def __init__(self, detail, code=None, retry_after=5):
        super().__init__(detail, code=code, retry_after=retry_after)


class ExecutorClosing(Unavailable):
    """An executor stops; others may take the call."""

    code = 'executor.closing'

    def __init__(self):
        super().__init__('The executor takes no more requests.')
        self.args, self.kwargs = (), {}


class Busy(Unavailable):
    """There was no room in time."""

    code = 'service.busy'

    def __init__(self, detail, retry_after=1):
        super().__init__(detail, retry_after=retry_after)
        self.kwargs = {'retry_after': retry_after}


class FunctionBusy(Busy):
    """The function runs as often at once as it may."""

    code = 'function.busy'


class SandboxError(PrataiError):
    """A sandbox could not be started or kept: the platform's own failure."""

    code = 'platform.sandbox'


class ImageMissing(SandboxError):
    """The image of a version is not where its builder left it."""

    code = 'platform.image_missing'


class NodeUnavailable(SandboxError, Busy):
    """This node cannot start instances now, which is nobody's fault who asks
    for one: other nodes may do, and so may this one later."""

    def __init__(self, detail, retry_after=5):
        super().__init__(detail, retry_after=retry_after)


class EngineUnavailable(NodeUnavailable):
    """The container engine of the node does not answer."""

    code = 'platform.engine_unavailable'


class RegistryUnavailable(NodeUnavailable):
    """The container registry fails, or does not answer."""

    code = 'platform.registry'


class NoSpace(NodeUnavailable):
    """The disk of the node is full."""

    code = 'platform.no_space'
