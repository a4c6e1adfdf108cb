"""Reads and writes non-blocking file descriptors (pipes, terminals) from asyncio, without a transport object for each."""

from __future__ import annotations

import asyncio
import os

from harness.virtual.protocol import Bytes


async def read_some(fd: int, limit: int) -> bytes:
    """Read up to `limit` bytes; empty at the end. A terminal without users (EIO) is at its end."""
    while True:
        try:
            return os.read(fd, limit)
        except BlockingIOError:
            await _ready(fd, writing=False)
        except OSError:
            return b""


async def write_all(fd: int, data: Bytes) -> bool:
    """Write everything, at the reader's speed. Return False if the reader has gone."""
    with memoryview(data) as view:
        position = 0
        while position < view.nbytes:
            try:
                position += os.write(fd, view[position:])
            except BlockingIOError:
                await _ready(fd, writing=True)
            except OSError:
                return False
    return True


async def _ready(fd: int, *, writing: bool) -> None:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not future.done():
            future.set_result(None)

    if writing:
        loop.add_writer(fd, wake)
    else:
        loop.add_reader(fd, wake)
    try:
        await future
    finally:
        if writing:
            loop.remove_writer(fd)
        else:
            loop.remove_reader(fd)
