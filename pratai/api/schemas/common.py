# SPDX-License-Identifier: Apache-2.0
"""What the schemas and OpenAPI operations of all resources share."""

import datetime
import http

# NOTE: (?![\s\S]) is the end of the text in Python and in JavaScript; $ lets
# a newline pass in Python.
HEX = r'^[0-9a-f]{1,32}(?![\s\S])'
PRINTABLE = r'^(?![\s\S]*[\x00-\x1f\x7f])[\s\S]*\S'
#: What is wrong with a text that does not match a pattern.
PATTERNS = {
    HEX: 'is not an id or the beginning of one',
    PRINTABLE: 'is blank or has control characters',
}

ID = {'type': 'string', 'pattern': '^[0-9a-f]{32}$',
      'examples': ['b2e9b5933f57417c8540a2d7e8b88289']}
ID_PREFIX = {'type': 'string', 'pattern': HEX,
             'description': 'An id, or the beginning of one.'}
TIME = {'type': 'string', 'format': 'date-time',
        'examples': ['2026-11-21T20:18:14.123456Z']}
TEXT = {'type': 'string'}
ALL_PROJECTS = {
    'type': 'boolean', 'default': False,
    'description': 'Look in all projects; for administrators.'}
PROJECT_ID = {
    'type': 'string', 'minLength': 1, 'maxLength': 64,
    'description': 'With all_projects: only of this project.'}
JSON = 'application/json'
BINARY = {'type': 'string', 'contentMediaType': 'application/zip'}


def nullable(schema):
    """:returns: the schema of the same, or null."""
    return dict(schema, type=[schema['type'], 'null'])


def one_of(values, description=''):
    schema = {'type': 'string', 'enum': list(values)}
    return dict(schema, description=description) if description else schema


def record(description, /, **properties):
    """:returns: the schema of an object that has all of these fields."""
    return {'type': 'object', 'description': description,
            'properties': properties, 'required': list(properties),
            'additionalProperties': False}


def listing(name, schema, paged=True):
    """:returns: the schema of the answer that lists a resource."""
    properties = {name: {'type': 'array', 'items': ref(schema)}}
    if paged:
        properties['next'] = dict(
            nullable({'type': 'string', 'format': 'uri'}),
            description='URL of the next page; null on the last one.')
    return {'type': 'object', 'properties': properties,
            'required': list(properties), 'additionalProperties': False}


def paging(conf, keys):
    """:returns: query parameters of a list that is paged.

    :param keys: what it can be sorted by.
    """
    orders = [order for key in keys
              for order in (key, key + ':asc', key + ':desc')]
    return {
        'limit': {
            'type': 'integer', 'minimum': 1,
            'default': conf.api.default_limit,
            'description': 'Items on a page, at most %d.'
                           % conf.api.max_limit},
        'marker': dict(ID_PREFIX, description='Id of the last item of the '
                                              'page before.'),
        'sort': dict(one_of(orders, 'Field, and asc or desc.'),
                     default='created_at:desc'),
    }


def view(schema, row):
    """:returns: the fields that a schema names, as JSON types."""
    return {name: _json(row[name]) for name in schema['properties']}


def _json(value):
    if isinstance(value, datetime.datetime):
        return value.isoformat(timespec='microseconds') + 'Z'
    return value


def ref(name, kind='schemas'):
    return {'$ref': '#/components/%s/%s' % (kind, name)}


def operation(tag, name, summary, answer, status=200, query=None, path=(),
              errors=(), example=None, body=None, media='application/json',
              public=False, body_media='multipart/form-data'):
    """:returns: an OpenAPI operation.

    :param answer: the schema of a good answer; None for none.
    :param query: JSON schemas of the query parameters, by name.
    :param path: names of the parameters in the path.
    :param errors: statuses that it answers with, other than those that
        every call may.
    :param body: the OpenAPI media type object of what is sent, its schema
        among it.
    :param body_media: what that is.
    :param public: whether it needs no authentication.
    """
    good = {'description': http.HTTPStatus(status).phrase,
            'headers': {header: ref(header, 'headers')
                        for header in HEADERS}}
    if answer is not None:
        good['content'] = {media: {'schema': answer}}
        if example is not None:
            good['content'][media]['example'] = example
    common_errors = [400, 406, 500]
    common_errors += [] if public else [401, 403, 503]
    responses = {str(status): good}
    responses.update(
        (str(code), ref('Error%d' % code, 'responses'))
        for code in sorted({*common_errors, *errors}))
    result = {
        'operationId': name, 'tags': [tag], 'summary': summary,
        'parameters': [ref('version', 'parameters')]
        + [{'name': word, 'in': 'path', 'required': True, 'schema': TEXT}
           for word in path]
        + [{'name': word, 'in': 'query', 'schema': schema}
           for word, schema in (query or {}).items()],
        'responses': responses}
    if body is not None:
        result['requestBody'] = {
            'required': True, 'content': {body_media: body}}
    if public:
        result['security'] = []
    return result


HEADERS = {
    'x-openstack-request-id': {
        'description': 'Names this call in the logs of Pratai.',
        'schema': TEXT},
    'OpenStack-API-Version': {
        'description': 'The version of the API that was spoken.',
        'schema': TEXT},
}
ERROR = record(
    'What every error looks like.',
    status={'type': 'integer', 'description': 'The HTTP status.'},
    title={'type': 'string', 'description': 'Its name.'},
    detail={'type': 'string', 'description': 'A sentence for a person.'},
    code={'type': 'string', 'pattern': r'^[a-z_]+\.[a-z_]+$',
          'description': 'What is wrong, for a program; it does not change.'},
    request_id=nullable(
        dict(TEXT, description='Names this call in the logs.')))
