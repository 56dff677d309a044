# SPDX-License-Identifier: Apache-2.0

from pratai.policies import base

LIST = 'pratai:services:list'
SHOW = 'pratai:services:show'
UPDATE = 'pratai:services:update'


def list_rules():
    return [
        base.rule(LIST, base.ADMIN,
                  'List the processes of Pratai and the nodes they are on.',
                  'GET /v1/services'),
        base.rule(SHOW, base.ADMIN, 'Show a process of Pratai.',
                  'GET /v1/services/{service_id}'),
        base.rule(UPDATE, base.ADMIN,
                  'Enable, disable or drain an executor.',
                  'PATCH /v1/services/{service_id}'),
    ]
