# SPDX-License-Identifier: Apache-2.0
"""Checking what callers send against the schemas that are published."""

import json
import urllib.parse

import jsonschema

from pratai import exception
from pratai.api.schemas import common

_MAX_SHOWN = 60
#: Bytes of a body that is JSON.
MAX_BODY = 64 * 1024


def read(environ):
    """Read the body of a request that sends JSON.

    :param environ: of WSGI. Its input is read no further than the limit.
    :returns: a dict.
    :raises exception.TooLarge: the body is.
    :raises exception.Invalid: it is not a JSON object.
    """
    length = environ.get('CONTENT_LENGTH') or ''
    if length.isdecimal():
        most = int(length)
    elif environ.get('wsgi.input_terminated') or 'chunked' in environ.get(
            'HTTP_TRANSFER_ENCODING', '').lower():
        most = MAX_BODY + 1
    else:
        most = 0
    raw = environ['wsgi.input'].read(most) if most <= MAX_BODY + 1 else b''
    if most > MAX_BODY + 1 or len(raw) > MAX_BODY:
        raise exception.TooLarge(
            'The body is larger than %d bytes.' % MAX_BODY,
            code='request.too_large')
    return json_object(raw, 'The body')


def json_object(raw, what):
    """:returns: the dict that bytes are the JSON of.

    :param what: a name for them.
    :raises exception.Invalid: they are not that.
    """
    try:
        value = json.loads(raw.decode(), parse_constant=_refuse)
    except UnicodeDecodeError as error:
        raise exception.Invalid('%s is not UTF-8.' % what) from error
    except (ValueError, RecursionError) as error:
        raise exception.Invalid('%s is not JSON.' % what) from error
    if not isinstance(value, dict):
        raise exception.Invalid('%s is not a JSON object.' % what)
    return value


def _refuse(constant):
    raise ValueError(constant)


class Body:
    """Checks JSON values.

    :param schema: a JSON schema (2020-12) of an object; ``default`` of its
        properties is filled in.
    """

    def __init__(self, schema):
        self._properties = schema['properties']
        self._validator = jsonschema.Draft202012Validator(schema)

    def __call__(self, value):
        """:returns: the value with defaults, its numbers in the type that
            the schema names.

        :raises exception.Invalid: with a sentence that names the field.
        """
        errors = sorted(self._validator.iter_errors(value),
                        key=lambda error: list(map(str, error.path)))
        if errors:
            raise exception.Invalid(sentence(errors[0]))
        result = {}
        for name, schema in self._properties.items():
            if name in value:
                item = value[name]
                if schema.get('type') == 'integer':
                    item = int(item)  # 128.0 is an integer to JSON schema
                if isinstance(item, str):
                    _check_text(name, item)
                result[name] = item
            elif 'default' in schema:
                result[name] = schema['default']
        return result


class Query:
    """Checks and converts the parameters of a query string.

    :param properties: JSON schemas of the parameters, by name.
    """

    def __init__(self, properties):
        self._properties = properties
        self._body = Body({'type': 'object', 'properties': properties,
                           'additionalProperties': False})

    def __call__(self, request):
        """:returns: a dict of the parameters, with defaults.

        :raises exception.Invalid: one is wrong, unknown or there twice.
        """
        values = {}
        for name, text in urllib.parse.parse_qsl(
                request.query_string, keep_blank_values=True):
            if name in values:
                raise exception.Invalid('%s: is given twice' % _short(name))
            values[name] = self._convert(name, text)
        return self._body(values)

    def _convert(self, name, text):
        kind = self._properties.get(name, {}).get('type')
        if kind == 'integer' and text.isascii() and text.isdigit():
            # More digits than any limit has, and int() has its own bound.
            return int(text[:20])
        if kind == 'boolean':
            return {'true': True, 'false': False}.get(text.lower(), text)
        return text


def sentence(error):
    """:returns: what a jsonschema error means, naming the field first."""
    where = '.'.join(map(str, error.absolute_path))
    rule, bound, value = (error.validator, error.validator_value,
                          error.instance)
    if rule == 'required':
        where = next(name for name in bound if name not in value)
        text = 'is required'
    elif rule == 'additionalProperties':
        where = min(set(value) - set(error.schema['properties']))
        text = 'is not known here'
    elif rule == 'minLength' and bound == 1:
        text = 'is empty'
    elif rule == 'maxLength':
        text = 'is longer than %d characters' % bound
    elif rule == 'pattern':
        text = '%s %s' % (_show(value), common.PATTERNS[bound])
    elif rule == 'enum':
        text = '%s is not one of %s' % (_show(value),
                                        ', '.join(map(str, bound)))
    elif rule == 'type':
        text = '%s is not of type %s' % (_show(value), bound)
    elif rule in ('minimum', 'maximum'):
        text = '%s is %s than the %s of %s' % (
            _show(value), 'less' if rule == 'minimum' else 'greater', rule,
            bound)
    else:
        text = 'does not fit the schema (%s)' % rule
    return '%s: %s' % (_short(where), text) if where else text


def _show(value):
    if isinstance(value, (dict, list)):
        return 'an object' if isinstance(value, dict) else 'a list'
    return _short(json.dumps(value))


def _short(text):
    text = text.encode(errors='backslashreplace').decode()
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + '...'


def _check_text(name, text):
    if '\0' in text or any(0xd800 <= ord(char) <= 0xdfff for char in text):
        raise exception.Invalid(
            '%s: has characters that are not text' % name)
