# SPDX-License-Identifier: Apache-2.0

from pratai.policies import base

LIST = 'pratai:runtimes:list'
SHOW = 'pratai:runtimes:show'
UPDATE = 'pratai:runtimes:update'


def list_rules():
    return [
        base.rule(LIST, base.READER_OR_SERVICE, 'List runtimes.',
                  'GET /v1/runtimes'),
        base.rule(SHOW, base.READER_OR_SERVICE, 'Show a runtime.',
                  'GET /v1/runtimes/{runtime}'),
        base.rule(UPDATE, base.ADMIN, 'Enable or disable a runtime.',
                  'PATCH /v1/runtimes/{runtime}'),
    ]
