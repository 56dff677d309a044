# SPDX-License-Identifier: Apache-2.0
"""Functions, their versions, packages and builds, as callers see them."""

import uuid

from oslo_db import exception as db_exception
import sqlalchemy as sa

from pratai import exception
from pratai import states
from pratai.db import base
from pratai.db import dispatch
from pratai.db import models

#: What the function itself has; other settings are its version's.
OWN = ('name', 'description', 'type', 'public')
SORT_KEYS = ('created_at', 'name', 'updated_at')


class Functions:

    @base.retried
    def function_create(self, values, version, package):
        """Function, first version, package and a queued build at once.

        :param values: id, project_id, user_id, name, description, type,
            event, public, webhook_token.
        :param version: runtime, memory, cpus, timeout, isolation, network,
            limit.
        :param package: id, location, sha256, size, module, requirements.
        :returns: the function, see :meth:`function_get`.
        :raises exception.Conflict: the project has that name already.
        """
        now = base.now()
        version_id = uuid.uuid4().hex
        settings = dict(version)
        concurrency = settings.pop('limit')
        try:
            with self.writer() as session:
                session.add(models.Package(
                    project_id=values['project_id'], created_at=now,
                    **package))
                session.add(models.Function(
                    status=states.BUILDING, version_id=version_id,
                    created_at=now, updated_at=now, **values))
                session.flush()
                session.add(models.Version(
                    id=version_id, function_id=values['id'],
                    package_id=package['id'], number=1,
                    concurrency=concurrency, created_at=now, **settings))
                session.flush()
                session.add(models.Build(
                    id=uuid.uuid4().hex, function_id=values['id'],
                    version_id=version_id, status=states.QUEUED,
                    created_at=now))
        except db_exception.DBDuplicateEntry as error:
            raise _name_in_use(values['name']) from error
        return self.function_get(values['id'])

    def function_get(self, function_id, project_id=None):
        """:returns: a dict of the function and its current version.

        :param project_id: None reads across projects.
        :raises exception.NotFound: not there, or another project's.
        """
        query = self._function_query(project_id).where(
            models.Function.id == function_id)
        with self.reader() as session:
            row = session.execute(query).first()
            if row is None:
                raise exception.NotFound('function', function_id)
            return self._function(row)

    def function_list(self, project_id, filters, limit, marker, sort_key,
                      sort_dir):
        """:returns: at most ``limit`` functions after ``marker``.

        :param filters: any of name, id (a prefix), status, runtime, type,
            project_id.
        :raises exception.Invalid: the marker is not a function of the
            project.
        """
        column = getattr(models.Function, sort_key)
        query = self._function_query(project_id)
        query = self._filter(query, dict(filters))
        with self.reader() as session:
            if marker:
                point = sa.select(column).where(models.Function.id == marker)
                if project_id is not None:
                    point = point.where(
                        models.Function.project_id == project_id)
                at = session.execute(point).first()
                if at is None:
                    raise exception.Invalid('marker: there is no function %s'
                                            % marker)
                key = sa.tuple_(column, models.Function.id)
                point = sa.tuple_(sa.literal(at[0], column.type),
                                  sa.literal(marker))
                query = query.where(key > point if sort_dir == 'asc'
                                    else key < point)
            order = sa.asc if sort_dir == 'asc' else sa.desc
            query = query.order_by(order(column), order(models.Function.id))
            rows = session.execute(query.limit(limit)).all()
            return [self._function(row) for row in rows]

    @base.retried
    def function_update(self, function_id, changes, project_id=None):
        """Change a function without building it anew.

        What shapes an instance belongs to the version, which is immutable:
        a change of that makes a new one, of the same package and image, so
        that no request of the new one meets an instance of the old one.

        :param changes: any of name, description, type, public, memory,
            cpus, timeout, isolation, network, limit.
        :returns: (the function, ids of the versions that it leaves behind)
        :raises exception.NotFound: not there, or another project's.
        :raises exception.Conflict: the project has that name already; or
            the settings of a function that has no image yet, or none at
            all, are to be changed.
        """
        own = {name: changes[name] for name in OWN if name in changes}
        settings = {name: value for name, value in changes.items()
                    if name not in OWN}
        if 'limit' in settings:
            settings['concurrency'] = settings.pop('limit')
        left = []
        try:
            with self.writer() as session:
                function, version = self._locked(session, function_id,
                                                 project_id)
                if any(getattr(version, name) != value
                       for name, value in settings.items()):
                    left.append(version.id)
                    own['version_id'] = self._follow(session, function,
                                                     version, settings)
                session.execute(
                    sa.update(models.Function)
                    .where(models.Function.id == function_id)
                    .values(updated_at=base.now(), **own))
        except db_exception.DBDuplicateEntry as error:
            raise _name_in_use(changes.get('name')) from error
        return self.function_get(function_id), left

    def _locked(self, session, function_id, project_id):
        query = sa.select(models.Function).where(
            models.Function.id == function_id)
        if project_id is not None:
            query = query.where(models.Function.project_id == project_id)
        # NOTE: the version in a query of its own. PostgreSQL looks at a row
        # that it had to wait for again, but joins it with what it had found
        # before: the version that is not the function's any more.
        function = session.scalar(query.with_for_update())
        if function is None:
            raise exception.NotFound('function', function_id)
        return function, session.get(models.Version, function.version_id)

    @staticmethod
    def _follow(session, function, version, settings):
        """Enter the version that comes after one.

        :returns: its id.
        """
        if function.status == states.BUILDING:
            raise exception.Conflict(
                'The function is being built; try again in a moment.',
                code='function.building', retry_after=1)
        if version.image is None and function.status != states.ERROR:
            raise exception.Conflict(
                'The image of the function was lost and is built again; try '
                'again in a moment.', code='function.rebuilding',
                retry_after=5)
        if version.image is None:
            raise exception.Conflict(
                'The function was not built, so that nothing would run with '
                'these settings: %s' % function.status_detail,
                code='function.in_error')
        values = base.as_dict(version)
        values.update(settings, id=uuid.uuid4().hex, created_at=base.now(),
                      number=version.number + 1)
        session.add(models.Version(**values))
        session.flush()
        return values['id']

    @base.retried
    def function_delete(self, function_id, project_id=None):
        """Delete a function with its versions, builds and package rows.

        Requests that wait are cancelled; one that runs is finished and
        recorded. History stays until it is purged.

        :returns: {'locations': packages to delete from the store,
            'versions': ids whose images and instances are to go}
        :raises exception.NotFound: not there, or another project's.
        """
        with self.writer() as session:
            query = sa.select(models.Function.id).where(
                models.Function.id == function_id)
            if project_id is not None:
                query = query.where(models.Function.project_id == project_id)
            if session.execute(query.with_for_update()).first() is None:
                raise exception.NotFound('function', function_id)
            versions = session.execute(
                sa.select(models.Version.id, models.Version.package_id)
                .where(models.Version.function_id == function_id)).all()
            packages = {row.package_id for row in versions}
            locations = session.scalars(
                sa.select(models.Package.location)
                .where(models.Package.id.in_(packages))).all()
            dispatch.end_deleted(session, function_id)
            for table, column, ids in (
                    (models.Build, 'function_id', [function_id]),
                    (models.Version, 'function_id', [function_id]),
                    (models.Package, 'id', packages),
                    (models.Function, 'id', [function_id])):
                session.execute(sa.delete(table).where(
                    getattr(table, column).in_(ids)))
        return {'locations': list(locations),
                'versions': [row.id for row in versions]}

    def package_get(self, function_id, project_id=None):
        """:returns: location, sha256 and size of the current package.

        :raises exception.NotFound: no such function.
        """
        query = sa.select(
            models.Package.location, models.Package.sha256,
            models.Package.size, models.Function.name).join(
            models.Version, models.Version.package_id == models.Package.id
        ).join(models.Function,
               models.Function.version_id == models.Version.id
               ).where(models.Function.id == function_id)
        if project_id is not None:
            query = query.where(models.Function.project_id == project_id)
        with self.reader() as session:
            row = session.execute(query).first()
        if row is None:
            raise exception.NotFound('function', function_id)
        return row._asdict()

    def build_list(self, function_id, project_id=None):
        """:returns: the builds of a function with their logs, newest first.

        :raises exception.NotFound: no such function.
        """
        self.function_get(function_id, project_id)
        query = sa.select(models.Build, models.Version.number).join(
            models.Version, models.Version.id == models.Build.version_id
        ).where(models.Build.function_id == function_id).order_by(
            models.Build.created_at.desc())
        with self.reader() as session:
            return [dict(base.as_dict(build, 'lease_until', 'executor_id'),
                         version=number)
                    for build, number in session.execute(query).all()]

    @staticmethod
    def _function_query(project_id):
        if project_id is None:
            return _QUERY
        return _QUERY.where(models.Function.project_id == project_id)

    @staticmethod
    def _running():
        return sa.select(models.Request.function_id).where(
            models.Request.status == states.RUNNING)

    def _filter(self, query, filters):
        status = filters.pop('status', None)
        prefix = filters.pop('id', None)
        runtime = filters.pop('runtime', None)
        for name, value in filters.items():
            query = query.where(getattr(models.Function, name) == value)
        if runtime is not None:
            query = query.where(models.Version.runtime == runtime)
        if prefix is not None:
            query = query.where(models.Function.id.startswith(
                prefix, autoescape=True))
        if status == states.ACTIVE:
            query = query.where(models.Function.status == states.INACTIVE,
                                models.Function.id.in_(self._running()))
        elif status is not None:
            query = query.where(models.Function.status == status)
            if status == states.INACTIVE:
                query = query.where(
                    models.Function.id.not_in(self._running()))
        return query

    @staticmethod
    def _function(row):
        result = row._asdict()
        runs = result.pop('runs')
        if result['status'] == states.INACTIVE and runs:
            result['status'] = states.ACTIVE
        return result


def _query():
    """:returns: a query of functions, their current versions, and whether
        they run; of columns, since objects take twice the time."""
    function = models.Function.__table__.columns
    version = models.Version.__table__.columns
    known = {*function.keys(), 'function_id', 'package_id', 'number',
             'concurrency'}
    runs = sa.exists().where(
        models.Request.function_id == models.Function.id,
        models.Request.status == states.RUNNING)
    return sa.select(
        *function, *(one for one in version if one.name not in known),
        version.concurrency.label('limit'), version.number.label('version'),
        runs.label('runs')).select_from(models.Function).join(
        models.Version, models.Version.id == models.Function.version_id)


_QUERY = _query()


def _name_in_use(name):
    return exception.Conflict(
        'The project has a function named %s already.' % name,
        code='function.name_in_use')
