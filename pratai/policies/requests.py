# SPDX-License-Identifier: Apache-2.0

from pratai.policies import base

NAME = 'pratai:requests:%s'
LIST = NAME % 'list'
SHOW = NAME % 'show'
LOGS = NAME % 'logs'
CANCEL = NAME % 'cancel'
DELETE = NAME % 'delete'
ALL_PROJECTS = NAME % 'all_projects'


def list_rules():
    return [
        base.rule(LIST, base.READER_OR_SERVICE, 'List requests.',
                  'GET /v1/requests'),
        base.rule(SHOW, base.PROJECT_READER,
                  'Show a request with its payload and response.',
                  'GET /v1/requests/{request_id}'),
        base.rule(LOGS, base.PROJECT_READER, 'Read the logs of a request.',
                  'GET /v1/requests/{request_id}/logs'),
        base.rule(CANCEL, base.PROJECT_MEMBER,
                  'Cancel a request that waits or runs.',
                  'POST /v1/requests/{request_id}/cancel'),
        base.rule(DELETE, base.PROJECT_MEMBER,
                  'Delete a request that has ended, with its payload, '
                  'response and logs.',
                  'DELETE /v1/requests/{request_id}'),
        base.rule(ALL_PROJECTS, base.ADMIN_OR_SERVICE,
                  'Use all_projects=true: reach requests of every project, '
                  'as far as the rule of the call itself allows it.',
                  'GET /v1/requests',
                  'GET /v1/requests/{request_id}',
                  'GET /v1/requests/{request_id}/logs',
                  'POST /v1/requests/{request_id}/cancel',
                  'DELETE /v1/requests/{request_id}'),
    ]
