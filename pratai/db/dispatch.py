# SPDX-License-Identifier: Apache-2.0
"""Claims, leases and results of requests: what keeps the guarantee.

Every change of a request is conditional on the status and attempt it is
expected to have. A report that comes late, twice, or from an executor that
was given up on finds another attempt and changes nothing.
"""

import datetime

from oslo_db import exception as db_exception
import sqlalchemy as sa

from pratai import states
from pratai.db import base
from pratai.db import models

Request = models.Request
#: Bytes of payload after which a claim is large enough for one message.
CLAIM_BYTES = 4 * 1024 * 1024
#: Requests given back in one transaction.
REDRIVE = 1000
#: Characters that are kept of what went wrong.
DETAIL = 4000


def _time(epoch):
    if epoch is None:
        return None
    return datetime.datetime.fromtimestamp(
        epoch, datetime.UTC).replace(tzinfo=None)


def _insert(session, model, rows):
    """Many rows in one statement, without what the ORM would do for each."""
    if rows:
        session.connection().execute(sa.insert(model.__table__), rows)


def end_queued(session, function_id, status, code, detail):
    """:returns: how many queued requests of the function that ended."""
    return session.execute(
        sa.update(Request).where(Request.function_id == function_id,
                                 Request.status == states.QUEUED)
        .values(status=status, finished_at=base.now(), code=code,
                detail=detail),
        execution_options={'synchronize_session': False}).rowcount


def end_deleted(session, function_id):
    """As end_queued(), for a function that is deleted."""
    return end_queued(session, function_id, states.CANCELLED,
                      'function.deleted', 'The function was deleted.')


