# SPDX-License-Identifier: Apache-2.0
"""Which version of the API a caller speaks."""

import microversion_parse

from pratai import exception

SERVICE_TYPE = 'function'
HEADER = 'OpenStack-API-Version'
#: All versions there are, oldest first. A change that callers can see adds
#: one, and is described in api-ref/source/versions.inc.
VERSIONS = ['1.0']
#: Key of the WSGI environment that has the version of the request.
ENVIRON = 'pratai.microversion'


class Microversion:
    """WSGI middleware: agree on a version, and say which it is."""

    def __init__(self, application):
        self._application = application

    def __call__(self, environ, start_response):
        version = environ[ENVIRON] = negotiate(environ)
        ours = [(HEADER, '%s %s' % (SERVICE_TYPE, version)), ('Vary', HEADER)]

        def start(status, headers, exc_info=None):
            return start_response(status, headers + ours, exc_info)

        return self._application(environ, start)


def negotiate(environ):
    """:returns: a version of microversion_parse; the oldest when the caller
        names none.

    :raises exception.NotAcceptable: there is no such version.
    :raises exception.Invalid: the header cannot be read.
    """
    if environ.get('PATH_INFO', '') in ('', '/'):
        # Who asks which versions there are cannot know one yet.
        return microversion_parse.parse_version_string(VERSIONS[0])
    try:
        return microversion_parse.extract_version(
            microversion_parse.headers_from_wsgi_environ(environ),
            SERVICE_TYPE, VERSIONS)
    except ValueError as error:
        raise exception.NotAcceptable(
            'This version of the API is not there; the versions are %s to '
            '%s.' % (VERSIONS[0], VERSIONS[-1])) from error
    except TypeError as error:
        raise exception.Invalid(
            '%s has to look like "%s 1.0".' % (HEADER, SERVICE_TYPE)
        ) from error
