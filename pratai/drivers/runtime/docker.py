# SPDX-License-Identifier: Apache-2.0
"""Instances as containers of a Docker engine on this node.

Images are those of the ``docker`` builder: a dict with ``id`` (the version),
``reference`` (what the engine knows it by) and ``layer``; the module is in
/function and its dependencies are in /deps.
"""

from concurrent import futures
import contextlib
import logging
import os
import select
import shutil
import signal
import threading
import time

from pratai import exception
from pratai import registry
from pratai.drivers import docker_engine
from pratai.drivers.runtime import base
from pratai.drivers.runtime import cgroup
from pratai.drivers.runtime import container
from pratai.drivers.runtime import docker_network
from pratai.drivers.runtime import docker_runtimes
from pratai.drivers.runtime import uids

LOG = logging.getLogger(__name__)

EXIT_SECONDS = 2.0          # for the engine to see that a process has ended
REMOVE_TRIES = 5
HOSTS = b'127.0.0.1\tlocalhost\n::1\tlocalhost\n'


class _Instance:
    """What a Sandbox has in private."""

    def __init__(self, name, uid):
        self.name = name
        self.uid = uid
        self.container = None
        self.process = None         # descriptor of its first process
        self.group = None
        self.gone = False
        self.state = {'running': True, 'exit_code': None,
                      'oom_killed': False, 'oom_kills': 0, 'output': ''}
        self.lock = threading.Lock()


