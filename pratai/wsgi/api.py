# SPDX-License-Identifier: Apache-2.0
"""The control API for WSGI servers: ``pratai.wsgi.api:application``."""

from pratai.api import deploy

application = deploy.application()
