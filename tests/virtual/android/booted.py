"""Boots virtual devices for tests and runs commands on them, without ADB in between."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.devices.device_config import DeviceConfig, load_device_configs
from harness.errors import SetupError
from harness.virtual.android import VirtualAndroid, create_device
from harness.virtual.device_interface import DeviceProcess, WindowSize


@dataclass(frozen=True)
class Finished:
    code: int
    out: str
    err: str


@asynccontextmanager
async def booted(
    root: Path, profile: str | DeviceConfig = "virtual-flagship", *, serial: str = "test-1", clock_scale: float = 1.0
) -> AsyncIterator[VirtualAndroid]:
    """A device that is up, in the mode that the environment asks for; skips where this host refuses it."""
    config = load_device_configs()[profile] if isinstance(profile, str) else profile
    device = create_device(serial=serial, profile=config, root=root, clock_scale=clock_scale, seed=7)
    try:
        await device.start()
    except SetupError as error:
        pytest.skip(f"needs unprivileged user namespaces: {error}")
    try:
        yield device
    finally:
        await device.stop()


async def run(device: VirtualAndroid, command: str, stdin: bytes = b"") -> Finished:
    process = await device.spawn(command)
    write_all(process.stdin, stdin)
    os.close(process.stdin)
    assert process.stderr is not None
    out, err, code = await asyncio.gather(read_all(process.stdout), read_all(process.stderr), process.wait())
    return Finished(code, out.decode(), err.decode())


def write_all(fd: int, data: bytes) -> None:
    if data:
        assert os.write(fd, data) == len(data)  # tests send less than a pipe holds


async def read_all(fd: int) -> bytes:
    """Everything until the other side has closed; closes ours."""
    data = b""
    while True:
        try:
            piece = os.read(fd, 65536)
        except BlockingIOError:
            await asyncio.sleep(0.002)
            continue
        except OSError:  # a terminal whose other side has gone
            piece = b""
        if not piece:
            os.close(fd)
            return data
        data += piece


async def until(condition: Callable[[], object], *, timeout_s: float = 60.0) -> None:
    """Wait until something holds; generous, because a busy machine is slow."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        await asyncio.sleep(0.01)


async def typed(device: VirtualAndroid, size: WindowSize) -> DeviceProcess:
    return await device.spawn(None, terminal=size, term="xterm")


def close_all(process: DeviceProcess) -> None:
    for fd in {process.stdin, process.stdout, process.stderr} - {None}:
        assert fd is not None
        with suppress(OSError):
            os.close(fd)
