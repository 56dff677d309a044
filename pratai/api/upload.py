# SPDX-License-Identifier: Apache-2.0
"""Reading the form in which a function is uploaded, within bounds.

Not done by webob: it would keep whatever is sent, and stands on the cgi
module, which Python has removed.
"""

import multipart

from pratai import exception
from pratai.api import validation

METADATA = 'metadata'
ZIP = 'zip_file'
MAX_METADATA = 64 * 1024
#: What delimiters and headers of a form may add to the two parts.
FRAME = 16 * 1024
CHUNK = 64 * 1024


class NotAForm(exception.PrataiError):
    status = 415
    code = 'request.not_a_form'


def read(environ, conf):
    """Read the body of a request.

    :param environ: of WSGI. Its input is read no further than the limits.
    :returns: (metadata as a dict, the zip as bytes)
    :raises exception.PackageTooLarge: the body is, or the zip in it.
    :raises NotAForm: the body is something else.
    :raises exception.Invalid: it is not the form that was asked for.
    """
    content_type, options = multipart.parse_options_header(
        environ.get('CONTENT_TYPE', ''))
    if content_type != 'multipart/form-data' or not options.get('boundary'):
        raise NotAForm('The Content-Type has to be multipart/form-data.')
    parts = {}
    try:
        with multipart.PushMultipartParser(
                options['boundary'], max_segment_count=2) as parser:
            for chunk in _chunks(environ, conf):
                if parser.closed:
                    break
                for event in parser.parse(chunk):
                    _collect(parts, event, conf)
    except multipart.MultipartError as error:
        raise exception.Invalid('The form cannot be read: %s.'
                                % error.args[0]) from error
    for name in (METADATA, ZIP):
        if name not in parts:
            raise exception.Invalid('The form has no part named %s.' % name)
    return (validation.json_object(bytes(parts[METADATA]), METADATA),
            bytes(parts[ZIP]))


def _chunks(environ, conf):
    """The body in pieces; one of unknown length is counted on the way."""
    most = conf.limits.max_package + MAX_METADATA + FRAME
    length = environ.get('CONTENT_LENGTH') or ''
    if length.isdecimal():
        left = int(length)
    elif environ.get('wsgi.input_terminated') or 'chunked' in environ.get(
            'HTTP_TRANSFER_ENCODING', '').lower():
        left = most + 1
    else:
        left = 0
    if length.isdecimal() and left > most:
        raise too_large(conf)
    while left > 0:
        chunk = environ['wsgi.input'].read(min(CHUNK, left))
        if not chunk:
            return
        left -= len(chunk)
        if not length and left <= 0:
            raise too_large(conf)
        yield chunk


def _collect(parts, event, conf):
    if isinstance(event, multipart.MultipartSegment):
        if event.name not in (METADATA, ZIP):
            raise exception.Invalid(
                'The form has a part that is neither %s nor %s.'
                % (METADATA, ZIP))
        if event.name in parts:
            raise exception.Invalid('The form has two parts named %s.'
                                    % event.name)
        parts[event.name] = bytearray()
    elif event:
        name = list(parts)[-1]
        parts[name] += event
        if name == ZIP and len(parts[name]) > conf.limits.max_package:
            raise too_large(conf)
        if name == METADATA and len(parts[name]) > MAX_METADATA:
            raise exception.Invalid('%s is larger than %d bytes.'
                                    % (METADATA, MAX_METADATA))


def too_large(conf):
    """:returns: the error that tells which limit an upload exceeds."""
    return exception.PackageTooLarge(
        'The package is larger than %d bytes.' % conf.limits.max_package)
