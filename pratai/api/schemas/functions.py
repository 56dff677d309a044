# SPDX-License-Identifier: Apache-2.0

from pratai import states
from pratai.api.schemas import common
from pratai.api.schemas import events

TYPES = ('async', 'sync')
ISOLATIONS = ('request', 'instance')
#: What a function keeps as it was created.
FIXED = ('runtime', 'event')
SORT_KEYS = ('created_at', 'updated_at', 'name')

_NAME = {'type': 'string', 'minLength': 1, 'maxLength': 255,
         'pattern': common.PRINTABLE}
_TYPE = common.one_of(TYPES, 'async answers a caller at once with the id of '
                             'the request, sync with the response.')
_BOOLEAN = {'type': 'boolean'}
_NUMBER = {'type': 'integer'}

FUNCTION = common.record(
    'Code and its settings.',
    id=common.ID, project_id=common.TEXT, user_id=common.TEXT, name=_NAME,
    description=common.TEXT, type=_TYPE,
    wait_for_response=dict(_BOOLEAN, description='Another way to say that '
                                                 'type is sync.'),
    event=common.one_of(events.NAMES), public=_BOOLEAN,
    endpoint={'type': 'string', 'format': 'uri',
              'description': 'Where to POST to run it.'},
    runtime=common.TEXT, memory=_NUMBER, cpus=_NUMBER, timeout=_NUMBER,
    isolation=common.one_of(ISOLATIONS), network=_BOOLEAN, limit=_NUMBER,
    status=common.one_of(states.FUNCTION, 'active: requests run now.'),
    status_detail=common.nullable(common.TEXT),
    status_code=common.nullable(common.TEXT),
    version=_NUMBER, version_id=common.ID, created_at=common.TIME,
    updated_at=common.TIME)
DETAIL = common.record(
    'A function, shown to those who may run it.',
    **FUNCTION['properties'],
    webhook_token=dict(
        common.nullable(common.TEXT),
        description='Runs a private function, sent as X-Pratai-Token or as '
                    'the key of a signature; null for readers.'))
BUILD = common.record(
    'One try at making the image of a version.',
    id=common.ID, function_id=common.ID, version_id=common.ID,
    version=_NUMBER, status=common.one_of(states.BUILD),
    code=common.nullable(common.TEXT), detail=common.nullable(common.TEXT),
    log=common.TEXT, created_at=common.TIME,
    started_at=common.nullable(common.TIME),
    finished_at=common.nullable(common.TIME))

QUERY = {'all_projects': common.ALL_PROJECTS}


def listing(conf):
    """:returns: the query parameters of the list."""
    return {
        'name': {'type': 'string', 'maxLength': 255},
        'id': common.ID_PREFIX,
        'status': common.one_of(states.FUNCTION),
        'runtime': {'type': 'string', 'maxLength': 255},
        'type': common.one_of(TYPES),
        'project_id': common.PROJECT_ID,
        **common.paging(conf, SORT_KEYS), **QUERY}


def create(conf):
    """:returns: the schema of the part ``metadata``."""
    limits = conf.limits

    def number(default, most, description, least=1):
        return {'type': 'integer', 'minimum': least, 'maximum': most,
                'default': default, 'description': description}

    return {
        'type': 'object',
        'properties': {
            'name': _NAME,
            'description': {'type': 'string', 'maxLength': 4096,
                            'default': ''},
            'type': _TYPE,
            'wait_for_response': {
                'type': 'boolean', 'description': 'true: type is sync.'},
            'runtime': {'type': 'string', 'minLength': 1, 'maxLength': 255,
                        'description': 'Name; see /v1/runtimes.'},
            'memory': number(limits.default_memory, limits.max_memory,
                             'MB for one request.', limits.min_memory),
            'cpus': number(1, limits.max_cpus, 'CPUs for one request.'),
            'timeout': number(limits.default_timeout, limits.max_timeout,
                              'Seconds that a request may run.'),
            'event': dict(common.one_of(events.NAMES),
                          default=events.NAMES[0]),
            'public': dict(_BOOLEAN, default=False,
                           description='Anybody may run it.'),
            'isolation': dict(
                common.one_of(ISOLATIONS, 'request: a process of its own '
                                          'for every request.'),
                default=ISOLATIONS[0]),
            'network': dict(_BOOLEAN, default=False,
                            description='It reaches the network.'),
            'limit': number(limits.default_concurrency,
                            limits.max_concurrency,
                            'Requests that run at once.'),
        },
        'required': ['name'],
        'additionalProperties': False,
    }


