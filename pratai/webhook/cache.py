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
        known = self._known.get(key)
        if known is not None and known[1] > time.monotonic():
            return known[0]
        with self._lock:
            answer = self._asked.get(key)
            mine = answer is None
            if mine:
                answer = self._asked[key] = concurrent.futures.Future()
        if not mine:
            return answer.result()
        try:
            asked_at = time.monotonic()
            value, seconds = ask()
            if len(self._known) >= self._most:
                self._known.clear()
            self._known[key] = value, asked_at + seconds
            answer.set_result(value)
        except BaseException as error:
            answer.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._asked[key]
        return value

    def forget(self, key):
        """Ask again the next time."""
        self._known.pop(key, None)
