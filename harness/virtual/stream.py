"""One stream inside a connection: ordered bytes both ways, with one payload at a time in flight."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

from harness.virtual.protocol import Bytes, Command, ProtocolError

_READ_AHEAD = 2
"""Payloads of one stream that are acknowledged before a service has taken them: the next is on its way meanwhile."""
_MAX_UNREAD = 64 << 20
"""Bytes of one stream that may wait for its service. More than any socket buffers hold, so no server comes near it."""


class StreamClosed(Exception):
    """Nothing can be written any more: the host closed the stream, or the connection was lost."""


class Carrier(Protocol):
    """What a stream needs of its connection."""

    @property
    def max_payload(self) -> int:
        """Bytes that the host takes in one packet."""

    def send(self, command: Command, arg0: int, arg1: int, payload: Bytes = b"") -> None:
        """Queue one packet."""

    async def drain(self) -> None:
        """Wait until the queue is short."""

    def forget(self, stream: Stream) -> None:
        """The stream is closed."""


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
        """What becomes of data before it is sent: faults may shorten it or take their time."""

    @property
    def closed(self) -> bool:
        """Whether either side has ended it. What was received before can still be read."""
        return self._closed.is_set()

    async def wait_closed(self) -> None:
        """Returns when either side has ended it."""
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
        """Send; returns when the last part is on its way (not yet acknowledged).

        Raises:
            StreamClosed: the host does not listen any more.
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
        """Returns when the host has acknowledged everything, or is gone."""
        await self._writable.wait()

    def close(self) -> None:
        """End it from this side and tell the host once."""
        if not self.closed:
            self.connection.send(Command.CLSE, self.local_id, self.remote_id)
            self.connection.forget(self)
            self.mark_closed()

    def deliver(self, payload: Bytes) -> None:
        """Take a WRTE, which usually comes after the last one was acknowledged.

        A server whose client has hung up sends all it still has at once (its poll reports the hang-up as readable, whether or not it
        waits to read). A phone accepts that, so this does too.

        Raises:
            ProtocolError: far more came unasked than a server can have had.
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
        """An OKAY came."""
        self._writable.set()

    def mark_closed(self) -> None:
        """Note that the other side or the connection ended it, and wake everybody who waits."""
        self._closed.set()
        self._arrival.set()
        self._writable.set()

    def _acknowledge(self) -> None:
        if not self.closed:
            self.connection.send(Command.OKAY, self.local_id, self.remote_id)
