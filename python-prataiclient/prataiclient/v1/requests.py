# SPDX-License-Identifier: Apache-2.0
"""Requests: the accepted events of functions."""

from prataiclient import http as pratai_http
from prataiclient import resources
from prataiclient.v1 import base


class Requests(base.Manager):
    path = '/requests'
    key = 'requests'
    resource = resources.Request
    thing = 'request'

    def list(self, function_id=None, status=None, id=None, limit=None,
             marker=None, sort=None, all_projects=None, project_id=None):
        """The requests of the project, without payload and response.

        :param all_projects: True: those of every project; for admins
        :param project_id: with all_projects only those of this one
        :param function_id: whole id of a function
        :param id: an id or the first digits of one
        :param limit: at most so many; all by default
        :param marker: id of the one before the first to return
        :param sort: for example ``created_at:desc``
        """
        return self._list(limit=limit, function_id=function_id,
                          status=status, id=id, marker=marker, sort=sort,
                          all_projects=all_projects, project_id=project_id)

    def find(self, id, all_projects=None):
        """The request with this id, or with an id that starts like this.

        :param all_projects: True: look in every project; for admins
        :raises: NotFound; AmbiguousName with the candidates
        """
        everywhere = {'all_projects': True} if all_projects else {}
        if base.is_id(id):
            return self.get(id, **everywhere)
        found = []
        if base.is_id_prefix(id):
            found = self.list(id=id, limit=10, **everywhere)
        return self._pick(id, found, **everywhere)

    def delete(self, id, all_projects=None):
        """Delete a request that has ended, with its payload and logs.

        :param all_projects: as for :meth:`find`
        :raises: NotFound; Conflict where it has not ended yet
        """
        self._delete(id, all_projects=all_projects)

    def logs(self, id, offset=0, all_projects=None):
        """What the function has written, from offset (characters) on.

        :param all_projects: as for :meth:`find`
        :returns: Logs
        """
        return resources.Logs.from_api(self.http.get(
            '%s/%s/logs' % (self.path, base.quote(id)), offset=offset,
            all_projects=all_projects))

    def follow(self, id, all_projects=None):
        """The output as it comes, until the request has ended.

        :param all_projects: as for :meth:`find`
        :returns: generator of Logs, each with some text or the last one
        """
        offset = 0
        for _ in base.pauses(first=0.2):
            piece = self.logs(id, offset, all_projects)
            offset = piece.offset
            if piece.logs or piece.complete:
                yield piece
            if piece.complete:
                return

    def cancel(self, id, all_projects=None):
        """Stop a request, or keep it from starting.

        :param all_projects: as for :meth:`find`
        :returns: the Request
        :raises: Conflict where it has finished already
        """
        response = self.http.call(
            'POST', '%s/%s/cancel' % (self.path, base.quote(id)),
            params={'all_projects': all_projects})
        return self.resource.from_api(pratai_http.read_json(response))

    def wait(self, id):
        """Wait until a request has ended, well or not.

        :returns: the Request
        """
        for _ in base.pauses():
            request = self.get(id)
            if request.finished:
                return request
