# SPDX-License-Identifier: Apache-2.0
"""The API described for programs: /v1/openapi.json."""

import http

from pratai.api import microversion
from pratai.api.schemas import common
from pratai.api.schemas import events
from pratai.api.schemas import functions
from pratai.api.schemas import requests
from pratai.api.schemas import runtimes
from pratai.api.schemas import services
from pratai.api.schemas import versions

MODULES = (versions, functions, requests, runtimes, events, services)
#: Statuses of errors, each with a code as an example.
ERRORS = {
    400: 'request.invalid', 401: 'request.unauthorized',
    403: 'request.forbidden', 404: 'function.not_found',
    406: 'request.version_not_supported', 409: 'function.name_in_use',
    413: 'package.too_large', 415: 'request.not_a_form', 500: 'internal.error',
    503: 'service.unavailable'}


def document(conf):
    """:returns: the OpenAPI 3.1 document of this service's limits, without
        ``servers``."""
    token = [{'token': []}]
    if conf.api.auth_strategy == 'noauth':
        token.append({})
    schemas = {'Error': common.ERROR}
    paths = {}
    for module in MODULES:
        schemas.update(module.components())
        paths.update(module.paths(conf))
    return {
        'openapi': '3.1.0',
        'info': {
            'title': 'Pratai', 'version': microversion.VERSIONS[-1],
            'summary': 'Functions as a service.',
            'license': {'name': 'Apache-2.0', 'identifier': 'Apache-2.0'}},
        'security': token,
        'tags': [{'name': module.__name__.rpartition('.')[2]}
                 for module in MODULES],
        'paths': paths,
        'components': {
            'schemas': schemas,
            'responses': {'Error%d' % status: _error(status, code)
                          for status, code in ERRORS.items()},
            'headers': common.HEADERS,
            'parameters': {'version': {
                'name': microversion.HEADER, 'in': 'header',
                'description': 'The version of the API to speak; without '
                               'it, the oldest.',
                'schema': {'type': 'string', 'examples': [
                    '%s %s' % (microversion.SERVICE_TYPE,
                               microversion.VERSIONS[-1])]}}},
            'securitySchemes': {'token': {
                'type': 'apiKey', 'in': 'header', 'name': 'X-Auth-Token',
                'description': 'A Keystone token. Where Pratai runs without '
                               'Keystone: user:project:role1,role2, or '
                               'nothing.'}},
        },
    }


def _error(status, code):
    phrase = http.HTTPStatus(status).phrase
    return {
        'description': phrase,
        'content': {'application/json': {
            'schema': common.ref('Error'),
            'example': {
                'status': status, 'title': phrase, 'code': code,
                'detail': 'A sentence about what is wrong.',
                'request_id':
                    'req-3f8a2c1e-5b7d-4e9f-8a0b-1c2d3e4f5a6b'}}}}
