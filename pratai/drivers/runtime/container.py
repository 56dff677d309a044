# SPDX-License-Identifier: Apache-2.0
"""How the container of an instance is made: the JSON for the engine."""

import json
import os

from pratai import exception
from pratai.drivers import docker_engine
from pratai.drivers.runtime import base
from pratai.drivers.runtime import seccomp

MB = 1 << 20
INSTANCE = docker_engine.LABEL + 'instance'

# Where things are inside.
RUN_DIR = '/run/pratai'
RUNNER_PATH = '/pratai/runner'        # and .py, or .pyc
CODE_DIR = '/function'
DEPS_DIR = '/deps'

#: The first version of the engine whose own filter of system calls refuses
#: all that ours does.
STRICT_ENGINE = 25
PERIOD = 100000                 # microseconds
RESERVED_PROCESSES = 16         # the runner and its helpers
OOM_SCORE = 500                 # before the services of the node
# What would outlive a request, and is not in a directory that is cleaned:
# System V's and POSIX's queues and segments by number.
SYSCTLS = {'kernel.shmmni': '0', 'kernel.msgmni': '0',
           'kernel.sem': '0 0 0 0', 'fs.mqueue.queues_max': '0'}


class Config:
    """Makes configurations of containers.

    :param node: the identity of the executor.
    :param runner: path of the runner for Python.
    :param hosts: path of what is /etc/hosts without a network.
    :raises exception.SandboxError: the seccomp profile cannot be read.
    """

    def __init__(self, conf, node, runner, hosts):
        self.options = conf.docker
        self.node = node
        self.runner = runner
        self.hosts = hosts
        self.security = []
        self.set_engine('')

    def set_engine(self, version):
        """:param version: the engine's, like "20.10.24".

        :raises exception.SandboxError: the profile cannot be read.
        """
        self.security = ['no-new-privileges', *self.options.security_opt]
        profile = self.options.seccomp_profile
        if profile == 'auto':
            number = version.split('.')[0]
            profile = 'engine'
            if not number.isdigit() or int(number) < STRICT_ENGINE:
                profile = 'pratai'
        if profile == 'pratai':
            self.security.append(
                'seccomp=' + json.dumps(seccomp.docker_profile()))
        elif profile != 'engine':
            try:
                with open(profile) as f:
                    self.security.append('seccomp=' + f.read())
            except OSError as error:
                raise exception.SandboxError(
                    'The seccomp profile cannot be read: %s'
                    % error) from error

    def make(self, spec, uid, network=None):
        """:param spec: what the instance is to be.

        :param uid: user and group of the processes in it.
        :param network: name of its network, or None.
        :returns: the body of POST /containers/create.
        """
        command = spec.runtime['properties'].get('command')
        config = {
            'Image': spec.image['reference'],
            'User': '%d:%d' % (uid, uid),
            'Env': ['%s=%s' % item for item in self._environment(spec)],
            'WorkingDir': '/',
            'Hostname': 'function',
            'Labels': {docker_engine.NODE: self.node,
                       INSTANCE: spec.instance_id},
            'Healthcheck': {'Test': ['NONE']},
            # NOTE: with the network "none" the engine starts itself once
            # more to set up nothing, which takes as long as all the rest.
            # Without any there is just a loopback interface.
            'NetworkDisabled': network is None,
            'HostConfig': self._host_config(spec, network)}
        if command:
            config['Entrypoint'] = command
            config['Cmd'] = []
        return config

    def _environment(self, spec):
        env = dict(base.environment(spec), **self.options.environment)
        env['PRATAI_RUN_DIR'] = RUN_DIR
        env['PRATAI_LISTEN_FD'] = 'control'
        return env.items()

    def _host_config(self, spec, network):
        options = self.options
        memory = (spec.memory * spec.concurrency
                  + options.memory_allowance * spec.cpus
                  + 2 * options.tmp_size) * MB
        runner = spec.runtime['properties'].get('runner', self.runner)
        inside = RUNNER_PATH + os.path.splitext(runner)[1]
        binds = {RUN_DIR: spec.run_dir, inside: runner}
        if network is None:
            binds['/etc/hosts'] = self.hosts
        config = {
            'NetworkMode': network or 'none',
            'ReadonlyRootfs': True,
            'CapDrop': ['ALL'],
            'SecurityOpt': self.security,
            'Mounts': [{'Type': 'bind', 'Source': source, 'Target': target,
                        'ReadOnly': True,
                        'BindOptions': {'Propagation': 'rprivate'}}
                       for target, source in binds.items()],
            'Tmpfs': {'/tmp': 'rw,nosuid,nodev,exec,mode=1777,size=%d'
                      % (options.tmp_size * MB)},
            'ShmSize': options.tmp_size * MB,
            'IpcMode': 'private', 'PidMode': '', 'CgroupnsMode': 'private',
            'Memory': memory, 'MemorySwap': memory,
            'CpuPeriod': PERIOD,
            'CpuQuota': spec.cpus * spec.concurrency * PERIOD,
            'PidsLimit': options.max_processes * spec.concurrency
            + 2 * spec.concurrency + RESERVED_PROCESSES,
            'OomScoreAdj': OOM_SCORE,
            'Ulimits': [{'Name': name, 'Soft': value, 'Hard': value}
                        for name, value in
                        (('core', 0), ('nofile', options.max_files_open))],
            'Sysctls': SYSCTLS,
            'LogConfig': {'Type': 'json-file', 'Config': {
                'max-size': '%dk' % options.max_log, 'max-file': '2'}},
            'Init': False,
            'RestartPolicy': {'Name': 'no'}}
        if network is not None:
            config['Dns'] = options.dns
        if options.oci_runtime:
            config['Runtime'] = options.oci_runtime
        if options.cgroup_parent:
            config['CgroupParent'] = options.cgroup_parent
        return config
