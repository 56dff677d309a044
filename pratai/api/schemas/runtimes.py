# SPDX-License-Identifier: Apache-2.0

from pratai.api.schemas import common

AVAILABLE = 'available'
DISABLED = 'disabled'
STATUSES = (AVAILABLE, 'unavailable', DISABLED)

RUNTIME = common.record(
    'A language and its version, for functions to be written in.',
    id=common.ID, name=common.TEXT, language=common.TEXT,
    version=common.TEXT, description=common.TEXT,
    status=common.one_of(STATUSES, 'unavailable: no executor that is up '
                                   'offers it.'),
    default={'type': 'boolean',
             'description': 'It is taken for functions that name none.'},
    created_at=common.TIME)
CHANGE = {
    'type': 'object',
    'properties': {'enabled': {
        'type': 'boolean',
        'description': 'Whether functions may be made for it.'}},
    'required': ['enabled'], 'additionalProperties': False}
EXAMPLE = {
    'id': '6a4f1de27b5c4f0e8d9c3b2a10f9e8d7', 'name': 'python311',
    'language': 'python', 'version': '3.11.2', 'description': 'Python 3.11',
    'status': 'available', 'default': True,
    'created_at': '2026-11-21T20:18:14.123456Z'}


def paths(conf):
    """:returns: OpenAPI paths."""
    return {
        '/v1/runtimes': {
            'get': common.operation(
                'runtimes', 'listRuntimes', 'List runtimes',
                common.ref('RuntimeList'), example={'runtimes': [EXAMPLE]})},
        '/v1/runtimes/{runtime}': {
            'get': common.operation(
                'runtimes', 'showRuntime', 'Show a runtime, by name or id',
                common.ref('Runtime'), path=('runtime',), errors=(404,),
                example=EXAMPLE),
            'patch': common.operation(
                'runtimes', 'updateRuntime', 'Enable or disable a runtime',
                common.ref('Runtime'), path=('runtime',), errors=(404, 413),
                body={'schema': CHANGE, 'example': {'enabled': False}},
                body_media=common.JSON,
                example=dict(EXAMPLE, status=DISABLED, default=False))},
    }


def components():
    """:returns: OpenAPI schemas by name."""
    return {'Runtime': RUNTIME,
            'RuntimeList': common.listing('runtimes', 'Runtime',
                                          paged=False)}
