# SPDX-License-Identifier: Apache-2.0
"""Frames of the runner protocol; see contributor/runner-protocol.

A frame is two 32-bit lengths, big-endian, of a header (JSON) and of a body
(bytes), and these two. What a runner sends is within a tenant's reach: no
length is believed beyond its bound, and no header that is not an object.
"""

import json
import struct

LENGTHS = struct.Struct('>II')
MAX_HEADER = 64 * 1024


class ProtocolError(Exception):
    """The other side does not speak the protocol (any more)."""


def clean(text, most):
    """:returns: at most so many characters of what a runner says, without
    what no database takes: lone surrogates and NUL."""
    return str(text).encode('utf-8', 'replace').decode().replace(
        '\0', '\ufffd')[:most]


def pack(header, body=b''):
    """:returns: the bytes of a frame."""
    head = json.dumps(header, separators=(',', ':')).encode()
    return LENGTHS.pack(len(head), len(body)) + head + body


class Reader:
    """Makes frames of the bytes of a stream.

    :param max_body: largest body that is taken, in bytes.
    """

    def __init__(self, max_body):
        self._max_body = max_body
        self._buffer = bytearray()

    @property
    def empty(self):
        """Whether the last frame was complete."""
        return not self._buffer

    def feed(self, data):
        """:returns: the (header, body) that are complete with ``data``.

        :raises ProtocolError: the bytes are not frames, or too large ones.
        """
        buffer = self._buffer
        buffer += data
        frames = []
        while len(buffer) >= LENGTHS.size:
            head, body = LENGTHS.unpack_from(buffer)
            if head > MAX_HEADER or body > self._max_body:
                raise ProtocolError('a frame of %d and %d bytes'
                                    % (head, body))
            end = LENGTHS.size + head + body
            if len(buffer) < end:
                break
            try:
                header = json.loads(
                    buffer[LENGTHS.size:LENGTHS.size + head])
            except (ValueError, RecursionError) as error:
                raise ProtocolError('a header that is not JSON') from error
            if not isinstance(header, dict):
                raise ProtocolError('a header that is not an object')
            frames.append((header, bytes(buffer[LENGTHS.size + head:end])))
            del buffer[:end]
        return frames
