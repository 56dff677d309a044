# SPDX-License-Identifier: Apache-2.0
"""``application`` for a WSGI server."""

from pratai.webhook import deploy

application = deploy.application()
