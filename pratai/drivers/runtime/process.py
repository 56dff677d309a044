# SPDX-License-Identifier: Apache-2.0
"""Instances as processes of the node, each in a sandbox of bubblewrap.

Images are directories: ``<state_path>/images/<id>`` with the module, and
``<state_path>/layers/<layer>`` with its dependencies. Both have to be
readable for everybody, because every sandbox has a user of its own.
"""

from concurrent import futures
import logging
import os
import shutil
import subprocess

from pratai import exception
from pratai.drivers.builder import files
from pratai.drivers.runtime import base
from pratai.drivers.runtime import bytecode
from pratai.drivers.runtime import interpreters
from pratai.drivers.runtime import listening
from pratai.drivers.runtime import sandbox
from pratai.drivers.runtime import tails

LOG = logging.getLogger(__name__)

MB = 1 << 20
RUNNER = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))), 'runners', 'python', 'runner.py')

# Where things are inside.
RUN_DIR = '/run/pratai'
RUNNER_DIR = '/pratai'
CODE_DIR = '/function'
DEPS_DIR = '/deps'

RESERVED_PROCESSES = 16         # the runner, its helpers, bubblewrap


class _Instance:
    """What a Sandbox has in private."""

    def __init__(self, process, tail, scratch):
        self.process = process
        self.tail = tail
        self.scratch = scratch


