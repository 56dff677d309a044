# SPDX-License-Identifier: Apache-2.0
"""Requests as callers see them, and what is purged of them."""

import datetime
import json

import sqlalchemy as sa

from pratai import exception
from pratai import states
from pratai.db import base
from pratai.db import models

HIDDEN = ('lease_until', 'executor_id', 'failures')


def _loads(response):
    """:returns: the value; the text where a function that forges its answer
    made something of it that is no JSON."""
    try:
        return json.loads(response or b'null')
    except (ValueError, RecursionError):
        return response.decode(errors='replace')


class Requests:

    @base.retried
    def request_add(self, rows, payloads):
        """Put accepted requests in the queue, all or none.

        :param rows: dicts of the columns of ``requests``.
        :param payloads: dicts of id and payload (JSON as bytes).
        """
        with self.writer() as session:
            connection = session.connection()
            connection.execute(sa.insert(models.Request.__table__), rows)
            connection.execute(sa.insert(models.RequestPayload.__table__),
                               payloads)

    def request_list(self, project_id, filters, limit, marker=None,
                     sort_dir='desc'):
        """:returns: at most ``limit`` requests after ``marker``, by time.

        :param filters: any of function_id, project_id, status, id (a
            prefix).
        """
        columns = [column for column in models.Request.__table__.columns
                   if column.name not in HIDDEN]
        query = sa.select(*columns)
        request_id = models.Request.id
        if project_id is not None:
            query = query.where(models.Request.project_id == project_id)
        for name, value in filters.items():
            if name == 'id':
                # A range, so that the index is used on every engine.
                query = query.where(
                    request_id.between(value, value.ljust(32, 'f')))
            else:
                query = query.where(getattr(models.Request, name) == value)
        if marker:
            query = query.where(request_id > marker if sort_dir == 'asc'
                                else request_id < marker)
        query = query.order_by(request_id.asc() if sort_dir == 'asc'
                               else request_id.desc()).limit(limit)
        with self.reader() as session:
            return [row._asdict() for row in session.execute(query)]

    def request_get(self, request_id, project_id=None):
        """:returns: a request with its payload and response.

        :raises exception.NotFound: not there, or another project's.
        """
        query = sa.select(
            models.Request, models.RequestPayload.payload,
            models.RequestResult.response
        ).outerjoin(
            models.RequestPayload,
            models.RequestPayload.id == models.Request.id
        ).outerjoin(
            models.RequestResult,
            models.RequestResult.id == models.Request.id)
        with self.reader() as session:
            row = session.execute(
                self._one(query, request_id, project_id)).first()
            if row is None:
                raise exception.NotFound('request', request_id)
            request, payload, response = row
            return dict(
                base.as_dict(request, *HIDDEN),
                payload=json.loads(payload or b'null'),
                response=_loads(response))

    def request_brief(self, request_id, project_id=None):
        """:returns: status, executor and attempt, and nothing that is large.

        :raises exception.NotFound: not there, or another project's.
        """
        query = sa.select(models.Request.status, models.Request.executor,
                          models.Request.attempt)
        with self.reader() as session:
            row = session.execute(
                self._one(query, request_id, project_id)).first()
        if row is None:
            raise exception.NotFound('request', request_id)
        return row._asdict()

    def request_logs(self, request_id, project_id=None):
        """:returns: logs, truncated, status, executor and attempt.

        :raises exception.NotFound: not there, or another project's.
        """
        query = sa.select(
            models.Request.status, models.Request.executor,
            models.Request.attempt, models.RequestResult.logs,
            models.RequestResult.truncated
        ).outerjoin(models.RequestResult,
                    models.RequestResult.id == models.Request.id)
        with self.reader() as session:
            row = session.execute(
                self._one(query, request_id, project_id)).first()
        if row is None:
            raise exception.NotFound('request', request_id)
        return dict(row._asdict(),
                    logs=(row.logs or b'').decode(errors='replace'),
                    truncated=bool(row.truncated))

    @base.retried
    def request_delete(self, request_id, project_id=None):
        """Delete a request that has ended, with all that belongs to it.

        :raises exception.NotFound: not there, or another project's.
        :raises exception.Conflict: it waits or runs.
        """
        query = sa.select(models.Request.status)
        with self.writer() as session:
            status = session.scalar(self._one(
                query, request_id, project_id).with_for_update())
            if status is None:
                raise exception.NotFound('request', request_id)
            if status not in states.FINISHED:
                raise exception.Conflict(
                    'The request has not ended yet; cancel it before.',
                    code='request.running')
            self._delete(session, [request_id])

    @base.retried
    def request_purge(self, days, limit=1000):
        """Delete finished requests, a limited number at a time.

        :param days: those that finished longer ago than this.
        :returns: how many were deleted; call again until that is 0.
        """
        before = base.now() - datetime.timedelta(days=days)
        with self.writer() as session:
            ids = session.scalars(
                sa.select(models.Request.id).where(
                    models.Request.status.in_(states.FINISHED),
                    # By the primary key, for most of the work.
                    models.Request.id < base.time_ordered_id(before),
                    models.Request.finished_at < before)
                .limit(limit)).all()
            self._delete(session, ids)
        return len(ids)

    @staticmethod
    def _delete(session, ids):
        for table in (models.RequestPayload, models.RequestResult,
                      models.Request):
            session.execute(sa.delete(table).where(table.id.in_(ids)))

    @staticmethod
    def _one(query, request_id, project_id):
        query = query.where(models.Request.id == request_id)
        if project_id is not None:
            query = query.where(models.Request.project_id == project_id)
        return query
