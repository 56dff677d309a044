# SPDX-License-Identifier: Apache-2.0
"""What the managers share."""

import re
import time
import urllib.parse

from prataiclient import exceptions

MAX_PAGE = 1000
#: Shorter prefixes are not taken for ids: many a word starts like one.
MIN_PREFIX = 4
_FULL_ID = re.compile(r'[0-9a-f]{32}$')
_PREFIX = re.compile(r'[0-9a-f]{%d,32}$' % MIN_PREFIX)
_TOO_SHORT = re.compile(r'[0-9a-f]{1,%d}$' % (MIN_PREFIX - 1))


def is_id(text):
    """Whether it has the form of a whole id."""
    return bool(_FULL_ID.match(text))


def is_id_prefix(text):
    """Whether an id may start like this."""
    return bool(_PREFIX.match(text))


def hint(text):
    """What to add where nothing is called like this."""
    if _TOO_SHORT.match(text):
        return '; the beginning of an id has %d digits or more' % MIN_PREFIX
    return ''


def quote(part):
    """A text as one segment of a path."""
    return urllib.parse.quote(str(part), safe='')


def pauses(first=0.05, last=1.0):
    """Sleep ever longer: quick things are seen at once, slow ones cost little.

    Yields at once, and then after each pause.

    :param first: seconds of the first pause
    :param last: seconds of the longest one
    """
    pause = first
    while True:
        yield
        time.sleep(pause)
        pause = min(pause * 1.5, last)


class Manager:
    #: path below /v1, key of the list in the answer, class of the items
    path = None
    key = None
    resource = None
    #: how a person calls one
    thing = None

    def __init__(self, http):
        self.http = http

    def get(self, id, **query):
        """The one with this id.

        :param query: all_projects=True, for functions and requests: also
            one of another project; for admins
        :raises: NotFound
        """
        return self.resource.from_api(
            self.http.get(self._path(id), **query))

    def _path(self, id):
        """
        :raises: InvalidInput where there is no id, which would be the path
            of the whole collection
        """
        if not id:
            raise exceptions.InvalidInput('The id of a %s must not be empty'
                                          % self.thing)
        return '%s/%s' % (self.path, quote(id))

    def _delete(self, id, **query):
        self.http.call('DELETE', self._path(id), params=query)

    def _update(self, id, changes, **query):
        return self.resource.from_api(
            self.http.patch(self._path(id), changes, **query))

    def _list(self, limit=None, **filters):
        """All that match, page after page, or at most limit of them."""
        found = []
        while True:
            room = MAX_PAGE if limit is None else limit - len(found)
            body = self.http.get(self.path, limit=min(room, MAX_PAGE),
                                 **filters)
            page = self._items(body)
            found.extend(page)
            full = limit is not None and len(found) >= limit
            if full or not page or not body.get('next'):
                return found[:limit]
            filters['marker'] = page[-1].id

    def _items(self, body):
        if not isinstance(body.get(self.key), list):
            raise exceptions.BadAnswer(
                "The server's answer has no list of %s" % self.key)
        return [self.resource.from_api(item) for item in body[self.key]]

    def _pick(self, wanted, found, **query):
        """The only one found, whole.

        :raises: NotFound, AmbiguousName
        """
        if not found:
            raise exceptions.NotFound(
                "No %s has the name or id '%s'%s" % (
                    self.thing, wanted, hint(wanted)),
                status=404, code='%s.not_found' % self.thing)
        if len(found) > 1:
            raise exceptions.AmbiguousName(
                "'%s' may be any of %s %ss: %s" % (
                    wanted, len(found), self.thing,
                    ', '.join(self._describe(one) for one in found)), found)
        return self.get(found[0].id, **query)

    @staticmethod
    def _describe(one):
        name = getattr(one, 'name', None)
        return '%s (%s)' % (one.id, name) if name else one.id

    def _get_or_none(self, id, **query):
        try:
            return self.get(id, **query)
        except exceptions.NotFound:
            return None
