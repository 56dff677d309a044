# SPDX-License-Identifier: Apache-2.0
"""Programs of a build: bounded in time, memory, disk and talk."""

import os
import select
import subprocess
import threading
import time

from pratai import exception
from pratai.drivers.builder import files
from pratai.drivers.builder import output
from pratai.drivers.runtime import sandbox

TICK = 0.2              # seconds between looks at the clock
DISK_TICK = 1.0         # seconds between looks at the disk
MB = 1 << 20

INSIDE = '/pratai/inside.py'


class Job:
    """What a build may use, and how it is stopped.

    :param program: path of ``inside.py``.
    :param build: base.Build
    :param log: callable(str)
    :ivar deadline: monotonic time at which it ends.
    """

    def __init__(self, conf, launcher, program, build, log):
        self.conf = conf.builder
        self.launcher = launcher
        self.program = program
        self.runtime = build.runtime
        self.memory = (build.memory or self.conf.memory) * MB
        self.timeout = build.timeout or self.conf.timeout
        self.deadline = time.monotonic() + self.timeout
        self.output = output.Log(log, self.conf.max_log)
        self._cancelled = threading.Event()

    def cancel(self):
        """Make the build end soon; from any thread."""
        self._cancelled.set()

    def check(self):
        """:raises exception.BuildError: it was cancelled, or takes too long.
        """
        if self._cancelled.is_set():
            raise exception.BuildError('build.cancelled',
                                       'The build was cancelled.')
        if time.monotonic() > self.deadline:
            raise exception.BuildError(
                'build.timeout',
                'The build took longer than %g seconds.' % self.timeout)

    def wait(self):
        """Wait a little for something that has no event."""
        self.check()
        self._cancelled.wait(0.05)

    def run(self, work, *arguments, site=True, log=None, **world):
        """Run ``inside.py`` with the interpreter of the runtime.

        Several may run at once, from threads, if each has a log of its own.

        :param work: folder that it may write in; it is watched. Its TMPDIR
            is the folder ``tmp`` in it.
        :param arguments: of ``inside.py``.
        :param site: whether the interpreter's own packages are needed.
        :param log: output.Log for what it says; default ``self.output``.
        :param world: for sandbox.Command: binds, env, network.
        :returns: exit code; its output is in the ``lines`` of the log.
        :raises exception.BuildError: it took too much of something.
        :raises exception.SandboxError: this node is at fault.
        """
        self.check()
        self._check_disk()
        flags = ['-E', '-s', '-u']
        if not self.runtime.get('version', '3').startswith('2.'):
            flags = ['-I', '-u']
        if not site:
            flags.append('-S')
        os.makedirs(os.path.join(work, 'tmp'), exist_ok=True)
        os.chmod(os.path.join(work, 'tmp'), 0o1777)
        properties = self.runtime['properties']
        binds = [sandbox.Bind(work, '/build', writable=True),
                 sandbox.Bind(self.program, INSIDE), *world.pop('binds', ())]
        scratch = self.launcher.path(os.path.join(work, 'tmp'), '/build/tmp')
        env = dict(world.pop('env', {}), TMPDIR=scratch, HOME=scratch)
        command = sandbox.Command(
            argv=[properties['interpreter'], *flags,
                  self.launcher.path(self.program, INSIDE), *arguments],
            binds=binds, prefixes=list(properties.get('prefixes', ())),
            env=env, cwd=scratch, scratch=os.path.join(work, 'tmp'),
            limits={'data': self.memory, 'fsize': self.conf.max_layer * MB,
                    'nproc': self._processes(), 'nofile': 1024, 'core': 0},
            cgroup={'memory': self.memory, 'cpus': self.conf.cpus,
                    'pids': self.conf.max_processes}, **world)
        log = log or self.output
        log.start()
        process = self.launcher.spawn(command, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT)
        try:
            code = self._follow(process, work, log)
            killed = process.count_oom_kills()
        finally:
            process.kill()
            process.stdout.close()
        log.finish()
        if code and killed:
            raise exception.BuildError(
                'build.requirements_failed',
                'Installing the dependencies took more than %d MB of memory.'
                % (self.memory // MB))
        return code

    def _processes(self):
        # NOTE: where all sandboxes run as the user of the service, the limit
        # counts whatever that user runs.
        return self.conf.max_processes * (1 if os.getuid() == 0 else 8)

    def _follow(self, process, work, log):
        """Pass the output on until the program has ended."""
        fd = process.stdout.fileno()
        poll = select.poll()
        poll.register(fd, select.POLLIN | select.POLLHUP)
        next_look = time.monotonic() + DISK_TICK
        while True:
            self.check()
            if time.monotonic() > next_look:
                self._watch(work)
                next_look = time.monotonic() + DISK_TICK
            if poll.poll(TICK * 1000):
                data = os.read(fd, 65536)
                if not data:
                    break
                log.feed(data)
            elif process.poll() is not None:
                # Somebody it left behind holds the pipe open.
                break
        while True:
            self.check()
            try:
                return process.wait(TICK)
            except subprocess.TimeoutExpired:
                continue

    def _watch(self, work):
        self._check_disk()
        try:
            files.measure(work, 2 * self.conf.max_layer * MB,
                          4 * self.conf.max_layer_files)
        except files.TooLarge as error:
            raise too_large(error) from error

    def _check_disk(self):
        path = self.launcher.conf.state_path
        if files.free_bytes(path) < self.conf.min_free * MB:
            raise no_space('less than %d MB are free' % self.conf.min_free)


def too_large(error):
    """:returns: the exception for dependencies that take too much room."""
    return exception.BuildError(
        'build.too_large', 'What the dependencies take on the disk is too '
        'large: %s.' % error)


def no_space(reason):
    """:returns: the exception for a disk that is full."""
    return exception.NoSpace(
        'There is no room on the disk of this node: %s.' % reason)
