# SPDX-License-Identifier: Apache-2.0
"""Brings results to a conductor, in batches, until it has them."""

import logging
import threading

from pratai import exception
from pratai import states

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
#: The same while all of them are of callers who are answered without it.
LINGER_ANSWERED = 0.15


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
        self._hurry = False
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
            hurry = not (self._hurry or _is_answered(result))
            self._hurry = self._hurry or hurry
            if hurry or len(self._results) in (1, BATCH):
                self._change.notify()

    def pending(self):
        """:returns: ids of the requests whose results are kept here."""
        with self._change:
            return [result['id'] for result in self._results]

    def ends(self, request_id):
        """:returns: whether how the request ended is kept here."""
        with self._change:
            return any(result['id'] == request_id
                       and result['status'] in states.FINISHED
                       for result in self._results)

    def wait_for_returns(self, seconds):
        """Wait until all that goes back to the queue is there, for at most
        so long.

        :returns: whether it is.
        """
        def are_there():
            return not any(result['status'] == states.QUEUED
                           for result in self._results)

        with self._change:
            return self._change.wait_for(are_there, seconds)

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
                self._linger()
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
                self._change.notify_all()
                self._hurry = not all(map(_is_answered, self._results))

    def _linger(self):
        def is_full():
            return self._stopped or len(self._results) >= BATCH

        self._change.wait_for(lambda: self._hurry or is_full(),
                              LINGER_ANSWERED)
        self._change.wait_for(is_full, LINGER if self._hurry else 0)


def _is_answered(result):
    """:returns: whether it is of a caller who is answered without it, see
        Attempts.serve()."""
    return 'request' in result
