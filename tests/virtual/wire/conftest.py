"""Plain devices behind a real ADB server, in a thread of the test process."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import adbutils
import pytest

from harness.virtual.adb_announcer import RollCall, serial_of
from harness.virtual.adb_server import AdbServer, find_adb
from harness.virtual.device_server import DeviceServer
from tests.virtual.wire.plain_device import PlainDevice

T = TypeVar("T")


class Bench:
    """Some devices and their server."""

    def __init__(self, folder: Path, count: int, *, auth_required: bool = False, accept_keys: bool = True) -> None:
        self.folder = folder
        self.devices: list[DeviceServer] = []
        for _ in range(count):
            listener = socket.create_server(("127.0.0.1", 0))
            serial = serial_of(listener.getsockname()[1])
            root = folder / serial
            root.mkdir()
            device = PlainDevice(serial=serial, root=root, auth_required=auth_required)
            self.devices.append(DeviceServer(device, listener, accept_keys=accept_keys))
        home = folder / "home"
        home.mkdir()
        self.server = AdbServer(find_adb(), home)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="bench")

    def start(self) -> None:
        self._thread.start()
        self.call(self._start())

    def stop(self) -> None:
        self.call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)

    async def _start(self) -> None:
        await asyncio.gather(*(device.start() for device in self.devices))
        await self.server.start()
        self.roll_call = RollCall(self.server.port, self.devices)
        self._following = asyncio.create_task(self.roll_call.run())
        await asyncio.wait_for(self.roll_call.wait_ready(), 60)

    async def _stop(self) -> None:
        self._following.cancel()
        await asyncio.wait([self._following])
        await self.server.stop()
        await asyncio.gather(*(device.stop() for device in self.devices))
        await asyncio.get_running_loop().shutdown_default_executor()

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def serials(self) -> list[str]:
        return [device.serial for device in self.devices]

    @property
    def root(self) -> Path:
        """Of the first device."""
        return self.folder / self.serials[0]

    @property
    def tmp(self) -> Path:
        """`/data/local/tmp` of the first device."""
        return self.root / "data/local/tmp"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "HOME": str(self.folder / "home"), "ANDROID_ADB_SERVER_PORT": str(self.port)}

    def command(self, *arguments: str | Path) -> list[str]:
        """For the first device."""
        return [str(find_adb()), "-P", str(self.port), "-s", self.serials[0], *map(str, arguments)]

    def adb(self, *arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            self.command(*arguments), env=self.environment, capture_output=True, timeout=60, check=False, **options
        )

    def states(self) -> dict[str, str]:
        output = subprocess.run(
            [str(find_adb()), "-P", str(self.port), "devices"], env=self.environment, capture_output=True, check=True
        ).stdout.decode()
        return dict(line.split("\t") for line in output.splitlines() if "\t" in line)

    def adbutils_device(self) -> adbutils.AdbDevice:
        return adbutils.AdbClient(host="127.0.0.1", port=self.port, socket_timeout=60).device(self.serials[0])

    def open_service(self, name: str) -> socket.socket:
        """A stream to the first device through the server, as bare bytes."""
        stream = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        for request in (f"host:transport:{self.serials[0]}", name):
            stream.sendall(f"{len(request.encode()):04x}{request}".encode())
            if receive(stream, 4) != b"OKAY":
                stream.close()
                raise ConnectionRefusedError(request)
        return stream


def receive(stream: socket.socket, count: int) -> bytes:
    """Exactly so many bytes."""
    data = b""
    while len(data) < count:
        part = stream.recv(count - len(data))
        assert part, f"closed after {data!r}"
        data += part
    return data


def eventually(condition: Callable[[], object], patience_s: float = 60.0) -> None:
    """Wait until it holds. The limit is for a test that hangs, not for a machine that is slow."""
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("bench"), 2)
    made.start()
    yield made
    made.stop()
