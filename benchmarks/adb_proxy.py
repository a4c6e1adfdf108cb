"""A proxy in front of an ADB server that counts the requests to its devices.

A round trip is one request to a device as this proxy sees it: a connection that names a device (`host:transport...`, `host:tport...`) and
then a service of it (`shell`, `sync`, ...). Requests to the server itself are counted apart, as `server NAME`, and connections that ask for
nothing as `silent`.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections import Counter
from types import TracebackType
from typing import Self

_DEVICE = re.compile(rb"host:(?:transport|tport)")
_HEADER = 4
"""ADB's requests begin with their length in four hexadecimal digits (SERVICES.TXT)."""


class Requests:
    """What one connection asks for, from the bytes that its client sends."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self._rest: bytes | None = b""
        self._on_a_device = False

    def feed(self, data: bytes) -> None:
        """Read on. After the service, or at what is no request, the rest is the service's own."""
        if self._rest is None:
            return
        self._rest += data
        while (request := self._next()) is not None:
            if self._on_a_device:
                self.kinds.append(re.split(rb"[:,]", request, maxsplit=1)[0].decode(errors="replace"))
                self._rest = None
                return
            self._on_a_device = bool(_DEVICE.match(request))
            if not self._on_a_device:
                self.kinds.append(f"server {_server_request(request)}")
                self._rest = None
                return

    def _next(self) -> bytes | None:
        rest = self._rest
        if rest is None or len(rest) < _HEADER:
            return None
        try:
            end = _HEADER + int(rest[:_HEADER], 16)
        except ValueError:
            self._rest = None
            return None
        if len(rest) < end:
            return None
        self._rest = rest[end:]
        return rest[_HEADER:end]


def _server_request(request: bytes) -> str:
    """Return the name: the last word of `host:devices-l`, `host-serial:S:features`; `forward` for anything that goes on behind it."""
    words = request.decode(errors="replace").split(":")
    known = [word for word in words[1:] if word in ("features", "get-state", "get-devpath", "get-serialno")]
    return (known or words[1:2] or words)[0]


class CountingProxy:
    """The proxy, in a thread of its own during the `with` block.

    Args:
        server_port: the ADB server's port on this machine.
    """

    def __init__(self, server_port: int) -> None:
        self.port = 0
        self._server_port = server_port
        self._counts: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._clients: set[_Client] = set()
        self._listens = threading.Event()
        self._ends: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._listens.wait(30):
            raise RuntimeError("the proxy does not come up")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ends is not None:
            self._loop.call_soon_threadsafe(self._ends.set)
        self._thread.join(30)
        self._loop.close()

    def counts(self) -> Counter[str]:
        """Return the number of requests so far, by kind."""
        return self._counts.copy()

    async def _serve(self) -> None:
        self._ends = asyncio.Event()
        server = await self._loop.create_server(self._client, "127.0.0.1", 0, backlog=256)
        self.port = server.sockets[0].getsockname()[1]
        self._listens.set()
        await self._ends.wait()
        server.close()
        for side in list(self._clients):
            side.hang_up()

    def _client(self) -> _Client:
        return _Client(self._server_port, self._clients, self._counts)


class _Side(asyncio.Protocol):
    """One side of a connection; what comes in goes out at the other."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: _Side | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        # Whoever closes first ends it: no client of ADB closes only one direction. What was written before still goes out.
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()


class _Client(_Side):
    """The side of who asks. Nothing is read from it before the server's side stands."""

    def __init__(self, server_port: int, all_clients: set[_Client], counts: Counter[str]) -> None:
        super().__init__()
        self._server_port, self._all_clients, self._counts = server_port, all_clients, counts
        self._requests = Requests()
        self._known = 0
        self._opening: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._all_clients.add(self)
        if self.transport is not None:
            self.transport.pause_reading()
        self._opening = asyncio.get_running_loop().create_task(self._open())

    def data_received(self, data: bytes) -> None:
        self._requests.feed(data)
        self._counts.update(self._requests.kinds[self._known :])
        self._known = len(self._requests.kinds)
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._all_clients.discard(self)
        if not self._known:
            self._counts["silent"] += 1
        super().connection_lost(exc)

    def hang_up(self) -> None:
        """End both sides."""
        if self._opening is not None:
            self._opening.cancel()
        if self.transport is not None:
            self.transport.abort()

    async def _open(self) -> None:
        assert self.transport is not None
        server = _Side()
        server.other = self
        try:
            await asyncio.get_running_loop().create_connection(lambda: server, "127.0.0.1", self._server_port)
        except OSError:
            self.transport.close()
            return
        if self.transport.is_closing():
            if server.transport is not None:
                server.transport.close()
            return
        self.other = server
        self.transport.resume_reading()


def round_trips(counts: Counter[str]) -> int:
    """Return the number of requests to devices."""
    return sum(number for kind, number in counts.items() if kind != "silent" and not kind.startswith("server "))
