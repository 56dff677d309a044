# SPDX-License-Identifier: Apache-2.0

from pratai.policies import base

SHOW = 'pratai:status:show'


def list_rules():
    return [
        base.rule(SHOW, base.ADMIN,
                  'See whether Pratai as a whole is well, and what is not.',
                  'GET /v1/status'),
    ]
