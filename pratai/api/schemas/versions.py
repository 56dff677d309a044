# SPDX-License-Identifier: Apache-2.0

from pratai.api.schemas import common

VERSION = common.record(
    'A version of the API.',
    id={'type': 'string', 'enum': ['v1']},
    status=common.one_of(['CURRENT']),
    min_version=dict(common.TEXT, description='The oldest microversion.'),
    version=dict(common.TEXT, description='The newest microversion.'),
    links={'type': 'array', 'items': common.record(
        'A link.', rel=common.TEXT,
        href={'type': 'string', 'format': 'uri'})})
VERSIONS = common.record(
    'The versions of the API that are served here.',
    versions={'type': 'array', 'items': common.ref('Version')},
    auth=common.one_of(['none', 'keystone'], 'How callers authenticate.'))
ONE = common.record('The version that is served here.',
                    version=common.ref('Version'))
EXAMPLE = {
    'id': 'v1', 'status': 'CURRENT', 'min_version': '1.0', 'version': '1.0',
    'links': [{'rel': 'self', 'href': 'http://localhost:9998/v1/'}]}


def paths(conf):
    """:returns: OpenAPI paths."""
    return {
        '/': {
            'get': common.operation(
                'versions', 'listVersions', 'List versions of the API',
                common.ref('VersionList'), public=True,
                example={'versions': [EXAMPLE], 'auth': 'keystone'})},
        '/v1': {
            'get': common.operation(
                'versions', 'showVersion', 'Show this version of the API',
                common.ref('VersionOne'), public=True,
                example={'version': EXAMPLE})},
        '/v1/openapi.json': {
            'get': common.operation(
                'versions', 'showOpenAPI', 'This description',
                {'type': 'object'}, public=True)},
    }


def components():
    """:returns: OpenAPI schemas by name."""
    return {'Version': VERSION, 'VersionList': VERSIONS, 'VersionOne': ONE}
