# SPDX-License-Identifier: Apache-2.0
"""What a runtime driver is: it starts and ends instances.

A driver knows nothing of requests. It starts a *runner* in a sandbox in which
a directory of the executor is mounted; runner and executor then speak the
runner protocol through that directory, see contributor/runner-protocol.rst.
"""

import abc
import dataclasses

THREAD_VARIABLES = ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS',
                    'MKL_NUM_THREADS', 'NUMEXPR_NUM_THREADS')


@dataclasses.dataclass
class Spec:
    """What an instance is to be.

    :ivar instance_id: hex, unique on the node.
    :ivar run_dir: directory of the node with the listening control.sock in
        it; the driver makes it the runner's $PRATAI_RUN_DIR. The driver may
        change its owner and mode.
    :ivar image: what the builder made.
    :ivar runtime: one of RuntimeDriver.runtimes().
    :ivar memory: MB, for each request.
    :ivar cpus: processors, for each request.
    :ivar network: whether the function may use a network.
    :ivar concurrency: requests that it runs at once.
    :ivar timeout: seconds that a request may take.
    """

    instance_id: str
    run_dir: str
    image: dict
    runtime: dict
    memory: int = 128
    cpus: int = 1
    network: bool = False
    concurrency: int = 1
    timeout: int = 60


@dataclasses.dataclass
class Sandbox:
    """An instance that was started.

    :ivar id: the instance's.
    :ivar pid: of the runner as the node numbers it, or None.
    :ivar private: the driver's own.
    """

    id: str
    pid: int | None = None
    private: object = None


def environment(spec):
    """:returns: dict of the variables that every instance gets."""
    env = {name: str(spec.cpus) for name in THREAD_VARIABLES}
    env['MALLOC_ARENA_MAX'] = '2'
    # Resolved once here, or in every request again.
    env['LD_BIND_NOW'] = '1'
    return env


class RuntimeDriver(abc.ABC):
    """Base of runtime drivers.

    Methods are called from many threads. None is called for the same
    instance by two at once, except stop().

    :param conf: oslo.config ConfigOpts with all of Pratai's options.
    :raises exception.SandboxError: the driver cannot work as configured.
    """

    #: Whether the executor is to make runner.sock and send it to the runner
    #: with the "configure" frame, because the driver cannot pass descriptors.
    #: The runner then finds "control" in $PRATAI_LISTEN_FD.
    sends_listener = False

    #: Whether runtimes() may change while the service runs, and is quick
    #: enough to be asked every few seconds; read after the first call.
    runtimes_change = False

    def __init__(self, conf):
        self.conf = conf

    @abc.abstractmethod
    def runtimes(self):
        """Find out what functions can be run with.

        Blocks for about a second; called at start, and later on if
        runtimes_change.

        :returns: list of dicts: name ("python311"), language, version,
            description, fingerprint (changes when an image built for it has
            to be built again) and properties (the driver's own; JSON).
        """

    @abc.abstractmethod
    def start(self, spec):
        """Start an instance.

        Blocks until it was spawned, not until its runner is ready. The
        instance ends with the service's process, whatever becomes of that.

        :returns: a Sandbox.
        :raises exception.ImageMissing: the node does not have the image.
        :raises exception.SandboxError: it could not be started.
        """

    def fetch(self, image):
        """Bring an image to this node that start() has not found.

        Blocks for as long as that takes; may be repeated, and called for
        the same image by many at once.

        :returns: whether it is worth starting it again.
        :raises exception.ImageMissing: it is nowhere.
        :raises exception.SandboxError: it cannot be had now.
        """
        return False

    @abc.abstractmethod
    def stop(self, sandbox):
        """Kill an instance and all that runs in it, and free what it held.

        Blocks until it is gone. May be repeated. run_dir stays.
        """

    @abc.abstractmethod
    def inspect(self, sandbox):
        """Look at an instance. Blocks for some ms at most; also works after
        stop().

        :returns: dict: running (bool), exit_code (of the runner, 128 +
            signal for a killed one, or None), oom_killed (bool, something in
            it was killed for want of memory), oom_kills (how often), output
            (the end of what the runner and the import of the function
            wrote, str).
        """

    @abc.abstractmethod
    def reconcile(self):
        """Remove what a former life of the service left.

        Called once, at start, before anything else. May block.
        """

    @abc.abstractmethod
    def describe(self):
        """:returns: dict: isolation (a word), limits (list of what is
        limited and how, sentences), warnings (list of sentences), and
        available (bool, True when left out): whether instances can be
        started at all."""

    @abc.abstractmethod
    def settings(self, spec):
        """What this driver adds to the "configure" frame.

        :returns: dict: code_dir, deps_dir (or None), tmp_dirs (list), limits
            (dict: memory, nproc, fsize, nofile, cpu), with paths as they are
            inside.
        """
