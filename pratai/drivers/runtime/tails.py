# SPDX-License-Identifier: Apache-2.0
"""The last words of many programs, read by one thread."""

import os
import selectors
import threading

KEPT = 16384            # bytes of each


class Tail:
    """The end of what was written to a pipe.

    :param fd: reading end; it is closed when the writers are gone, or by
        Tails.drop().
    """

    def __init__(self, fd):
        self.fd = fd
        self.data = b''
        self.ended = threading.Event()

    def text(self):
        return self.data.decode(errors='replace')


class Tails:
    """Reads pipes, so that nobody has to wait who writes to them."""

    def __init__(self):
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._thread = None

    def add(self, fd):
        """:returns: the Tail of a pipe, which is ours from now on."""
        tail = Tail(fd)
        try:
            os.set_blocking(fd, False)
            with self._lock:
                if self._thread is None:
                    thread = threading.Thread(target=self._run, name='tails',
                                              daemon=True)
                    thread.start()
                    self._thread = thread
                # NOTE: epoll takes new descriptors while a thread waits in
                # it.
                self._selector.register(fd, selectors.EVENT_READ, tail)
        except BaseException:
            os.close(fd)
            raise
        return tail

    def drop(self, tail):
        """Stop reading. May be repeated."""
        with self._lock:
            if not tail.ended.is_set():
                self._read(tail, 16)
                self._end(tail)

    def _run(self):
        while True:
            for key, _ in self._selector.select():
                with self._lock:
                    if not key.data.ended.is_set():
                        self._read(key.data, 1)

    def _read(self, tail, times):
        for _ in range(times):
            try:
                data = os.read(tail.fd, 65536)
            except BlockingIOError:
                return
            if not data:
                self._end(tail)
                return
            tail.data = (tail.data + data)[-KEPT:]

    def _end(self, tail):
        if not tail.ended.is_set():
            self._selector.unregister(tail.fd)
            os.close(tail.fd)
            tail.ended.set()