class Dispatch:

    def queued_functions(self, after='', limit=100):
        """:returns: ids of functions that have requests waiting, by id.

        One index seek a function, however many requests wait.
        """
        found = []
        query = sa.select(sa.func.min(Request.function_id)).where(
            Request.status == states.QUEUED,
            Request.function_id > sa.bindparam('after'))
        with self.reader() as session:
            while len(found) < limit:
                after = session.scalar(query, {'after': after})
                if after is None:
                    break
                found.append(after)
        return found

    def running_counts(self):
        """:returns: {(function_id, executor_id): running attempts}."""
        query = sa.select(
            Request.function_id, Request.executor_id, sa.func.count()
        ).where(Request.status == states.RUNNING).group_by(
            Request.function_id, Request.executor_id)
        with self.reader() as session:
            return {(row[0], row[1]): row[2]
                    for row in session.execute(query)}

    @base.retried
    def claim(self, function_id, executor_id, host, limit, lease,
              version_id=None):
        """Give the oldest queued requests of a function to an executor.

        :param limit: most requests; less when their payloads are large.
        :param lease: seconds.
        :param version_id: the version that they are to run: the function
            may have got a new one while they waited. None for the one that
            they were accepted for.
        :returns: dicts of id, attempt, version_id and payload (bytes).
        """
        now = base.now()
        with self.writer() as session:
            rows = session.execute(
                sa.select(Request.id, Request.attempt, Request.version_id,
                          Request.created_at)
                .where(Request.status == states.QUEUED,
                       Request.function_id == function_id)
                .order_by(Request.id).limit(limit)
                .with_for_update(skip_locked=True)).all()
            rows = self._fitting(session, rows)
            ids = [row.id for row in rows]
            if not ids:
                return []
            values = {'version_id': version_id} if version_id else {}
            session.execute(
                sa.update(Request)
                .where(Request.id.in_(ids), Request.status == states.QUEUED)
                .values(status=states.RUNNING, attempt=Request.attempt + 1,
                        executor_id=executor_id, executor=host,
                        started_at=now,
                        lease_until=now + datetime.timedelta(seconds=lease),
                        **values),
                execution_options={'synchronize_session': False})
            payloads = dict(session.execute(
                sa.select(models.RequestPayload.id,
                          models.RequestPayload.payload)
                .where(models.RequestPayload.id.in_(ids))).all())
        return [{'id': row.id, 'attempt': row.attempt + 1,
                 'version_id': version_id or row.version_id,
                 'payload': payloads.get(row.id, b'null')} for row in rows]

    @staticmethod
    def _fitting(session, rows):
        """:returns: the first rows, as many as have room in a message."""
        payload = models.RequestPayload
        sizes = dict(session.execute(
            sa.select(payload.id, sa.func.length(payload.payload))
            .where(payload.id.in_([row.id for row in rows]))).all())
        total = 0
        for count, row in enumerate(rows):
            total += sizes.get(row.id) or 0
            if count and total > CLAIM_BYTES:
                return rows[:count]
        return rows

    @base.retried
    def renew(self, executor_id, ids, lease):
        """Renew the leases of what an executor says that it holds."""
        ids = sorted(ids)  # the order in which others lock them
        until = base.now() + datetime.timedelta(seconds=lease)
        with self.writer() as session:
            for start in range(0, len(ids), 500):
                session.execute(
                    sa.update(Request)
                    .where(Request.id.in_(ids[start:start + 500]),
                           Request.executor_id == executor_id,
                           Request.status == states.RUNNING)
                    .values(lease_until=until),
                    execution_options={'synchronize_session': False})

    @base.retried
    def record(self, results):
        """Record what became of attempts, each once.

        :param results: dicts of id, attempt, status, code, detail, start,
            duration (ms), started_at, finished_at (seconds since 1970),
            response (JSON text or None), logs (text), truncated. One with a
            ``request`` (its columns) and a ``payload`` is of a caller who
            waits and need not have a row. Status ``queued`` gives an
            attempt back; with ``lost`` it counts as a failure of the
            platform. Status ``running`` only makes a row for a caller who
            waits, so that the request can be seen and cancelled.
        :returns: how many changed something.
        """
        try:
            return self._record(results)
        except db_exception.DBDuplicateEntry:
            # The same result of a caller who waits came twice at once: now
            # it is there, and the rest can be recorded.
            return self._record(results)

    def _record(self, results):
        # That a request runs is no news beside how it ended.
        last = {(item['id'], item['attempt']): item for item in results
                if item['status'] == states.RUNNING}
        last.update({(item['id'], item['attempt']): item for item in results
                     if item['status'] != states.RUNNING})
        results = list(last.values())
        with self.writer() as session:
            known = self._known(session, [item['id'] for item in results])
            new = [item for item in results
                   if item['id'] not in known and 'request' in item]
            if new:
                self._insert(session, new)
            matching = [item for item in results
                        if known.get(item['id']) == item['attempt']
                        and item['status'] != states.RUNNING]
            back = [item for item in matching
                    if item['status'] == states.QUEUED]
            final = [item for item in matching
                     if item['status'] != states.QUEUED]
            for item in back:
                self._give_back(session, Request.id == item['id'],
                                Request.attempt == item['attempt'],
                                lost=item.get('lost', False),
                                code=base.text(item.get('code'), 64),
                                detail=base.text(item.get('detail'), DETAIL))
            if final:
                self._finish(session, final)
        return len(new) + len(matching)

    @staticmethod
    def _known(session, ids):
        """:returns: {id: attempt that is running, None when none is}."""
        known = {}
        for start in range(0, len(ids), 500):
            for row in session.execute(
                    sa.select(Request.id, Request.attempt, Request.status)
                    .where(Request.id.in_(ids[start:start + 500]))
                    .order_by(Request.id).with_for_update()):
                running = row.status == states.RUNNING
                known[row.id] = row.attempt if running else None
        return known

    @staticmethod
    def _columns(item):
        return {'status': item['status'],
                'code': base.text(item.get('code'), 64),
                'detail': base.text(item.get('detail'), DETAIL),
                'start': item.get('start'),
                'duration': item.get('duration'),
                'started_at': _time(item.get('started_at')),
                'finished_at': _time(item.get('finished_at'))}

    @staticmethod
    def _result(item):
        response = item.get('response')
        return {'id': item['id'],
                'response': None if response is None else response.encode(),
                'logs': item.get('logs', '').encode(
                    errors='surrogateescape'),
                'truncated': item.get('truncated', False)}

    def _insert(self, session, items):
        lease = base.now() + datetime.timedelta(
            seconds=self.conf.conductor.lease)
        rows = []
        for item in items:
            row = dict(item['request'], id=item['id'],
                       attempt=item['attempt'], max_attempts=1, failures=0,
                       **self._columns(item))
            row['created_at'] = _time(row['created_at'])
            row['lease_until'] = (lease if item['status'] == states.RUNNING
                                  else None)
            rows.append(row)
        _insert(session, models.Request, rows)
        _insert(session, models.RequestPayload,
                [{'id': item['id'], 'payload': item['payload'].encode()}
                 for item in items])
        _insert(session, models.RequestResult,
                [self._result(item) for item in items
                 if item['status'] != states.RUNNING])

    def _finish(self, session, items):
        columns = ('status', 'code', 'detail', 'start', 'duration',
                   'started_at', 'finished_at')
        table = Request.__table__
        statement = sa.update(table).where(
            table.c.id == sa.bindparam('the_id'),
            table.c.status == states.RUNNING,
            table.c.attempt == sa.bindparam('the_attempt')
        ).values({name: sa.bindparam('new_' + name) for name in columns})
        changes = []
        for item in items:
            states.check(states.REQUEST_CHANGES, states.RUNNING,
                         item['status'])
            change = {'new_' + name: value
                      for name, value in self._columns(item).items()}
            change.update(the_id=item['id'], the_attempt=item['attempt'])
            changes.append(change)
        session.connection().execute(statement, changes)
        _insert(session, models.RequestResult,
                [self._result(item) for item in items])

    @staticmethod
    def _give_back(session, *where, lost, code, detail):
        """Running attempts go back to the queue, or end when too many were
        lost; a caller who waits is never served by a second attempt."""
        now = base.now()
        running = (Request.status == states.RUNNING,) + where
        options = {'synchronize_session': False}
        count = 0
        if lost:
            count += session.execute(
                sa.update(Request).where(
                    *running, sa.or_(
                        Request.type == 'sync',
                        Request.failures + 1 >= Request.max_attempts))
                .values(status=sa.case((Request.type == 'sync',
                                        states.ERROR), else_=states.DEAD),
                        failures=Request.failures + 1, finished_at=now,
                        code=code, detail=detail),
                execution_options=options).rowcount
        count += session.execute(
            sa.update(Request).where(*running)
            .values(status=states.QUEUED,
                    failures=Request.failures + (1 if lost else 0),
                    executor_id=None, executor=None, started_at=None,
                    lease_until=None, code=code, detail=detail),
            execution_options=options).rowcount
        return count

    @base.retried
    def redrive(self, host=None, incarnation=None):
        """Give back the attempts whose lease has run out.

        :param host: instead, those of earlier lives of this executor, if it
            is there again as ``incarnation``.
        :param incarnation: without a host those of this life, which is over.
        :returns: how many requests that were, at most a thousand.
        """
        if incarnation is None:
            where = (Request.lease_until < base.now(),)
        elif host is None:
            where = (Request.executor_id == incarnation,)
        else:
            where = (Request.executor == host,
                     Request.executor_id != incarnation,
                     sa.exists().where(
                         models.Service.binary == 'pratai-executor',
                         models.Service.incarnation == incarnation))
        with self.writer() as session:
            # NOTE: what somebody else has locked is being recorded, or given
            # back, at this moment; the next sweep sees what became of it.
            ids = session.scalars(
                sa.select(Request.id)
                .where(Request.status == states.RUNNING, *where)
                .order_by(Request.id).limit(REDRIVE)
                .with_for_update(skip_locked=True)).all()
            if not ids:
                return 0
            return self._give_back(
                session, Request.id.in_(ids), lost=True,
                code='platform.attempt_lost',
                detail='The executor was lost while the request ran.')

    def cancel_queued(self, request_id):
        """:returns: whether the request was waiting and is now cancelled."""
        return self._end_now(request_id, states.QUEUED)

    def cancel_running(self, request_id):
        """Record a running request as cancelled without its executor.

        :returns: whether it was running.
        """
        return self._end_now(request_id, states.RUNNING)

    @base.retried
    def _end_now(self, request_id, expected):
        with self.writer() as session:
            return session.execute(
                sa.update(Request).where(Request.id == request_id,
                                         Request.status == expected)
                .values(status=states.CANCELLED, finished_at=base.now(),
                        code='function.cancelled',
                        detail='Cancelled by its caller.'),
                execution_options={'synchronize_session': False}
            ).rowcount == 1

    @base.retried
    def give_up_queued(self, function_id, code, detail):
        """End the queued requests of a function that can never run."""
        with self.writer() as session:
            return end_queued(session, function_id, states.ERROR, code,
                              detail)

    @base.retried
    def cancel_deleted(self, function_id):
        """End what was queued, or came back, after the function was deleted.
        """
        with self.writer() as session:
            return end_deleted(session, function_id)

    def current_version(self, function_id):
        """:returns: (id of a function's version, status of the function);
            (None, None) when it is gone."""
        with self.reader() as session:
            row = session.execute(
                sa.select(models.Function.version_id, models.Function.status)
                .where(models.Function.id == function_id)).first()
        return (None, None) if row is None else tuple(row)

    def version_spec(self, version_id):
        """:returns: what an executor needs to know to run a version, as
            JSON types; None when it is gone or has no image yet."""
        query = sa.select(models.Version, models.Function.project_id).join(
            models.Function,
            models.Function.id == models.Version.function_id).where(
            models.Version.id == version_id)
        with self.reader() as session:
            row = session.execute(query).first()
        if row is None or row[0].image is None:
            return None
        version = base.as_dict(row[0], 'package_id', 'created_at', 'number')
        return dict(version, project_id=row.project_id)
