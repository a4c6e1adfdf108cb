"""Reads a sync stream by number of bytes instead of by packet, and a pushed file piece by piece."""

from __future__ import annotations

import logging
import struct

from harness.virtual.stream import Stream

log = logging.getLogger(__name__)

REQUEST = struct.Struct("<4sI")
"""Id and length: the header of every message, in either direction."""
MAX_DATA = 64 << 10
"""Most bytes in one DATA, in either direction."""


class SessionOver(Exception):
    """The host closed the stream, or its bytes make the rest unreadable."""


class Feed:
    """The incoming bytes of a stream, by number instead of by packet."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._view = memoryview(b"")

    @property
    def ready(self) -> int:
        """Number of bytes available without waiting."""
        return len(self._view)

    async def some(self, limit: int) -> memoryview:
        """Read at least one byte and at most `limit`, uncopied.

        Raises:
            SessionOver: the stream has ended.
        """
        if not self._view:
            payload = await self._stream.read()
            if not payload:
                raise SessionOver
            self._view = memoryview(payload)
        part, self._view = self._view[:limit], self._view[limit:]
        return part

    async def exactly(self, count: int) -> bytes:
        """Read exactly this many bytes.

        Raises:
            SessionOver: the stream ends before.
        """
        collected = bytearray()
        while len(collected) < count:
            collected += await self.some(count - len(collected))
        return bytes(collected)


class Content:
    """The content of a pushed file: its pieces after a SEND, up to DONE."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._left = 0
        self._done = False
        self.mtime = 0
        """Seconds since the epoch; known at the end."""

    @property
    def ready(self) -> bool:
        """Whether the next part is available without waiting."""
        return self._feed.ready >= (1 if self._left else REQUEST.size)

    async def part(self) -> memoryview:
        """Return the next piece; empty from the end on.

        Raises:
            SessionOver: the stream ended before DONE, or something other than DATA came.
        """
        while not self._left:
            if self._done:
                return memoryview(b"")
            kind, length = REQUEST.unpack(await self._feed.exactly(REQUEST.size))
            if kind == b"DONE":
                self._done, self.mtime = True, length
            elif kind == b"DATA" and length <= MAX_DATA:
                self._left = length
            else:
                log.warning("sync: expected DATA, got %r with length %d", kind, length)
                raise SessionOver
        piece = await self._feed.some(self._left)
        self._left -= len(piece)
        return piece
