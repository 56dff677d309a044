# SPDX-License-Identifier: Apache-2.0
"""Processes that live, and the runtimes that executors offer."""

import datetime
import re
import uuid

from oslo_db import exception as db_exception
import sqlalchemy as sa

from pratai import exception
from pratai.db import base
from pratai.db import models

UP = 'up'
DOWN = 'down'
ENABLED = 'enabled'
DISABLED = 'disabled'
DRAINING = 'draining'
#: What operators may want of a service.
STATES = (ENABLED, DISABLED, DRAINING)
Service = models.Service


class Services:

    @base.retried
    def service_register(self, binary, host, incarnation, started_at, details,
                         private=None):
        """Enter a process in the list, in its predecessor's place.

        :param started_at: seconds since 1970.
        """
        values = dict(
            incarnation=incarnation, details=details, private=private or {},
            started_at=datetime.datetime.fromtimestamp(
                started_at, datetime.UTC).replace(tzinfo=None),
            updated_at=base.now())
        where = (Service.binary == binary, Service.host == host)
        with self.writer() as session:
            if session.execute(sa.update(Service).where(*where)
                               .values(**values)).rowcount:
                return
        try:
            with self.writer() as session:
                session.add(Service(id=uuid.uuid4().hex, binary=binary,
                                    host=host, **values))
        except db_exception.DBDuplicateEntry:
            with self.writer() as session:
                session.execute(sa.update(Service).where(*where)
                                .values(**values))

    @base.retried
    def service_beat(self, binary, host, incarnation, details):
        """:returns: the state that operators want it to have; None when
            the list does not have this life of the process: it has to
            register again."""
        where = (Service.binary == binary, Service.host == host,
                 Service.incarnation == incarnation)
        with self.writer() as session:
            session.execute(sa.update(Service).where(*where).values(
                updated_at=base.now(), details=details))
            return session.scalar(sa.select(Service.state).where(*where))

    @base.retried
    def service_remove(self, binary, host, incarnation):
        """Take a process off the list that stopped in order.

        What an operator said of it has to outlast a restart: then it stays
        in the list, as down.
        """
        where = (Service.binary == binary, Service.host == host,
                 Service.incarnation == incarnation)
        with self.writer() as session:
            session.execute(sa.delete(Service).where(
                *where, Service.state == ENABLED))
            session.execute(sa.update(Service).where(*where).values(
                updated_at=datetime.datetime(1970, 1, 1)))

    def service_get(self, service_id):
        """:raises exception.NotFound: there is no such service."""
        for row in self.service_list():
            if row['id'] == service_id:
                return row
        raise exception.NotFound('service', service_id)

    @base.retried
    def service_set_state(self, service_id, state, reason=None):
        """Enter what an operator wants of a service.

        :param state: one of :data:`STATES`.
        :param reason: a sentence for other operators, or None.
        :returns: the service, as in the list.
        :raises exception.NotFound: there is no such service.
        """
        with self.writer() as session:
            session.execute(sa.update(Service)
                            .where(Service.id == service_id)
                            .values(state=state, state_reason=reason))
        return self.service_get(service_id)

    def service_list(self, binary=None):
        """:returns: dicts with status up or down, ``private`` left out."""
        return [base_dict for base_dict, private in self._services(binary)]

    def executors_up(self):
        """:returns: dicts of the executors that take work, with private."""
        return [dict(service, private=private)
                for service, private in self._services('pratai-executor')
                if service['status'] == UP]

    def executors_silence(self):
        """:returns: seconds since any executor was heard of; None when there
            are none."""
        with self.reader() as session:
            seen = session.scalar(sa.select(
                sa.func.max(Service.updated_at)).where(
                    Service.binary == 'pratai-executor'))
        return seen and (base.now() - seen).total_seconds()

    def executor_away_for(self, host):
        """:returns: seconds since an executor was last heard of; None when
            nothing is known of it (any more)."""
        with self.reader() as session:
            seen = session.scalar(sa.select(Service.updated_at).where(
                Service.binary == 'pratai-executor', Service.host == host))
        return seen and (base.now() - seen).total_seconds()

    def _services(self, binary):
        oldest = base.now() - datetime.timedelta(
            seconds=self.conf.conductor.service_down_time)
        query = sa.select(Service).order_by(Service.binary, Service.host)
        if binary is not None:
            query = query.where(Service.binary == binary)
        with self.reader() as session:
            return [(dict(base.as_dict(row, 'private'),
                          status=UP if row.updated_at >= oldest else DOWN),
                     row.private)
                    for row in session.scalars(query)]

    @base.retried
    def runtimes_offered(self, runtimes):
        """Enter runtimes that an executor offers.

        :param runtimes: dicts of name, language, version, description.
        """
        with self.reader() as session:
            known = {row.name: base.as_dict(row)
                     for row in session.scalars(sa.select(models.Runtime))}
        for runtime in runtimes:
            values = {key: runtime[key] for key in
                      ('language', 'version', 'description')}
            before = known.get(runtime['name'])
            try:
                with self.writer() as session:
                    if before is None:
                        session.add(models.Runtime(
                            id=uuid.uuid4().hex, name=runtime['name'],
                            disabled=False, created_at=base.now(), **values))
                    elif any(before[key] != values[key] for key in values):
                        session.execute(
                            sa.update(models.Runtime)
                            .where(models.Runtime.id == before['id'])
                            .values(**values))
            except db_exception.DBDuplicateEntry:
                continue  # another conductor was told at the same time

    def runtime_list(self):
        """:returns: runtimes by name, with status and default.

        A runtime is available when an executor that is up offers it.
        """
        offered = {name for service in self.executors_up()
                   for name in service['details'].get('runtimes', ())}
        with self.reader() as session:
            rows = [base.as_dict(row, 'disabled')
                    | {'status': ('disabled' if row.disabled else
                                  'available' if row.name in offered else
                                  'unavailable')}
                    for row in session.scalars(sa.select(models.Runtime))]
        rows.sort(key=lambda row: _natural(row['name']))
        default = self.conf.limits.default_runtime
        if not default:
            newest = [row for row in rows if row['status'] == 'available'
                      and row['language'] == 'python']
            newest.sort(key=lambda row: _natural(row['version']))
            default = newest[-1]['name'] if newest else None
        return [dict(row, default=row['name'] == default) for row in rows]

    @base.retried
    def runtime_set_enabled(self, name_or_id, enabled):
        """Let functions be made for a runtime, or not; those that there are
        run all the same.

        :returns: the runtime, as in the list.
        :raises exception.NotFound: there is no such runtime.
        """
        runtime = self.runtime_get(name_or_id)
        with self.writer() as session:
            session.execute(sa.update(models.Runtime)
                            .where(models.Runtime.id == runtime['id'])
                            .values(disabled=not enabled))
        return self.runtime_get(runtime['id'])

    def runtime_get(self, name_or_id):
        """:raises exception.NotFound: there is no such runtime."""
        for row in self.runtime_list():
            if name_or_id in (row['name'], row['id']):
                return row
        raise exception.NotFound('runtime', name_or_id)


def _natural(text):
    """Sort key in which 3.9 comes before 3.11."""
    return [(int(part), '') if part.isdigit() else (0, part)
            for part in re.split(r'(\d+)', text)]
