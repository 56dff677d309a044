# SPDX-License-Identifier: Apache-2.0
"""How a package becomes an image that instances are started from."""

import abc
import dataclasses


@dataclasses.dataclass
class Build:
    """One build to do.

    :ivar build_id: 32 hexadecimal digits, as is version_id.
    :ivar runtime: dict as in RuntimeDriver.runtimes(); it tells which
        interpreter the image is for.
    :ivar module: source of new_module.py.
    :ivar requirements: text of requirements.txt.
    :ivar memory: MB that installing may use, None for ``[builder]memory``.
    :ivar timeout: seconds for everything, None for ``[builder]timeout``.
    """

    build_id: str
    version_id: str
    runtime: dict
    module: str
    requirements: str = ''
    memory: int | None = None
    timeout: float | None = None


class BuilderDriver(abc.ABC):
    """Makes images on this node; made once a process, used by its threads.

    An image has the module, checked for its syntax, and its dependencies. It
    is not the builder who finds out whether the module can be imported: that
    takes an instance.

    :param conf: options; the group is ``builder``.
    :param runtime_driver: the driver that will run the images.
    """

    def __init__(self, conf, runtime_driver):
        self.conf = conf
        self.runtime_driver = runtime_driver

    @abc.abstractmethod
    def build(self, build, log):
        """Make the image of a version.

        Blocks as long as it takes. May be repeated with the same version: the
        last image counts. Several builds may run at once.

        :param build: :class:`Build`
        :param log: called with one line (str, without its end) at a time,
            from this thread only; ``[builder]max_log`` bounds them together.
        :returns: dict, the image: {'driver', 'id': version_id, 'layer': name
            of what holds the dependencies, or None}. It is JSON, and what
            runtime drivers get to see.
        :raises exception.BuildError: it failed because of what the tenant
            sent, or was cancelled (build.cancelled); nothing is left of it.
        :raises exception.SandboxError: it failed because of this node, a
            full disk for one: it may be tried again.
        """

    @abc.abstractmethod
    def remove(self, image):
        """Remove the image of a version. Blocks. May be repeated.

        What it shares with other images stays until collect().
        """

    @abc.abstractmethod
    def collect(self, known):
        """Remove images that nobody knows, and layers that nobody needs.

        Blocks; meant to be called now and then. What a build that runs needs
        is kept, and so are images younger than ``[builder]collect_grace``,
        because the caller may have made its list before they were built.

        :param known: iterable of the ids of images that are needed.
        """

    @abc.abstractmethod
    def cancel(self, build_id):
        """Stop a build: build() raises BuildError soon. Does not block.

        May be repeated; a build that is not running here is ignored.
        """
