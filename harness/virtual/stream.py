"""One stream inside a connection: ordered bytes both ways, with one payload at a time in flight."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

from harness.virtual.protocol import Bytes, Command, ProtocolError

_READ_AHEAD = 2
"""Payloads of a stream that are acknowledged before a service has taken them, so that the next is on its way meanwhile."""
_MAX_UNREAD = 64 << 20
"""Most bytes of a stream that may wait for its service: more than socket buffers hold, so no server reaches it."""


class StreamClosed(Exception):
    """The host closed the stream, or the connection was lost."""


class Carrier(Protocol):
    """The part of a connection that a stream needs."""

    @property
    def max_payload(self) -> int:
        """Bytes that the host takes in one packet."""

    def send(self, command: Command, arg0: int, arg1: int, payload: Bytes = b"") -> None:
        """Queue one packet."""

    async def drain(self) -> None:
        """Wait until the queue is short."""

    def forget(self, stream: Stream) -> None:
        """Forget a closed stream."""


class Stream:
    """One stream inside a connection, as a service sees it: ordered bytes both ways."""

    def __init__(self, connection: Carrier, local_id: int, remote_id: int) -> None:
        self.connection = connection
        self.local_id = local_id
        self.remote_id = remote_id
        self._received: deque[Bytes] = deque()
        self._unread = 0
        self._arrival = asyncio.Event()
        self._owes_okay = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._write_lock = asyncio.Lock()
        self._closed = asyncio.Event()
        self.output_filters: list[Callable[[Bytes], Awaitable[Bytes]]] = []
        """Filter for data before it is sent: faults may shorten or delay it."""

    @property
    def closed(self) -> bool:
        """Whether either side has ended the stream. Bytes received before can still be read."""
        return self._closed.is_set()

    async def wait_closed(self) -> None:
        """Wait until either side has ended the stream."""
        await self._closed.wait()

    async def read(self) -> Bytes:
        """Return the next payload; empty when the stream is closed and everything is read."""
        while not self._received:
            if self.closed:
                return b""
            self._arrival.clear()
            await self._arrival.wait()
        payload = self._received.popleft()
        self._unread -= len(payload)
        if self._owes_okay:
            self._owes_okay = False
            self._acknowledge()
        return payload

    async def write(self, data: Bytes) -> None:
        """Send data. Returns when the last part is on its way (not yet acknowledged).

        Raises:
            StreamClosed: the host no longer listens.
        """
        for become in self.output_filters:
            data = await become(data)
        with memoryview(data) as view:
            async with self._write_lock:
                for start in range(0, view.nbytes, self.connection.max_payload):
                    await self._writable.wait()
                    if self.closed:
                        raise StreamClosed
                    self._writable.clear()
                    part = view[start : start + self.connection.max_payload]
                    self.connection.send(Command.WRTE, self.local_id, self.remote_id, part)
                    await self.connection.drain()

    async def flush(self) -> None:
        """Wait until the host has acknowledged everything or is gone."""
        await self._writable.wait()

    def close(self) -> None:
        """End the stream from this side and tell the host once."""
        if not self.closed:
            self.connection.send(Command.CLSE, self.local_id, self.remote_id)
            self.connection.forget(self)
            self.mark_closed()

    def deliver(self, payload: Bytes) -> None:
        """Take a WRTE, which usually arrives after the last one was acknowledged.

        A server whose client has hung up sends its whole rest at once, because its poll reports the hang-up as readable. A phone accepts
        that, so this does too.

        Raises:
            ProtocolError: far more arrived unacknowledged than a server can have had.
        """
        self._unread += len(payload)
        if self._unread > _MAX_UNREAD:
            raise ProtocolError(f"stream {self.local_id}: {self._unread} bytes sent before they were asked for")
        self._received.append(payload)
        self._arrival.set()
        if len(self._received) < _READ_AHEAD:
            self._acknowledge()
        else:
            self._owes_okay = True

    def acknowledged(self) -> None:
        """Take an OKAY."""
        self._writable.set()

    def mark_closed(self) -> None:
        """Note that the other side or the connection ended the stream, and wake all waiting tasks."""
        self._closed.set()
        self._arrival.set()
        self._writable.set()

    def _acknowledge(self) -> None:
        if not self.closed:
            self.connection.send(Command.OKAY, self.local_id, self.remote_id)
