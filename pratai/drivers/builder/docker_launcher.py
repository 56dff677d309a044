# SPDX-License-Identifier: Apache-2.0
"""Programs of a build in containers, as sandbox.Launcher has them in others.

Such a container is as closed as those of functions are: the root file system
cannot be written, it has no capabilities and a user of its own, and its
memory, processors, processes and files are limited. It has no network, or
that of functions with network access: out of the node, and nowhere else.
"""

import logging
import os
import subprocess
import threading

import docker.errors
import requests

from pratai import exception
from pratai.drivers import docker_engine
from pratai.drivers.runtime import container as functions
from pratai.drivers.runtime import sandbox

LOG = logging.getLogger(__name__)

KIND = docker_engine.LABEL + 'kind'
#: Of containers that builds make; they live as long as a program runs.
BUILD = 'build'
PERIOD = functions.PERIOD
LIMITS = ('core', 'fsize', 'nofile')


class Launcher:
    """Starts programs in containers; safe to use from several threads.

    :param runtime: dict, the runtime whose image they are started from; None
        for a launcher that starts nothing.
    :param driver: the ``docker`` runtime driver.
    """

    isolation = 'docker'

    def __init__(self, conf, driver, runtime=None):
        self.conf = conf
        self.driver = driver
        self.engine = driver.engine
        self.runtime = runtime

    def path(self, source, destination):
        """:returns: where inside a bound source is found."""
        return destination

    def spawn(self, command, stdin=None, stdout=None, stderr=None):
        """As sandbox.Launcher.spawn; the output always is one pipe.

        :param command: sandbox.Command
        :returns: a :class:`Program`.
        :raises exception.SandboxError:
        """
        network = self.driver.network.ensure() if command.network else None
        uid = self.driver.uids.take() if os.getuid() == 0 else os.getuid()
        try:
            for bind in command.binds:
                if bind.writable and os.getuid() == 0:
                    os.chown(bind.source, uid, uid)
            return Program(self.engine, self._config(command, uid, network),
                           lambda: self._give(uid))
        except OSError as error:
            self._give(uid)
            raise exception.SandboxError(
                'A container cannot be started: %s' % error) from error
        except BaseException:
            self._give(uid)
            raise

    def _give(self, uid):
        if os.getuid() == 0:
            self.driver.uids.give(uid)

    def _config(self, command, uid, network):
        """:returns: the body of POST /containers/create."""
        env = dict(sandbox.ENVIRONMENT, **command.env)
        mounts = [{'Type': 'bind', 'Source': os.path.realpath(bind.source),
                   'Target': bind.destination, 'ReadOnly': not bind.writable,
                   'BindOptions': {'Propagation': 'rprivate'}}
                  for bind in command.binds]
        if network is None:
            mounts.append({'Type': 'bind', 'Target': '/etc/hosts',
                           'Source': self.driver.config.hosts,
                           'ReadOnly': True})
        host = {
            'NetworkMode': network or 'none',
            'ReadonlyRootfs': True,
            'CapDrop': ['ALL'],
            'SecurityOpt': self.driver.config.security,
            'Mounts': mounts,
            'Tmpfs': {'/tmp': 'rw,nosuid,nodev,mode=1777,size=%d'
                      % command.tmp_size},
            'ShmSize': command.tmp_size,
            'IpcMode': 'private', 'CgroupnsMode': 'private',
            'Memory': command.cgroup['memory'],
            'MemorySwap': command.cgroup['memory'],
            'CpuPeriod': PERIOD,
            'CpuQuota': int(command.cgroup['cpus'] * PERIOD),
            'PidsLimit': command.cgroup['pids'],
            'OomScoreAdj': functions.OOM_SCORE,
            # NOTE: the others count what a user has on the whole node, or
            # what the control group counts better.
            'Ulimits': [{'Name': name, 'Soft': command.limits[name],
                         'Hard': command.limits[name]}
                        for name in LIMITS if name in command.limits],
            'Sysctls': functions.SYSCTLS,
            # What it says is read as it comes.
            'LogConfig': {'Type': 'none', 'Config': {}},
            'Init': False, 'RestartPolicy': {'Name': 'no'}}
        options = self.conf.docker
        if network is not None:
            host['Dns'] = options.dns
        if options.oci_runtime:
            host['Runtime'] = options.oci_runtime
        if options.cgroup_parent:
            host['CgroupParent'] = options.cgroup_parent
        return {
            'Image': self.runtime['properties']['image'],
            'User': '%d:%d' % (uid, uid),
            'Env': ['%s=%s' % item for item in env.items()],
            'WorkingDir': command.cwd or '/tmp', 'Hostname': 'build',
            'Labels': {docker_engine.NODE: self.driver.node, KIND: BUILD},
            'Healthcheck': {'Test': ['NONE']},
            'AttachStdout': True, 'AttachStderr': True,
            'NetworkDisabled': network is None,
            'Entrypoint': command.argv[:1], 'Cmd': command.argv[1:],
            'HostConfig': host}


class Program:
    """A program in a container; as processes.Process.

    :param config: the body of POST /containers/create.
    :param on_end: called when it is gone.
    :ivar stdout: pipe with what it writes.
    """

    def __init__(self, engine, config, on_end):
        self._engine = engine
        self._on_end = on_end
        self._code = None
        self._error = None
        self._gone = False
        self._ended = threading.Event()
        with engine.errors('create the container of a build'):
            self._id = engine.api.create_container_from_config(config)['Id']
        read, write = os.pipe()
        self.stdout = os.fdopen(read, 'rb', buffering=0)
        try:
            with engine.errors('start the container of a build'):
                # Before its start, so that nothing is missed.
                stream = engine.api.attach(self._id, stream=True)
                engine.api.start(self._id)
            threading.Thread(target=self._follow, args=(stream, write),
                             name='build output', daemon=True).start()
        except BaseException:
            os.close(write)
            self.stdout.close()
            self._remove()
            raise

    def _follow(self, stream, write):
        try:
            try:
                for data in stream:
                    while data:
                        data = data[os.write(write, data):]
            except (OSError, docker.errors.DockerException,
                    requests.RequestException):
                pass    # nobody reads it any more, or the engine is gone
            finally:
                os.close(write)
                stream.close()
            with self._engine.errors('wait for a build'):
                self._code = self._engine.api.wait(
                    self._id, timeout=None)['StatusCode']
        except exception.SandboxError as error:
            self._error = error
        finally:
            self._ended.set()

    def poll(self):
        """:returns: exit code, or None while it runs.

        :raises exception.SandboxError: the engine lost it.
        """
        if self._ended.is_set() and self._error and not self._gone:
            raise self._error
        return self._code

    def wait(self, timeout):
        """As subprocess.Popen.wait."""
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired('container', timeout)
        return self.poll()

    def count_oom_kills(self):
        """:returns: number, of which only whether it is 0 is for sure."""
        with self._engine.errors('inspect the container of a build'):
            state = self._engine.api.inspect_container(self._id)['State']
        return int(state['OOMKilled'])

    def kill(self):
        """End it with all that it started; may be repeated."""
        if not self._gone:
            self._gone = True
            # NOTE: as long as it may run its user is nobody else's.
            if self._remove():
                self._on_end()

    def _remove(self):
        """:returns: whether it is gone."""
        try:
            with self._engine.errors('remove the container of a build'):
                self._engine.api.remove_container(self._id, v=True,
                                                  force=True)
        except exception.SandboxError as error:
            if isinstance(error.__cause__, docker.errors.NotFound):
                return True
            LOG.warning('The container of a build may run on until the next '
                        'collection: %s', error.detail)
            return False
        return True
