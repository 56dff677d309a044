# SPDX-License-Identifier: Apache-2.0
"""The only way to the database.

:class:`Database` has all that services ask of it; its methods take and
return plain values, so that no session leaves this package.
"""

from pratai.db import base
from pratai.db import builds
from pratai.db import checks
from pratai.db import dispatch
from pratai.db import functions
from pratai.db import requests
from pratai.db import services


class Database(base.Base, functions.Functions, builds.Builds,
               requests.Requests, dispatch.Dispatch, services.Services,
               checks.Checks):
    """The database of a Pratai.

    :param conf: a configuration with the options of :mod:`pratai.conf`.
    :raises exception.Unavailable: from every method, when the database does
        not answer.
    """
