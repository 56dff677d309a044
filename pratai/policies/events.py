# SPDX-License-Identifier: Apache-2.0

from pratai.policies import base

LIST = 'pratai:events:list'
SHOW = 'pratai:events:show'


def list_rules():
    return [
        base.rule(LIST, base.READER_OR_SERVICE,
                  'List the kinds of events that run functions.',
                  'GET /v1/events'),
        base.rule(SHOW, base.READER_OR_SERVICE, 'Show a kind of event.',
                  'GET /v1/events/{event}'),
    ]
