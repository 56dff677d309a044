# SPDX-License-Identifier: Apache-2.0
"""Images as folders of this node, made in the sandboxes functions run in."""

import os
import shutil

from pratai.drivers.builder import images
from pratai.drivers.builder import inside
from pratai.drivers.builder import pipbuilder
from pratai.drivers.runtime import sandbox


class ProcessBuilder(pipbuilder.PipBuilder):
    """Installs with pip into layers that functions share.

    Works with the ``process`` runtime driver.
    """

    name = 'process'

    def __init__(self, conf, runtime_driver):
        launcher = getattr(runtime_driver, 'launcher', None)
        if launcher is None:
            launcher = sandbox.Launcher(conf)
        super().__init__(conf, runtime_driver, launcher, images.Images(conf))
        if launcher.isolation == 'none':
            # Where everybody gets at it.
            self.program = os.path.join(self.cache.programs, 'inside.py')
            shutil.copyfile(inside.__file__, self.program)
            os.chmod(self.program, 0o644)

    def launcher_for(self, build):
        return self.launcher

    def build(self, build, log):
        image = super().build(build, log)
        if self.conf.builder.shared:
            image['shared'] = True  # any node sees the same files
        return image
