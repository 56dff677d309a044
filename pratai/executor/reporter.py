# SPDX-License-Identifier: Apache-2.0
"""Brings results to a conductor, in batches, until it has them."""

import logging
import threading

from pratai import exception

LOG = logging.getLogger(__name__)

#: Results in one message. More wait for the next, which is on its way as
#: soon as this one is answered.
BATCH = 200
#: Bytes of responses, logs and payloads after which a message is full.
BATCH_BYTES = 8 * 1024 * 1024
RETRY = 1.0
#: Seconds that the first result waits for company: one commit for many costs
#: a caller nothing, and the node a lot less than many of one.
LINGER = 0.05


def batch(results):
    """:returns: how many of the first results make one message."""
    size = 0
    for count, result in enumerate(results):
        size += (len(result.get('response') or '')
                 + len(result.get('logs') or '')
                 + len(result.get('payload') or ''))
        if count == BATCH or (count and size > BATCH_BYTES):
            return count
    return len(results)


class Reporter:
    """One thread. While a message is under way the next one fills, so the
    busier the node, the larger the batches.

    :param report: ``ConductorAPI.report``.
    """

    def __init__(self, report):
        self._report = report
        self._results = []
        self._change = threading.Condition()
        self._stopped = False
        self._failing = False
        self._thread = threading.Thread(target=self._loop, name='reporter',
                                        daemon=True)

    def start(self):
        self._thread.start()

    def add(self, result):
        """Take a result; it is kept until a conductor has recorded it."""
        with self._change:
            self._results.append(result)
            if len(self._results) in (1, BATCH):
                self._change.notify()

    def pending(self):
        """:returns: ids of the requests whose results are kept here."""
        with self._change:
            return [result['id'] for result in self._results]

    def stop(self, seconds):
        """Report what is left, for at most so long."""
        with self._change:
            self._stopped = True
            self._change.notify()
        self._thread.join(seconds)

    def _loop(self):
        while True:
            with self._change:
                while not self._results and not self._stopped:
                    self._change.wait()
                if len(self._results) < BATCH and not self._stopped:
                    self._change.wait_for(
                        lambda: self._stopped or len(self._results) >= BATCH,
                        LINGER)
                count = batch(self._results)
                results = self._results[:count]
            if not results:
                return
            try:
                self._report(results)
            except Exception as error:
                if not self._failing:
                    LOG.warning('No conductor takes results; they are kept '
                                'and tried again: %s', exception.text(error))
                self._failing = True
                with self._change:
                    self._change.wait(RETRY)
                continue
            if self._failing:
                LOG.info('A conductor takes results again')
            self._failing = False
            with self._change:
                del self._results[:count]