def update(conf):
    """:returns: the schema of a change."""
    properties = {}
    for name, schema in create(conf)['properties'].items():
        if name not in FIXED:
            properties[name] = {key: value for key, value in schema.items()
                                if key != 'default'}
    return {'type': 'object', 'properties': properties,
            'additionalProperties': False}


EXAMPLE = {
    'id': 'b2e9b5933f57417c8540a2d7e8b88289',
    'project_id': 'b2cef86662f34faeb0df0fc3b657c8ef',
    'user_id': '63123ed9644447df8315a74052314865',
    'name': 'echo', 'description': '', 'type': 'async',
    'wait_for_response': False, 'event': 'webhook', 'public': False,
    'endpoint': 'http://localhost:9898/function/'
                'b2e9b5933f57417c8540a2d7e8b88289',
    'runtime': 'python311', 'memory': 128, 'cpus': 1, 'timeout': 60,
    'isolation': 'request', 'network': False, 'limit': 100,
    'status': 'inactive', 'status_detail': None, 'status_code': None,
    'version': 1, 'version_id': '3f0a1c1e4d6b4d0b9a3c5e7f90817263',
    'created_at': '2026-11-21T20:18:14.123456Z',
    'updated_at': '2026-11-21T20:18:19.654321Z'}
DETAIL_EXAMPLE = dict(
    EXAMPLE, webhook_token='gG0vG5K2pFZ8o3XGf1yq7m9iS4zT6cRwA2bLkVhUeQY')
BUILD_EXAMPLE = {
    'id': '0c7d9a4e5b8f4c2d9e6a1b3c5d7f8091', 'version': 1,
    'function_id': EXAMPLE['id'], 'version_id': EXAMPLE['version_id'],
    'status': 'failed', 'code': 'build.no_main',
    'detail': 'new_module.py has no function main.', 'log': '',
    'created_at': '2026-11-21T20:18:14.123456Z',
    'started_at': '2026-11-21T20:18:14.234567Z',
    'finished_at': '2026-11-21T20:18:19.654321Z'}


def paths(conf):
    """:returns: OpenAPI paths."""
    one = ('function_id',)

    def call(*args, **kwargs):
        return common.operation('functions', *args, **kwargs)

    form = {
        'schema': {'type': 'object', 'required': ['metadata', 'zip_file'],
                   'properties': {'metadata': create(conf),
                                  'zip_file': common.BINARY},
                   'additionalProperties': False},
        'encoding': {'metadata': {'contentType': 'application/json'},
                     'zip_file': {'contentType': 'application/zip'}}}
    return {
        '/v1/functions': {
            'get': call('listFunctions', 'List functions',
                        common.ref('FunctionList'), query=listing(conf),
                        example={'functions': [EXAMPLE], 'next': None}),
            'post': call('createFunction', 'Create a function',
                         common.ref('FunctionDetail'), status=202, body=form,
                         errors=(409, 413, 415), example=DETAIL_EXAMPLE)},
        '/v1/functions/{function_id}': {
            'get': call('showFunction', 'Show a function',
                        common.ref('FunctionDetail'), path=one, query=QUERY,
                        errors=(404,), example=DETAIL_EXAMPLE),
            'patch': call('updateFunction', 'Change a function',
                          common.ref('FunctionDetail'), path=one,
                          query=QUERY, errors=(404, 409, 413),
                          body={'schema': update(conf),
                                'example': {'timeout': 120}},
                          body_media=common.JSON,
                          example=dict(DETAIL_EXAMPLE, timeout=120,
                                       version=2)),
            'delete': call('deleteFunction', 'Delete a function', None,
                           status=204, path=one, query=QUERY,
                           errors=(404,))},
        '/v1/functions/{function_id}/package': {
            'get': call('downloadPackage', 'Download the package',
                        common.BINARY, media='application/zip', path=one,
                        query=QUERY, errors=(404,))},
        '/v1/functions/{function_id}/builds': {
            'get': call('listBuilds', 'List builds, the newest first',
                        common.ref('BuildList'), path=one, query=QUERY,
                        errors=(404,), example={'builds': [BUILD_EXAMPLE]})},
    }


def components():
    """:returns: OpenAPI schemas by name."""
    return {'Function': FUNCTION, 'FunctionDetail': DETAIL, 'Build': BUILD,
            'FunctionList': common.listing('functions', 'Function'),
            'BuildList': common.listing('builds', 'Build', paged=False)}
