# SPDX-License-Identifier: Apache-2.0

from pratai.api.schemas import common

#: The kinds of events there are, with a sentence for each.
EVENTS = {
    'webhook': 'An HTTP POST to the endpoint of the function.',
}
NAMES = tuple(EVENTS)

EVENT = common.record(
    'A kind of event that a function can be run by.',
    id=common.TEXT, name=common.TEXT, description=common.TEXT,
    created_at=common.nullable(common.TIME))
EXAMPLE = {'id': 'webhook', 'name': 'webhook',
           'description': EVENTS['webhook'], 'created_at': None}


def paths(conf):
    """:returns: OpenAPI paths."""
    return {
        '/v1/events': {
            'get': common.operation(
                'events', 'listEvents', 'List the kinds of events',
                common.ref('EventList'), example={'events': [EXAMPLE]})},
        '/v1/events/{event}': {
            'get': common.operation(
                'events', 'showEvent', 'Show a kind of event',
                common.ref('Event'), path=('event',), errors=(404,),
                example=EXAMPLE)},
    }


def components():
    """:returns: OpenAPI schemas by name."""
    return {'Event': EVENT,
            'EventList': common.listing('events', 'Event', paged=False)}
