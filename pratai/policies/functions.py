# SPDX-License-Identifier: Apache-2.0

from pratai.policies import base

NAME = 'pratai:functions:%s'
LIST = NAME % 'list'
SHOW = NAME % 'show'
WEBHOOK_TOKEN = NAME % 'webhook_token'
PACKAGE = NAME % 'package'
BUILDS = NAME % 'builds'
CREATE = NAME % 'create'
CREATE_PUBLIC = NAME % 'create:public'
CREATE_NETWORK = NAME % 'create:network'
UPDATE = NAME % 'update'
UPDATE_PUBLIC = NAME % 'update:public'
UPDATE_NETWORK = NAME % 'update:network'
EXECUTE = NAME % 'execute'
DELETE = NAME % 'delete'
ALL_PROJECTS = NAME % 'all_projects'


def list_rules():
    return [
        base.rule(LIST, base.READER_OR_SERVICE, 'List functions.',
                  'GET /v1/functions'),
        base.rule(SHOW, base.READER_OR_SERVICE, 'Show a function.',
                  'GET /v1/functions/{function_id}'),
        base.rule(WEBHOOK_TOKEN, base.PROJECT_MEMBER,
                  'See the token that runs a private function. To others it '
                  'is shown as null.',
                  'GET /v1/functions/{function_id}'),
        base.rule(PACKAGE, base.PROJECT_READER,
                  'Download the zip that a function was made from.',
                  'GET /v1/functions/{function_id}/package'),
        base.rule(BUILDS, base.PROJECT_READER,
                  'List the builds of a function, with their logs.',
                  'GET /v1/functions/{function_id}/builds'),
        base.rule(CREATE, base.PROJECT_MEMBER, 'Create a function.',
                  'POST /v1/functions'),
        base.rule(CREATE_PUBLIC, base.PROJECT_MEMBER,
                  'Create a function that anybody may run.',
                  'POST /v1/functions'),
        base.rule(CREATE_NETWORK, base.PROJECT_MEMBER,
                  'Create a function that reaches the network.',
                  'POST /v1/functions'),
        base.rule(UPDATE, base.PROJECT_MEMBER,
                  'Change the name, description or settings of a function.',
                  'PATCH /v1/functions/{function_id}'),
        base.rule(UPDATE_PUBLIC, base.PROJECT_MEMBER,
                  'Let anybody run a function.',
                  'PATCH /v1/functions/{function_id}'),
        base.rule(UPDATE_NETWORK, base.PROJECT_MEMBER,
                  'Let a function reach the network.',
                  'PATCH /v1/functions/{function_id}'),
        base.rule(EXECUTE, base.PROJECT_MEMBER,
                  'Run a private function by its endpoint, which the webhook '
                  'app serves, with a Keystone token of its project.',
                  'POST /function/{function_id}'),
        base.rule(DELETE, base.PROJECT_MEMBER, 'Delete a function.',
                  'DELETE /v1/functions/{function_id}'),
        base.rule(ALL_PROJECTS, base.ADMIN_OR_SERVICE,
                  'Use all_projects=true: reach functions of every project, '
                  'as far as the rule of the call itself allows it.',
                  'GET /v1/functions',
                  'GET /v1/functions/{function_id}',
                  'GET /v1/functions/{function_id}/package',
                  'GET /v1/functions/{function_id}/builds',
                  'PATCH /v1/functions/{function_id}',
                  'DELETE /v1/functions/{function_id}'),
    ]
