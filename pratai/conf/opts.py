# SPDX-License-Identifier: Apache-2.0
"""Entry point of oslo.config.opts: what oslo-config-generator lists."""

from pratai import conf


def list_opts():
    return [item for group in conf.GROUPS for item in group.list_opts()]