class ProcessDriver(base.RuntimeDriver):
    """The ``process`` runtime driver.

    Memory: each process of a function gets ``memory`` plus, for each of its
    processors, ``[process]memory_allowance`` (RLIMIT_DATA), so one that takes
    too much fails alone. With control groups an instance as a whole gets
    ``memory`` times its concurrency, the allowance and its temporary
    directories, and ``cpus`` times its concurrency: what its requests are
    promised together.
    """

    def __init__(self, conf):
        super().__init__(conf)
        self.options = conf.process
        self.state_path = os.path.abspath(conf.state_path)
        self.launcher = sandbox.Launcher(conf)
        self.isolated = self.launcher.isolation == 'bubblewrap'
        self.tails = tails.Tails()
        self._found = None
        self.runner = RUNNER
        if not self.isolated and self.launcher.root:
            # Without mounts, users of sandboxes have to get at it.
            self.runner = os.path.join(self.state_path, 'runner.py')
            shutil.copyfile(RUNNER, self.runner)
            os.chmod(self.runner, 0o644)
        for warning in self._warnings():
            LOG.warning('%s', warning)

    def _warnings(self):
        missing = self.launcher.missing()
        return self.launcher.warnings + ([missing] if missing else [])

    # Runtimes.

    def runtimes(self):
        if self._found is None:
            if self.launcher.missing():
                # None can be tried now; there is another look.
                self.runtimes_change = True
                return []
            self._found = self._find()
        return self._found

    def _find(self):
        found = interpreters.find(self.options.interpreters, self._works)
        with futures.ThreadPoolExecutor() as pool:
            return list(pool.map(self._runtime, found))

    def _works(self, found):
        """:returns: None, or why an interpreter cannot run in a sandbox."""
        for _ in range(sandbox.PROBES):
            problem = self.launcher.probe(
                [found['interpreter']] + interpreters.flags(found['version'])
                + ['-c',
                   'import fcntl, mmap, resource, select, struct, _socket'],
                interpreters.prefixes(found))
            if not problem:
                break
        return problem

    def _runtime(self, found):
        short = ''.join(found['version'].split('.')[:2])
        fingerprint = interpreters.fingerprint(found)
        runner = bytecode.compiled(
            self.runner, os.path.join(self.state_path, 'runners'),
            found['interpreter'], fingerprint)
        return {
            'name': 'python' + short, 'language': 'python',
            'version': found['version'],
            'description': 'CPython %s at %s' % (found['version'],
                                                 found['interpreter']),
            'fingerprint': fingerprint,
            'properties': {'interpreter': found['interpreter'],
                           'prefix': found['prefix'], 'runner': runner,
                           'prefixes': interpreters.prefixes(found)}}

    # Instances.

    def _directories(self, image):
        """:returns: (code directory, dependencies or None) on the node.

        :raises exception.ImageMissing:
        """
        code = os.path.join(self.state_path, 'images', image['id'])
        deps = None
        if image.get('layer'):
            deps = os.path.join(self.state_path, 'layers', image['layer'])
        for path in (code, deps):
            if path is not None and not os.path.isdir(path):
                raise exception.ImageMissing(
                    'The image %s is not complete: there is no %s'
                    % (image['id'], os.path.basename(path)))
        return code, deps

    @staticmethod
    def _scratch(spec):
        """What stands for /tmp where there is no bubblewrap."""
        return spec.run_dir.rstrip('/') + '.tmp'

    def settings(self, spec):
        code, deps = self._directories(spec.image)
        limits = {'memory': (spec.memory + self._allowance(spec)) * MB,
                  'nproc': self._processes(spec),
                  'fsize': self.options.max_file * MB,
                  'nofile': self.options.max_files_open}
        if not self._grouped('cpu'):
            limits['cpu'] = spec.timeout * spec.cpus + 1
        if self.isolated:
            return {'code_dir': CODE_DIR, 'deps_dir': deps and DEPS_DIR,
                    'tmp_dirs': ['/tmp', '/dev/shm'], 'limits': limits}
        return {'code_dir': code, 'deps_dir': deps,
                'tmp_dirs': [self._scratch(spec)], 'limits': limits}

    def _allowance(self, spec):
        # Numerical libraries take some 40 MB for each of their threads, of
        # which there are as many as processors.
        return self.options.memory_allowance * spec.cpus

    def _grouped(self, controller):
        groups = self.launcher.cgroups
        return groups is not None and controller in groups.controllers

    def _processes(self, spec):
        number = self.options.max_processes * spec.concurrency
        if self.launcher.root or (
                self.isolated and _kernel() >= (5, 14)):
            return number
        # The limit counts everything that our own user runs.
        return number + _tasks(os.getuid())

    def _cgroup(self, spec):
        memory = (spec.memory * spec.concurrency
                  + self._allowance(spec)
                  + 2 * self.options.tmp_size)
        return {'memory': memory * MB, 'cpus': spec.cpus * spec.concurrency,
                'pids': self.options.max_processes * spec.concurrency
                + 2 * spec.concurrency + RESERVED_PROCESSES}

    def _environment(self, spec):
        return dict(base.environment(spec), **self.options.environment)

    def start(self, spec):
        try:
            return self._start(spec)
        except BaseException:
            self._remove_scratch(self._scratch(spec))
            raise

    def _start(self, spec):
        code, deps = self._directories(spec.image)
        properties = spec.runtime['properties']
        runner = properties.get('runner', self.runner)
        inside = os.path.join(RUNNER_DIR, os.path.basename(runner))
        binds = [sandbox.Bind(runner, inside),
                 sandbox.Bind(spec.run_dir, RUN_DIR),
                 sandbox.Bind(code, CODE_DIR)]
        if deps:
            binds.append(sandbox.Bind(deps, DEPS_DIR))
        env = self._environment(spec)
        env['PRATAI_RUN_DIR'] = self.launcher.path(spec.run_dir, RUN_DIR)
        listener = listening.listen(spec.run_dir)
        try:
            env['PRATAI_LISTEN_FD'] = str(listener.fileno())
            process = self.launcher.spawn(sandbox.Command(
                argv=[properties['interpreter'],
                      *interpreters.flags(spec.runtime['version']),
                      self.launcher.path(runner, inside)],
                binds=binds, env=env, network=spec.network,
                prefixes=properties.get('prefixes',
                                        [properties['prefix']]),
                tmp_size=self.options.tmp_size * MB,
                scratch=self._scratch(spec), cgroup=self._cgroup(spec),
                gives=[os.path.join(spec.run_dir, 'control.sock')],
                pass_fds=[listener.fileno()]),
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        finally:
            listener.close()
        try:
            tail = self.tails.add(os.dup(process.stderr.fileno()))
        except (OSError, RuntimeError) as error:    # RuntimeError: no thread
            process.kill()
            raise exception.NodeUnavailable(
                'This node cannot start an instance: %s' % error) from error
        finally:
            process.stderr.close()
        return base.Sandbox(spec.instance_id, process.pid,
                            _Instance(process, tail, self._scratch(spec)))

    def stop(self, sandbox):
        instance = sandbox.private
        instance.process.kill()
        self.tails.drop(instance.tail)
        self._remove_scratch(instance.scratch)

    def _remove_scratch(self, scratch):
        if not self.isolated:
            files.remove(scratch)

    def inspect(self, sandbox):
        instance = sandbox.private
        code = instance.process.poll()
        kills = instance.process.count_oom_kills()
        return {'running': code is None, 'exit_code': code,
                'oom_killed': kills > 0, 'oom_kills': kills,
                'output': instance.tail.text()}

    # The node.

    def reconcile(self):
        self.launcher.reconcile()
        path = os.path.join(self.state_path, 'run')
        try:
            names = os.listdir(path)
        except FileNotFoundError:
            return
        for name in names:
            files.remove(os.path.join(path, name))

    def describe(self):
        options = self.options
        limits = [
            'memory of each process: that of the function and %d MB'
            % options.memory_allowance,
            'size of a file: %d MB' % options.max_file,
            'open files of a process: %d' % options.max_files_open]
        warnings = self._warnings()
        if self._grouped('memory'):
            limits.append('memory of an instance: that of the function times '
                          'the requests it runs at once, and %d MB'
                          % (options.memory_allowance + 2 * options.tmp_size))
        if self._grouped('cpu'):
            limits.append('processor time of an instance: cpus of the '
                          'function times the requests it runs at once')
        else:
            limits.append('processor time of a process: timeout times cpus')
        limits.append('processes of an instance: %d times the requests it '
                      'runs at once' % options.max_processes)
        if self.isolated:
            limits.append('/tmp and /dev/shm of an instance: %d MB each'
                          % options.tmp_size)
            warnings.append('Functions with network access use the network '
                            'of this node, its loopback interface included.')
        return {'isolation': self.launcher.isolation,
                'available': self.launcher.missing() is None,
                'limits': limits, 'warnings': warnings}


def _kernel():
    """:returns: version of the kernel as (major, minor)."""
    major, minor = os.uname().release.split('.')[:2]
    return int(major), int(''.join(filter(str.isdigit, minor[:3])) or 0)


def _tasks(uid):
    """:returns: number of threads that a user runs."""
    number = 0
    for name in os.listdir('/proc'):
        if name.isdigit():
            try:
                if os.stat('/proc/' + name).st_uid == uid:
                    number += len(os.listdir('/proc/%s/task' % name))
            except OSError:
                pass
    return number