class DockerDriver(base.RuntimeDriver):
    """The ``docker`` runtime driver.

    Limits are as with the ``process`` driver: each process of a function
    gets ``memory`` plus, for each of its processors,
    ``[docker]memory_allowance`` (RLIMIT_DATA), so one that takes too much
    fails alone, and the container gets what its requests are promised
    together.
    """

    sends_listener = True
    runtimes_change = True

    def __init__(self, conf):
        super().__init__(conf)
        self.options = conf.docker
        self.state_path = os.path.abspath(conf.state_path)
        self.node = docker_engine.identity(self.state_path)
        self.uids = uids.pool(self.options.uid_first, self.options.uid_count)
        self.engine = docker_engine.Engine(
            self.options.url, self.options.timeout, self._returned)
        self.registry = registry.Registry(conf, self.engine)
        self.network = docker_network.Network(conf, self.engine, self.node)
        self.runners = docker_runtimes.Runners(self.state_path, self.engine,
                                             self.node)
        self.config = container.Config(
            conf, self.node, self.runners.source,
            self.runners.publish(HOSTS, '-hosts'))
        # NOTE: nobody but us gets to the sockets below it, which have to be
        # open to the users of containers.
        self.run_path = os.path.join(self.state_path, 'run')
        os.makedirs(self.run_path, mode=0o700, exist_ok=True)
        os.chmod(self.run_path, 0o700)
        self._live = set()
        self._problems = []
        with contextlib.suppress(exception.EngineUnavailable):
            self._learn()
            self.network.prepare()

    # The engine.

    def _learn(self):
        """Find out what the engine cannot do.

        :raises exception.EngineUnavailable:
        """
        with self.engine.errors('tell about itself'):
            info = self.engine.api.info()
        self.config.set_engine(info.get('ServerVersion', ''))
        self._problems = docker_engine.problems(info, self.options.oci_runtime)
        for problem in self._problems:
            LOG.warning('%s', problem)

    def _returned(self):
        """The engine is back."""
        self._learn()
        self._remove_left_over()
        self.network.prepare()

    def runtimes(self):
        with self.engine.errors('list images'):
            images = self.engine.api.images(filters={
                'label': docker_runtimes.RUNTIME})
        found = {}
        for image in sorted(images, key=docker_runtimes.order):
            runtime = docker_runtimes.runtime_of(image)
            if runtime is not None:
                found[runtime['name']] = runtime
        for runtime in found.values():
            self._add_runner(runtime['properties'])
        return [found[name] for name in sorted(found)]

    def _add_runner(self, properties):
        """How instances are started, where their image does not say it."""
        if properties['interpreter']:
            runner = self.runners.compiled(properties['image'],
                                           properties['interpreter'])
            inside = container.RUNNER_PATH + os.path.splitext(runner)[1]
            properties.update(runner=runner, command=[
                properties['interpreter'], *properties['flags'], inside])

    # Instances.

    def settings(self, spec):
        options = self.options
        return {
            'code_dir': container.CODE_DIR,
            'deps_dir': container.DEPS_DIR if spec.image.get('layer')
            else None,
            'tmp_dirs': ['/tmp', '/dev/shm'],
            'limits': {
                'memory': (spec.memory + options.memory_allowance
                           * spec.cpus) * container.MB,
                'nproc': options.max_processes * spec.concurrency,
                'fsize': options.max_file * container.MB,
                'nofile': options.max_files_open}}

    def start(self, spec):
        network = self.network.ensure() if spec.network else None
        self._open(spec.run_dir)
        instance = _Instance(spec.instance_id, self.uids.take())
        self._live.add(spec.instance_id)
        try:
            self._start(instance, self.config.make(spec, instance.uid,
                                                   network))
        except BaseException:
            self._end(instance)
            raise
        return base.Sandbox(spec.instance_id, instance.state.get('pid'),
                            instance)

    def fetch(self, image):
        # Another node may have built it.
        self.registry.ensure(image['reference'])
        return True

    @staticmethod
    def _open(run_dir):
        """Let the user of the container connect to what is in it.

        :raises exception.SandboxError:
        """
        try:
            os.chmod(run_dir, 0o711)
            os.chmod(os.path.join(run_dir, 'control.sock'), 0o666)
        except OSError as error:
            raise exception.SandboxError(
                'There is no use in the directory %s: %s'
                % (run_dir, error)) from error

    def _start(self, instance, config):
        api = self.engine
        self._create(instance, config)
        with self.engine.errors('start the container'):
            api.api.start(instance.container)
            state = api.api.inspect_container(instance.container)['State']
        self._follow(instance, state['Pid'])

    def _create(self, instance, config):
        with self.engine.errors('create the container'):
            instance.container = self.engine.api.create_container_from_config(
                config, 'pratai-' + instance.name)['Id']

    @staticmethod
    def _follow(instance, pid):
        """Find the first process and the control group on this node.

        What is not to be seen from here is asked of the engine later.
        """
        if not pid:
            return
        try:
            process = os.pidfd_open(pid)
        except OSError:
            return
        group = cgroup.group_of(pid, instance.container)
        if group is None:
            os.close(process)
            return
        instance.process, instance.group = process, group
        instance.state['pid'] = pid

    def stop(self, sandbox):
        instance = sandbox.private
        with instance.lock:
            if not instance.gone:
                with contextlib.suppress(exception.SandboxError):
                    self._look(instance)
                self._end(instance)

    def _end(self, instance):
        """Remove the container, whatever it does."""
        dead = True
        try:
            if instance.container is not None:
                self._remove(instance.container)
        except exception.SandboxError as error:
            # It is removed when the engine is back, or at the next start.
            if not isinstance(error, exception.EngineUnavailable):
                LOG.warning('%s', error)
            dead = self._kill(instance)
        instance.gone = True
        self._live.discard(instance.name)
        instance.state['running'] = False
        if instance.state['exit_code'] is None:
            instance.state['exit_code'] = 128 + signal.SIGKILL
        if instance.process is not None:
            os.close(instance.process)
            instance.process = None
        if dead:
            self.uids.give(instance.uid)

    @staticmethod
    def _kill(instance):
        """End the first process, and the others with it, by ourselves.

        :returns: whether that is known to be done.
        """
        if instance.process is None:
            return False
        try:
            signal.pidfd_send_signal(instance.process, signal.SIGKILL)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return bool(select.select([instance.process], [], [],
                                  EXIT_SECONDS)[0])

    def _remove(self, name):
        for left in reversed(range(REMOVE_TRIES)):
            try:
                with self.engine.errors('remove the container'):
                    self.engine.api.remove_container(name, v=True, force=True)
                return
            except exception.EngineUnavailable:
                raise
            except exception.SandboxError as error:
                status = getattr(error.__cause__, 'status_code', None)
                if status == 404:
                    return
                # Somebody else removes it, or its files are busy.
                if not left:
                    raise
            time.sleep(0.1)

    def inspect(self, sandbox):
        instance = sandbox.private
        with instance.lock:
            if not instance.gone:
                with contextlib.suppress(exception.SandboxError):
                    self._look(instance)
            found = dict(instance.state)
        found.pop('pid', None)
        return found

    def _look(self, instance):
        """Bring its state up to date; what we see ourselves comes first.

        :raises exception.SandboxError: the engine says no more.
        """
        state = instance.state
        if instance.group is not None:
            state['oom_kills'] = max(state['oom_kills'],
                                     instance.group.oom_kills())
            state['oom_killed'] = state['oom_kills'] > 0
        ended = instance.process is not None and bool(
            select.select([instance.process], [], [], 0)[0])
        if ended:
            state['running'] = False
        with self.engine.errors('inspect the container'):
            if ended or instance.process is None:
                self._ask(instance, ended)
            output = self.engine.api.logs(instance.container, tail=500)
        state['output'] = output.decode(errors='replace')[-16384:]

    def _ask(self, instance, ended):
        deadline = time.monotonic() + EXIT_SECONDS
        while True:
            said = self.engine.api.inspect_container(
                instance.container)['State']
            # The engine is told a moment after we see it.
            if not (ended and said['Running']) or \
                    time.monotonic() > deadline:
                break
            time.sleep(0.01)
        state = instance.state
        state['running'] = said['Running'] and not ended
        if not said['Running']:
            state['exit_code'] = said['ExitCode']
        if said.get('OOMKilled'):
            state['oom_killed'] = True
            state['oom_kills'] = max(1, state['oom_kills'])

    # The node.

    def reconcile(self):
        with contextlib.suppress(exception.EngineUnavailable):
            self._remove_left_over()
        for name in set(os.listdir(self.run_path)) - self._live:
            shutil.rmtree(os.path.join(self.run_path, name),
                          ignore_errors=True)

    def _remove_left_over(self):
        """Remove containers that are ours, but of no instance we know.

        :raises exception.EngineUnavailable:
        """
        with self.engine.errors('list containers'):
            found = self.engine.api.containers(all=True, filters={
                'label': '%s=%s' % (docker_engine.NODE, self.node)})
        doomed = [one['Id'] for one in found
                  if container.INSTANCE in one['Labels']
                  and one['Labels'][container.INSTANCE] not in self._live]
        if not doomed:
            return
        LOG.info('Removing %d containers that were left', len(doomed))
        with futures.ThreadPoolExecutor(4) as pool:
            for result in [pool.submit(self._remove, one) for one in doomed]:
                try:
                    result.result()
                except exception.EngineUnavailable:
                    raise
                except exception.SandboxError as error:
                    LOG.warning('%s', error)

    def describe(self):
        options = self.options
        limits = [
            'memory of each process: that of the function and %d MB'
            % options.memory_allowance,
            'memory of an instance: that of the function times the requests '
            'it runs at once, and %d MB; no swap'
            % (options.memory_allowance + 2 * options.tmp_size),
            'processor time of an instance: cpus of the function times the '
            'requests it runs at once',
            'processes and threads: %d times the requests an instance runs '
            'at once' % options.max_processes,
            'size of a file: %d MB' % options.max_file,
            'open files of a process: %d' % options.max_files_open,
            '/tmp and /dev/shm: %d MB each' % options.tmp_size,
            'output outside of requests: %d KB' % (2 * options.max_log)]
        warnings = list(self._problems) + list(self.network.problems)
        if self.engine.away is not None:
            warnings.append(self.engine.away)
        warnings += [trouble.warning for trouble in (
            self.engine.full, self.registry.trouble) if trouble.lasts()]
        return {'isolation': 'docker', 'limits': limits,
                'available': self.engine.away is None,
                'warnings': warnings}
