"""A proxy in front of an ADB server that counts the requests to its devices.

A round trip is one request to a device as this proxy sees it: a connection that names a device (`host:transport...`, `host:tport...`) and
then a service of it (`shell`, `sync`, ...). Requests to the server itself are counted apart, as `server NAME`, and connections that ask for
nothing as `silent`.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections import Counter
from types import TracebackType
from typing import Self

_CHUNK = 1 << 16
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
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=_CHUNK)
        self.port = server.sockets[0].getsockname()[1]
        self._listens.set()
        await self._ends.wait()
        server.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _connected(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        seen = Requests()
        try:
            server, to_server = await asyncio.open_connection("127.0.0.1", self._server_port, limit=_CHUNK)
        except OSError:
            to_client.close()
            return
        try:
            there = self._pass_on(client, to_server, seen)
            back = self._pass_on(server, to_client, None)
            await asyncio.gather(there, back)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            to_server.close()
            to_client.close()
            if not seen.kinds:
                self._counts["silent"] += 1

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, seen: Requests | None) -> None:
        known = 0
        while data := await source.read(_CHUNK):
            if seen is not None:
                seen.feed(data)
                self._counts.update(seen.kinds[known:])
                known = len(seen.kinds)
            sink.write(data)
            await sink.drain()
        with contextlib.suppress(OSError):
            if sink.can_write_eof():
                sink.write_eof()


def round_trips(counts: Counter[str]) -> int:
    """Return the number of requests to devices."""
    return sum(number for kind, number in counts.items() if kind != "silent" and not kind.startswith("server "))
