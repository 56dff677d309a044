# SPDX-License-Identifier: Apache-2.0
"""The body of a webhook: ``{"payload": ...}``."""

import json

from pratai import exception


class _NotFinite(ValueError):
    pass


def _refuse_constant(name):
    raise _NotFinite(name)


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def check_length(environ, most):
    """Refuse a body by its declared length, before any of it is read.

    :raises exception.TooLarge: it is longer than ``most`` bytes.
    :raises exception.Invalid: the length is not a number.
    """
    length = environ.get('CONTENT_LENGTH') or '0'
    if not (length.isascii() and length.isdigit()):
        raise exception.Invalid('Content-Length is not a number.')
    if int(length) > most:
        raise too_large(most)


def read(environ, most):
    """:returns: the body, bytes.

    :raises exception.TooLarge: one of unknown length is longer than
        ``most`` bytes.
    """
    length = environ.get('CONTENT_LENGTH')
    if length:
        return environ['wsgi.input'].read(int(length))
    if not environ.get('wsgi.input_terminated'):
        return b''
    data = environ['wsgi.input'].read(most + 1)
    if len(data) > most:
        raise too_large(most)
    return data


def too_large(most):
    """:returns: the error that tells of the limit, in bytes."""
    return exception.TooLarge(
        'The body is larger than the %d bytes that are allowed.' % most)


def depth(text, most):
    """:returns: whether lists and objects nest at most so deep."""
    level = 0
    quoted = escaped = False
    for char in text:
        if quoted:
            if escaped:
                escaped = False
            elif char == '\\':
                escaped = True
            elif char == '"':
                quoted = False
        elif char == '"':
            quoted = True
        elif char in '[{':
            level += 1
            if level > most:
                return False
        elif char in ']}':
            level -= 1
    return True


def payload(body, most_depth):
    """:returns: the payload as JSON text in bytes, without white space.

    :param body: bytes.
    :raises exception.Invalid: not JSON, no payload, or nested too deep.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise exception.Invalid('The body is not UTF-8.',
                                code='payload.not_json') from error
    # NOTE: counting is quick, and rarely leads to a closer look.
    if (text.count('[') + text.count('{') > most_depth
            and not depth(text, most_depth)):
        raise exception.Invalid(
            'The body nests deeper than %d levels.' % most_depth,
            code='payload.too_deep')
    try:
        content = _DECODER.decode(text)
    except _NotFinite as error:
        raise exception.Invalid('JSON has no %s.' % error,
                                code='payload.not_json') from error
    except json.JSONDecodeError as error:
        raise exception.Invalid('The body is not JSON: %s.' % error,
                                code='payload.not_json') from error
    except ValueError as error:
        # An integer of thousands of digits, of which Python says more.
        raise _too_large_a_number() from error
    if not isinstance(content, dict) or 'payload' not in content:
        raise exception.Invalid(
            'The body has to be a JSON object with a "payload".',
            code='payload.missing')
    return _dump(content['payload'])


def _dump(value):
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False,
                          separators=(',', ':'))
        return text.encode()
    except UnicodeEncodeError:
        # Halves of surrogate pairs are JSON, but not UTF-8.
        return json.dumps(value, separators=(',', ':')).encode()
    except ValueError as error:
        raise _too_large_a_number() from error


def _too_large_a_number():
    return exception.Invalid('A number of the body is too large.',
                             code='payload.not_json')
