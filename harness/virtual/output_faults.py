"""Faults of a command's output: it comes late or breaks off. Filters for a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from harness.virtual.protocol import Bytes
from harness.virtual.shell_protocol import HEADER, ShellId, encode


def late(pause_s: float) -> Callable[[Bytes], Awaitable[Bytes]]:
    """Delay each part of the output by this many seconds."""

    async def wait(data: Bytes) -> Bytes:
        await asyncio.sleep(pause_s)
        return data

    return wait


def cut(left: int, *, framed: bool) -> Callable[[Bytes], Awaitable[Bytes]]:
    """Let `left` bytes of output through. Frames of the shell protocol stay valid but hold less; the exit code passes."""

    async def shorten(data: Bytes) -> Bytes:
        nonlocal left
        raw = bytes(data)
        if framed:
            packet_id = ShellId(raw[0])
            if packet_id not in (ShellId.STDOUT, ShellId.STDERR):
                return raw
            body = raw[HEADER.size : HEADER.size + left]
            left -= len(body)
            return encode(packet_id, body)
        raw = raw[:left]
        left -= len(raw)
        return raw

    return shorten
