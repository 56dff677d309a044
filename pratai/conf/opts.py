# SPDX-License-Identifier: Apache-2.0
"""Entry points of oslo.config.opts and oslo.config.opts.defaults: what
oslo-config-generator lists, and with which defaults."""

from pratai import conf
from pratai.conf import libraries


def list_opts():
    return [item for group in conf.GROUPS for item in group.list_opts()]


def set_defaults():
    """Have the options of libraries be what they are in the processes."""
    libraries.database()
    libraries.messaging()
    libraries.middleware()
    # Imported here: its libraries are for those who have Keystone.
    from pratai.api import keystone
    keystone.set_defaults()
