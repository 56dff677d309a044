# SPDX-License-Identifier: Apache-2.0
"""The connection by which a runner is told what to be, and tells how its
children end; see contributor/runner-protocol.rst."""

import asyncio
import os
import socket

from pratai.executor import frames


class Control(asyncio.Protocol):
    """The runner's control connection; the first one only.

    :param instance: the instance.Instance that it is of.
    :param started: future of the first thing that the runner says: a header
        and a body, or (None, b'') when it left without a word.
    """

    def __init__(self, instance, started):
        self._instance = instance
        self._started = started
        self._reader = frames.Reader(max_body=256 * 1024)
        self._transport = None

    def connection_made(self, transport):
        self._transport = transport
        if self._instance.control is not None:
            transport.abort()
            return
        self._instance.control = self
        if self._instance.listener is None:
            self.send(self._instance.configure)
        else:
            self._send_listener()

    def _send_listener(self):
        """The first frame, and with it the socket of requests."""
        frame = frames.pack(self._instance.configure)
        with socket.socket(fileno=os.dup(self._transport.get_extra_info(
                'socket').fileno())) as connection:
            try:
                # NOTE: nothing is in its buffer yet, so all of it goes.
                socket.send_fds(connection, [frame],
                                [self._instance.listener.fileno()])
            except OSError:
                pass    # it is gone; connection_lost() comes

    def send(self, header):
        if not self._transport.is_closing():
            self._transport.write(frames.pack(header))

    def close(self):
        self._transport.abort()

    def data_received(self, data):
        if self._instance.control is not self:
            return
        try:
            received = self._reader.feed(data)
        except frames.ProtocolError as error:
            self._instance.misbehaved(str(error))
            return
        for header, body in received:
            if not self._started.done():
                self._started.set_result((header, body))
            else:
                self._instance.heard(header)

    def connection_lost(self, error):
        if self._instance.control is not self:
            return
        if not self._started.done():
            self._started.set_result((None, b''))
        elif self._instance.ready:
            self._instance.lost_control()
