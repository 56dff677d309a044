# SPDX-License-Identifier: Apache-2.0
"""What operators can mend is told in one line, not in a traceback."""

import contextlib
import sys

from oslo_config import cfg
from oslo_db import exception as db_exception
from oslo_log import log
from sqlalchemy import exc as sa_exc

from pratai import exception

#: What configuration and database raise, files and ports, and what is ours.
_KNOWN = (cfg.Error, log.LogConfigError, OSError, exception.PrataiError,
          db_exception.DBError, sa_exc.SQLAlchemyError)


@contextlib.contextmanager
def told(program, *others):
    """Context in which such an error ends the process, with status 1.

    :param others: more kinds of errors that the program knows.
    """
    try:
        yield
    except (*_KNOWN, *others) as error:
        sys.exit('%s: %s' % (program, exception.text(error)))
