# SPDX-License-Identifier: Apache-2.0
"""The life of builds; their change of status is fenced like a request's."""

import datetime
import uuid

import sqlalchemy as sa

from pratai import states
from pratai.db import base
from pratai.db import models

Build = models.Build
#: Builds that are looked at when one is chosen.
MOST_QUEUED = 200
#: Seconds, times the attempts so far, until a build that the platform failed
#: is tried again, and the longest such time.
RETRY = 5
MOST_DELAY = 60
#: Characters that are kept of what went wrong.
DETAIL = 4000


class Builds:

    def version_ids(self):
        """:returns: ids of all versions that there are."""
        with self.reader() as session:
            return list(session.scalars(sa.select(models.Version.id)))

    @base.retried
    def build_claim(self, executor_id, limit, lease, build_id=None):
        """Give queued builds to an executor, oldest first.

        :param build_id: only this one.
        :returns: dicts of all that a builder needs.
        """
        now = base.now()
        with self.writer() as session:
            query = sa.select(Build.id).where(Build.status == states.QUEUED)
            if build_id is not None:
                query = query.where(Build.id == build_id)
            ids = session.scalars(
                query.order_by(Build.created_at).limit(limit)
                .with_for_update(skip_locked=True)).all()
            if not ids:
                return []
            session.execute(
                sa.update(Build)
                .where(Build.id.in_(ids), Build.status == states.QUEUED)
                .values(status=states.RUNNING, attempt=Build.attempt + 1,
                        executor_id=executor_id, started_at=now, log='',
                        lease_until=now + datetime.timedelta(seconds=lease)),
                execution_options={'synchronize_session': False})
            rows = session.execute(
                sa.select(Build, models.Version, models.Package)
                .join(models.Version, models.Version.id == Build.version_id)
                .join(models.Package,
                      models.Package.id == models.Version.package_id)
                .where(Build.id.in_(ids))).all()
            return [dict(base.as_dict(version, 'id', 'created_at', 'image'),
                         build_id=build.id, attempt=build.attempt,
                         version_id=version.id,
                         project_id=package.project_id,
                         module=package.module,
                         requirements=package.requirements)
                    for build, version, package in rows]

    def build_running(self):
        """:returns: dicts of executor_id and project_id, one a running
            build."""
        query = sa.select(
            Build.executor_id, models.Function.project_id
        ).join(models.Function, models.Function.id == Build.function_id
               ).where(Build.status == states.RUNNING)
        with self.reader() as session:
            return [row._asdict() for row in session.execute(query)]

    def build_queued(self, runtimes=None):
        """:returns: builds that wait and may begin, as dicts of id, project_id
            and runtime: the oldest of each project, then their second, ...
            """
        turn = sa.func.row_number().over(
            partition_by=models.Function.project_id,
            order_by=Build.created_at).label('turn')
        waiting = sa.select(
            Build.id, models.Function.project_id, models.Version.runtime,
            Build.created_at, turn
        ).join(models.Function, models.Function.id == Build.function_id
               ).join(models.Version, models.Version.id == Build.version_id
                      ).where(Build.status == states.QUEUED, sa.or_(
                          Build.lease_until.is_(None),
                          Build.lease_until < base.now()))
        if runtimes is not None:
            waiting = waiting.where(models.Version.runtime.in_(runtimes))
        waiting = waiting.subquery()
        query = sa.select(
            waiting.c.id, waiting.c.project_id, waiting.c.runtime
        ).order_by(waiting.c.turn, waiting.c.created_at).limit(MOST_QUEUED)
        with self.reader() as session:
            return [row._asdict() for row in session.execute(query)]

    @base.retried
    def version_rebuild(self, version_id, image):
        """Queue another build of a version whose image was lost.

        The function stays what it is: what is queued waits.

        :param image: the one that was lost.
        :returns: whether this changed anything: not when the version has
            another image by now.
        """
        with self.writer() as session:
            version = session.get(models.Version, version_id,
                                  with_for_update=True)
            if version is None or image is None or version.image != image:
                return False
            version.image = None
            session.add(Build(
                id=uuid.uuid4().hex, function_id=version.function_id,
                version_id=version_id, status=states.QUEUED,
                created_at=base.now()))
        return True

    @base.retried
    def build_log(self, build_id, attempt, text):
        """Append to the log of a running build.

        :returns: False when that attempt is not the running one (any more):
            the builder may stop.
        """
        with self.writer() as session:
            return session.execute(
                sa.update(Build).where(
                    Build.id == build_id, Build.attempt == attempt,
                    Build.status == states.RUNNING)
                .values(log=Build.log.concat(
                    base.text(text, len(text)))),
                execution_options={'synchronize_session': False}
            ).rowcount == 1

    @base.retried
    def build_finish(self, build_id, attempt, image, code, detail):
        """Record how a build ended, once, with what follows from it.

        :param image: the driver's description; None when it failed.
        :returns: whether this changed anything.
        """
        now = base.now()
        code, detail = base.text(code, 64), base.text(detail, DETAIL)
        status = states.FAILED if image is None else states.SUCCEEDED
        with self.writer() as session:
            changed = session.execute(
                sa.update(Build).where(
                    Build.id == build_id, Build.attempt == attempt,
                    Build.status == states.RUNNING)
                .values(status=status, code=code, detail=detail,
                        finished_at=now, lease_until=None),
                execution_options={'synchronize_session': False}).rowcount
            if not changed:
                return False
            build = session.get(Build, build_id)
            if image is not None:
                session.execute(
                    sa.update(models.Version)
                    .where(models.Version.id == build.version_id)
                    .values(image=image))
            session.execute(
                sa.update(models.Function).where(
                    models.Function.id == build.function_id,
                    models.Function.version_id == build.version_id)
                .values(status=(states.ERROR if image is None
                                else states.INACTIVE),
                        status_code=code, status_detail=detail,
                        updated_at=now))
        return True

    @base.retried
    def build_give_back(self, build_id, attempt, max_attempts, code, detail):
        """The platform failed to build it: again, after a while, or no more.

        One whose function was built before, and whose image was lost, is
        tried for as long as it takes: nothing is wrong with the function.

        :returns: whether it is queued again.
        """
        if attempt >= max_attempts and not self._was_built(build_id):
            self.build_finish(build_id, attempt, None, code, detail)
            return False
        delay = min(RETRY * attempt, MOST_DELAY)
        with self.writer() as session:
            return session.execute(
                sa.update(Build).where(
                    Build.id == build_id, Build.attempt == attempt,
                    Build.status == states.RUNNING)
                .values(status=states.QUEUED, executor_id=None,
                        lease_until=base.now()
                        + datetime.timedelta(seconds=delay)),
                execution_options={'synchronize_session': False}
            ).rowcount == 1

    def _was_built(self, build_id):
        function = sa.select(Build.function_id).where(Build.id == build_id)
        with self.reader() as session:
            return session.scalar(sa.select(Build.id).where(
                Build.function_id == function.scalar_subquery(),
                Build.status == states.SUCCEEDED).limit(1)) is not None

    @base.retried
    def build_renew(self, executor_id, ids, lease):
        """Renew the leases of builds an executor says that it runs."""
        until = base.now() + datetime.timedelta(seconds=lease)
        with self.writer() as session:
            session.execute(
                sa.update(Build)
                .where(Build.id.in_(ids), Build.executor_id == executor_id,
                       Build.status == states.RUNNING)
                .values(lease_until=until),
                execution_options={'synchronize_session': False})

    def build_redrive(self, incarnations, max_attempts, leases=True):
        """Queue again the builds whose executor is gone.

        :param incarnations: executors that are alive.
        :param max_attempts: a build that was lost so often fails.
        :param leases: whether those whose lease has run out are lost too.
        :returns: how many builds that were.
        """
        query = sa.select(Build.id, Build.attempt).where(
            Build.status == states.RUNNING,
            sa.or_(Build.executor_id.not_in(incarnations),
                   sa.and_(leases, Build.lease_until < base.now())))
        with self.reader() as session:
            lost = session.execute(query).all()
        for build_id, attempt in lost:
            self.build_give_back(
                build_id, attempt, max_attempts, 'build.interrupted',
                'The build was interrupted %d times.' % attempt)
        return len(lost)
