# SPDX-License-Identifier: Apache-2.0

import importlib.metadata


def version_string():
    """:returns: the version of the installed distribution."""
    return importlib.metadata.version('pratai')
