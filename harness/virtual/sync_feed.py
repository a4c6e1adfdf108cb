"""Reads what the host sends on a sync stream: by number of bytes instead of by packet, and a pushed file piece by piece."""

from __future__ import annotations

import logging
import struct

from harness.virtual.stream import Stream

log = logging.getLogger(__name__)

REQUEST = struct.Struct("<4sI")
"""Id and length: the head of every message, in either direction."""
MAX_DATA = 64 << 10
"""Bytes in one DATA, in either direction."""


class SessionOver(Exception):
    """The host closed the stream, or sent something that makes the rest unreadable."""


class Feed:
    """The incoming bytes of a stream, by number rather than by packet."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._view = memoryview(b"")

    @property
    def ready(self) -> int:
        """Bytes that can be had without waiting."""
        return len(self._view)

    async def some(self, limit: int) -> memoryview:
        """At least one byte and at most `limit`, uncopied.

        Raises:
            SessionOver: there are no more.
        """
        if not self._view:
            payload = await self._stream.read()
            if not payload:
                raise SessionOver
            self._view = memoryview(payload)
        part, self._view = self._view[:limit], self._view[limit:]
        return part

    async def exactly(self, count: int) -> bytes:
        """Raises: SessionOver: there are not that many."""
        collected = bytearray()
        while len(collected) < count:
            collected += await self.some(count - len(collected))
        return bytes(collected)


class Content:
    """What follows a SEND: pieces of the file, up to DONE."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._left = 0
        self._done = False
        self.mtime = 0
        """Seconds since the epoch; known at the end."""

    @property
    def ready(self) -> bool:
        """Whether the next part can be had without waiting."""
        return self._feed.ready >= (1 if self._left else REQUEST.size)

    async def part(self) -> memoryview:
        """The next piece; empty at the end, and ever after.

        Raises:
            SessionOver: the stream ended before DONE, or something else than DATA came.
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
