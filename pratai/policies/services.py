# SPDX-License-Identifier: Apache-2.0

from pratai.policies import base

LIST = 'pratai:services:list'


def list_rules():
    return [
        base.rule(LIST, base.ADMIN,
                  'List the processes of Pratai and the nodes they are on.',
                  'GET /v1/services'),
    ]
