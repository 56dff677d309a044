# SPDX-License-Identifier: Apache-2.0
"""Bodies that come in chunks, their length unknown, under uWSGI.

Other servers take chunks apart and say so with ``wsgi.input_terminated``;
uWSGI leaves that to applications.
"""

import io

from pratai import exception
from pratai.api import faults

try:
    import uwsgi
except ImportError:     # another server
    uwsgi = None


class _Body(io.RawIOBase):
    """What follows in the connection of this thread's request."""

    def __init__(self):
        super().__init__()
        self._left = memoryview(b'')

    def readable(self):
        return True

    def readinto(self, buffer):
        """:raises exception.Invalid: there are no chunks, or too large
            ones (``chunked-input-limit``)."""
        if not self._left:
            try:
                self._left = memoryview(uwsgi.chunked_read())
            except OSError as error:
                raise exception.Invalid(
                    'The body cannot be read: its chunks are broken, or too '
                    'large.') from error
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


class Chunked:
    """WSGI middleware."""

    def __init__(self, application):
        self._application = application

    def __call__(self, environ, start_response):
        coding = environ.get('HTTP_TRANSFER_ENCODING', '').strip().lower()
        if coding not in ('', 'identity', 'chunked'):
            return faults.answer(environ, exception.Invalid(
                'The body has a transfer coding other than chunked.'))(
                    environ, start_response)
        if coding == 'chunked':
            # What both would say cannot be true.
            environ.pop('CONTENT_LENGTH', None)
            environ['wsgi.input'] = io.BufferedReader(_Body())
            environ['wsgi.input_terminated'] = True
        return self._application(environ, start_response)


def apply(application):
    """:returns: the WSGI application, as this server needs it."""
    return application if uwsgi is None else Chunked(application)
