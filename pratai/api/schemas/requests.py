# SPDX-License-Identifier: Apache-2.0

from pratai import states
from pratai.api.schemas import common
from pratai.api.schemas import events
from pratai.api.schemas import functions

_NUMBER = {'type': 'integer', 'minimum': 0}

REQUEST = common.record(
    'One accepted event, and what became of it.',
    id=common.ID, project_id=common.TEXT, function_id=common.ID,
    version_id=common.ID, type=common.one_of(functions.TYPES),
    event=common.one_of(events.NAMES),
    status=common.one_of(
        states.REQUEST, 'failed: by the function itself. error: by the '
                        'platform. dead: all attempts were lost.'),
    attempt=_NUMBER, max_attempts=_NUMBER,
    start={'type': ['string', 'null'], 'enum': ['cold', 'warm', None],
           'description': 'Whether an instance was running already.'},
    code=common.nullable(common.TEXT), detail=common.nullable(common.TEXT),
    executor=common.nullable(common.TEXT), created_at=common.TIME,
    started_at=common.nullable(common.TIME),
    finished_at=common.nullable(common.TIME),
    duration={'type': ['number', 'null'],
              'description': 'Milliseconds that it ran.'})
DETAIL = common.record(
    'A request with what went in and what came out.',
    **REQUEST['properties'],
    payload={'description': 'What the function was given; any JSON.'},
    response={'description': 'What it returned; any JSON, null before.'})
LOGS = common.record(
    'Output of a request.',
    request_id=common.ID,
    logs=dict(common.TEXT, description='From the offset that was asked for.'),
    offset=dict(_NUMBER, description='Where this text ends, in characters: '
                                     'the offset to ask for next.'),
    attempt=dict(_NUMBER, description='The logs are of this attempt; when '
                                      'it changes, they begin anew.'),
    truncated={'type': 'boolean', 'description': 'Some of it was dropped.'},
    complete={'type': 'boolean', 'description': 'There will be no more.'})

QUERY = {'all_projects': common.ALL_PROJECTS}
LOGS_QUERY = {
    'offset': {'type': 'integer', 'minimum': 0, 'maximum': 2 ** 31,
               'default': 0, 'description': 'Characters to leave out.'},
    **QUERY}


def listing(conf):
    """:returns: the query parameters of the list."""
    return {
        'function_id': dict(common.ID_PREFIX, description='Id of a function.'),
        'status': common.one_of(states.REQUEST),
        'id': common.ID_PREFIX,
        'project_id': common.PROJECT_ID,
        **common.paging(conf, ['created_at']), **QUERY}


EXAMPLE = {
    'id': '019aa7f33c5b7c1d8e2f4a6b8c0d1e2f',
    'project_id': functions.EXAMPLE['project_id'],
    'function_id': functions.EXAMPLE['id'],
    'version_id': functions.EXAMPLE['version_id'],
    'type': 'async', 'event': 'webhook', 'status': 'succeeded',
    'attempt': 1, 'max_attempts': 3, 'start': 'warm', 'code': None,
    'detail': None, 'executor': 'node1',
    'created_at': '2026-11-21T20:20:01.000001Z',
    'started_at': '2026-11-21T20:20:01.012345Z',
    'finished_at': '2026-11-21T20:20:01.014567Z', 'duration': 2.1}
DETAIL_EXAMPLE = dict(EXAMPLE, payload={'key': 'value'},
                      response={'key': 'value'})
LOGS_EXAMPLE = {'request_id': EXAMPLE['id'], 'logs': 'INFO hello\n',
                'offset': 11, 'attempt': 1, 'truncated': False,
                'complete': True}


def paths(conf):
    """:returns: OpenAPI paths."""
    one = ('request_id',)

    def call(*args, **kwargs):
        return common.operation('requests', *args, **kwargs)

    return {
        '/v1/requests': {
            'get': call('listRequests', 'List requests',
                        common.ref('RequestList'), query=listing(conf),
                        example={'requests': [EXAMPLE], 'next': None})},
        '/v1/requests/{request_id}': {
            'get': call('showRequest', 'Show a request',
                        common.ref('RequestDetail'), path=one, query=QUERY,
                        errors=(404,), example=DETAIL_EXAMPLE),
            'delete': call('deleteRequest', 'Delete a request', None,
                           status=204, path=one, query=QUERY,
                           errors=(404, 409))},
        '/v1/requests/{request_id}/logs': {
            'get': call('showLogs', 'Read logs, also while it runs',
                        common.ref('Logs'), path=one, query=LOGS_QUERY,
                        errors=(404,), example=LOGS_EXAMPLE)},
        '/v1/requests/{request_id}/cancel': {
            'post': call('cancelRequest', 'Cancel a request',
                         common.ref('Request'), status=202, path=one,
                         query=QUERY, errors=(404, 409), example=dict(
                             EXAMPLE, status='cancelled', start=None,
                             code='function.cancelled', duration=None))},
    }


def components():
    """:returns: OpenAPI schemas by name."""
    return {'Request': REQUEST, 'RequestDetail': DETAIL, 'Logs': LOGS,
            'RequestList': common.listing('requests', 'Request')}
