# SPDX-License-Identifier: Apache-2.0
"""What the conductor does when it is called; see rpcapi for the callers."""

import logging
import threading

from pratai import access
from pratai import exception
from pratai import rpc
from pratai import states
from pratai.conductor import builds
from pratai.conductor import dispatch
from pratai.conductor import placement
from pratai.conductor import silence
from pratai.executor import rpcapi as executor_rpcapi

LOG = logging.getLogger(__name__)

#: Executors named in one answer about where a function lives.
CHOICES = 3


class ConductorManager:
    """The only writer of what executors report of requests and builds."""

    def __init__(self, conf, database, transport, **options):
        self._conf = conf
        self._db = database
        self._executor = executor_rpcapi.ExecutorAPI(transport)
        self._silence = silence.Silence(conf, database)
        self.dispatcher = dispatch.Dispatcher(
            conf, database, self._executor, database.executors_up,
            self.image_missing, self._silence.is_loss, **options)
        self.builds = builds.Builds(
            conf, database, self._executor, database.executors_up)
        self._building = threading.Lock()

    def hint(self):
        self.dispatcher.wake()

    def build_hint(self):
        with self._building:
            self.builds.run_once()

    def sweep(self):
        """Find what was lost; called every now and then."""
        self._silence.look()
        # NOTE: asked anew each time: each of these may take a while.
        is_loss = self._silence.is_loss
        lost = 0
        while is_loss() and (count := self._db.redrive()):
            lost += count
        if lost:
            LOG.warning('%d requests lost their executor and are tried '
                        'again', lost)
        with self._building:
            self.builds.sweep(is_loss())
        self.dispatcher.wake()

    def _redrive(self, host, incarnation):
        total = 0
        while count := self._db.redrive(host, incarnation):
            total += count
        return total

    def forget(self, version_ids):
        self.dispatcher.forget(version_ids)
        self._executor.forget(version_ids)

    def retire(self, version_ids):
        self.dispatcher.forget(version_ids)
        self._executor.retire(version_ids)

    def image_missing(self, version_id, image):
        """Build a version again whose image was lost.

        What is queued waits for it. Nothing happens when it has another
        image by now.

        :param image: the one that was looked for.
        """
        self.dispatcher.forget([version_id])
        if self._db.version_rebuild(version_id, image):
            LOG.warning('The image of version %s is lost and built again',
                        version_id)
            self.build_hint()

    def versions(self):
        """:returns: ids of the versions whose images are to be kept."""
        return self._db.version_ids()

    def place(self, function_id):
        """Say where requests of a function are to be run.

        :returns: {'executors': [{'url', 'ticket'}] best first, 'seconds':
            how long this may be used}
        :raises exception.Unavailable: there is no executor, or no image.
        :raises exception.NotFound: there is no such function.
        """
        version_id, status = self._db.current_version(function_id)
        if version_id is None:
            raise exception.NotFound('function', function_id)
        spec = self.dispatcher.spec(version_id)
        if spec is None and status == states.ERROR:
            raise exception.Conflict('The function has no image to run.',
                                     code='function.in_error')
        if spec is None:
            raise exception.Unavailable(
                'The image of the function was lost and is built again.',
                code='function.rebuilding')
        up = {item['host']: item for item in self._db.executors_up()}
        executors = {host: item['private'] for host, item in up.items()
                     if placement.takes(item, spec)}
        if not executors:
            self.dispatcher.stranded(spec, up)
            raise exception.Unavailable(
                'No executor that has the runtime %s and the image of the '
                'function takes requests now.' % spec['runtime'],
                code='executor.unavailable')
        seconds = self._conf.conductor.place_seconds
        return {
            'seconds': seconds,
            'executors': [
                {'url': executors[host]['data_url'],
                 # Longer than it may be used, so that none expires on its
                 # way.
                 'ticket': access.sign(executors[host]['key'], spec,
                                       2 * seconds + 10)}
                for host in placement.order(version_id, executors)[:CHOICES]]}

    def cancel(self, request_id):
        """:returns: False when the request was finished already."""
        if self._db.cancel_queued(request_id):
            return True
        row = self._db.request_brief(request_id)
        if row['status'] in states.FINISHED:
            return False
        try:
            if row['executor'] and self._executor.cancel(row['executor'],
                                                         request_id):
                return True
        except rpc.Error as error:
            LOG.warning('Executor %s does not answer, request %s is '
                        'cancelled without it: %s', row['executor'],
                        request_id, error)
        return (self._db.cancel_running(request_id)
                or self._db.cancel_queued(request_id))

    def logs(self, request_id):
        """:returns: {'logs', 'truncated'} of a request, so far if it runs."""
        row = self._db.request_brief(request_id)
        if row['status'] == states.RUNNING and row['executor']:
            try:
                return self._executor.logs(row['executor'], request_id)
            except rpc.Error as error:
                LOG.warning('Executor %s does not answer: %s',
                            row['executor'], error)
        row = self._db.request_logs(request_id)
        return {'logs': row['logs'], 'truncated': row['truncated']}

    def register(self, host, incarnation, started_at, details, private,
                 runtimes):
        """An executor is there (again)."""
        self._db.runtimes_offered(runtimes)
        self._db.service_register('pratai-executor', host, incarnation,
                                  started_at, details, private)
        self.sweep()

    def take_over(self, host, incarnation):
        """What former lives of an executor had in hand is tried again;
        nothing when there is a newer one by now."""
        lost = self._redrive(host, incarnation)
        if lost:
            LOG.warning('Executor %s started again: %d requests of its '
                        'former life are tried again', host, lost)
        self.dispatcher.wake()

    def heartbeat(self, host, incarnation, details, requests, builds):
        """An executor lives and holds these requests and builds.

        :returns: {'known': whether it need not register again, 'state':
            what an operator wants of it}
        """
        state = self._db.service_beat('pratai-executor', host, incarnation,
                                      details)
        if state is None:
            return {'known': False}
        lease = self._conf.conductor.lease
        if requests:
            self._db.renew(incarnation, requests, lease)
        if builds:
            self._db.build_renew(incarnation, builds, lease)
        return {'known': True, 'state': state}

    def leave(self, host, incarnation):
        """An executor stops; what it did not finish is tried elsewhere."""
        self._db.service_remove('pratai-executor', host, incarnation)
        self._redrive(None, incarnation)
        self.dispatcher.wake()

    def report(self, results):
        """Record results; what came back to the queue is placed anew.

        :raises exception.Unavailable: the database does not answer; nothing
            was recorded, and the same results may be brought again.
        """
        try:
            self._db.record(results)
        except exception.Unavailable:
            raise
        except Exception:
            # NOTE: a result that cannot be recorded must not keep others
            # from being, for ever; its lease runs out, as if it were lost.
            LOG.exception('A batch of results cannot be recorded as one')
            self._record_each(results)
        for item in results:
            if item['status'] == states.QUEUED and 'version_id' in item:
                self.dispatcher.refused(item['version_id'], item['host'])
        freed = sum('request' not in item for item in results)
        if freed:
            self.dispatcher.freed(freed)

    def _record_each(self, results):
        for item in results:
            try:
                self._db.record([item])
            except exception.Unavailable:
                raise
            except Exception:
                LOG.exception('The result of request %s is lost', item['id'])

    def build_log(self, build_id, attempt, text):
        """:returns: False when the builder may stop."""
        return self._db.build_log(build_id, attempt, text)

    def build_done(self, build_id, attempt, image, code, detail):
        """Record how a build ended; one that the platform failed (its code
        begins with ``platform.``) is tried again a few times."""
        if code is not None and code.startswith('platform.'):
            self._db.build_give_back(
                build_id, attempt, self._conf.conductor.max_attempts, code,
                detail)
        else:
            self._db.build_finish(build_id, attempt, image, code, detail)
        self.build_hint()
