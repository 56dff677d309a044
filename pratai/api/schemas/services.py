# SPDX-License-Identifier: Apache-2.0

from pratai.api.schemas import common

EXECUTOR = 'pratai-executor'
UP = 'up'
ENABLED = 'enabled'
STATES = (ENABLED, 'disabled', 'draining')
OK = 'ok'
DEGRADED = 'degraded'

SERVICE = common.record(
    'A process of Pratai.',
    id=common.ID, binary=common.TEXT, host=common.TEXT,
    status=common.one_of((UP, 'down')),
    state=common.one_of(
        STATES, 'What operators want of it. disabled: it gets no new work. '
                'draining: it also stops its instances when they are idle.'),
    state_reason=common.nullable(
        dict(common.TEXT, description='Why, as the operator said.')),
    started_at=common.TIME,
    updated_at=common.TIME,
    details={'type': 'object',
             'description': 'What the process says of itself.'})
STATUS = common.record(
    'How Pratai as a whole is.',
    status=common.one_of((OK, DEGRADED)),
    services={'type': 'array', 'items': common.ref('Service')},
    warnings={'type': 'array', 'items': common.TEXT})
CHANGE = {
    'type': 'object',
    'properties': {
        'state': SERVICE['properties']['state'],
        'reason': common.nullable({
            'type': 'string', 'maxLength': 1024,
            'description': 'Why; for other operators.'})},
    'required': ['state'], 'additionalProperties': False}
EXAMPLE = {
    'id': '8d1f6f0a4b3c4e5d9a7b6c5d4e3f2a1b', 'binary': 'pratai-executor',
    'host': 'node1', 'status': 'up', 'state': ENABLED, 'state_reason': None,
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
        '/v1/services/{service_id}': {
            'get': common.operation(
                'services', 'showService', 'Show a process of Pratai',
                common.ref('Service'), path=('service_id',), errors=(404,),
                example=EXAMPLE),
            'patch': common.operation(
                'services', 'updateService',
                'Enable, disable or drain an executor',
                common.ref('Service'), path=('service_id',),
                errors=(404, 409, 413),
                body={'schema': CHANGE, 'example': {
                    'state': 'draining', 'reason': 'New memory.'}},
                body_media=common.JSON,
                example=dict(EXAMPLE, state='draining',
                             state_reason='New memory.'))},
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
