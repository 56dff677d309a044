# SPDX-License-Identifier: Apache-2.0
"""Libraries that repeat themselves say it once."""

import logging

#: Seconds without such a message after which the next one is news.
OVER = 60


class Once(logging.Filter):
    """Lets loggers say once that something is away, and once that it is back.

    :param away: parts of messages that say so.
    :param back: a part of the message that says the opposite.
    """

    def __init__(self, away, back):
        super().__init__()
        self._parts = away
        self._back = back
        self._away = False
        self._last = 0.0

    def filter(self, record):
        message = str(record.msg)
        away = any(part in message for part in self._parts)
        if not away and self._back not in message:
            return True
        if away and record.created - self._last > OVER:
            self._away = False
        self._last = record.created
        news = away != self._away
        self._away = away
        return news


def once(*names, away, back):
    """Put one filter on loggers, by name, that have none yet."""
    loggers = [logging.getLogger(name) for name in names]
    if not any(isinstance(one, Once) for log in loggers
               for one in log.filters):
        shared = Once(away, back)
        for log in loggers:
            log.addFilter(shared)
