# SPDX-License-Identifier: Apache-2.0
"""Images of a Docker engine, made in containers like those of functions."""

from pratai import exception
from pratai.drivers.builder import docker_images
from pratai.drivers.builder import docker_launcher
from pratai.drivers.builder import pipbuilder


class DockerBuilder(pipbuilder.PipBuilder):
    """Installs with pip into layers that functions share.

    Works with the ``docker`` runtime driver, on its engine.
    """

    name = 'docker'

    def __init__(self, conf, runtime_driver):
        if not hasattr(runtime_driver, 'engine'):
            raise exception.SandboxError(
                'The builder "docker" needs [executor]runtime_driver = '
                'docker.')
        self.registry = runtime_driver.registry
        super().__init__(
            conf, runtime_driver,
            docker_launcher.Launcher(conf, runtime_driver),
            docker_images.Images(conf, runtime_driver, self.registry))

    def launcher_for(self, build):
        return docker_launcher.Launcher(self.conf, self.runtime_driver,
                                        build.runtime)

    def build(self, build, log):
        if not build.runtime['properties'].get('interpreter'):
            raise exception.BuildError(
                'runtime.not_found', 'Functions cannot be built for the '
                'runtime %s: it is not one for Python.'
                % build.runtime['name'])
        return super().build(build, log)
