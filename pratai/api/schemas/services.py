# SPDX-License-Identifier: Apache-2.0

from pratai.api.schemas import common

UP = 'up'
OK = 'ok'
DEGRADED = 'degraded'

SERVICE = common.record(
    'A process of Pratai.',
    id=common.ID, binary=common.TEXT, host=common.TEXT,
    status=common.one_of((UP, 'down')), started_at=common.TIME,
    updated_at=common.TIME,
    details={'type': 'object',
             'description': 'What the process says of itself.'})
STATUS = common.record(
    'How Pratai as a whole is.',
    status=common.one_of((OK, DEGRADED)),
    services={'type': 'array', 'items': common.ref('Service')},
    warnings={'type': 'array', 'items': common.TEXT})
EXAMPLE = {
    'id': '8d1f6f0a4b3c4e5d9a7b6c5d4e3f2a1b', 'binary': 'pratai-executor',
    'host': 'node1', 'status': 'up',
    'started_at': '2026-11-21T19:00:00.000000Z',
    'updated_at': '2026-11-21T20:20:00.000000Z',
    'details': {'runtimes': ['python311']}}


def paths(conf):
    """:returns: OpenAPI paths."""
    return {
        '/v1/services': {
            'get': common.operation(
                'services', 'listServices', 'List the processes of Pratai',
                common.ref('ServiceList'), example={'services': [EXAMPLE]})},
        '/v1/status': {
            'get': common.operation(
                'services', 'showStatus', 'Show how Pratai as a whole is',
                common.ref('Status'), example={
                    'status': OK, 'services': [EXAMPLE], 'warnings': []})},
    }


def components():
    """:returns: OpenAPI schemas by name."""
    return {'Service': SERVICE, 'Status': STATUS,
            'ServiceList': common.listing('services', 'Service',
                                          paged=False)}
