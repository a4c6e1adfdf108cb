"""`shell:`, `shell,v2,...:` and `exec:`: a process on the device at the other end of a stream.

When the host leaves, this does what a phone does. With the v2 protocol and terminals it sends SIGHUP to the shell only. With a raw v1
stream it only closes its pipes, after passing on everything that the host sent (`adb exec-in` ends that way).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from abc import ABC, abstractmethod
from typing import Any

from harness.virtual import shell_protocol
from harness.virtual.device_interface import AndroidDevice, DeviceProcess, WindowSize
from harness.virtual.pipes import read_some, write_all
from harness.virtual.protocol import ProtocolError
from harness.virtual.shell_protocol import ShellId, ShellReader, ShellRequest
from harness.virtual.stream import Stream, StreamClosed

log = logging.getLogger(__name__)

_CHUNK = 128 << 10
_DEFAULT_WINDOW = WindowSize(24, 80)
"""Terminal size until the host tells its own in its first packet."""


async def serve_shell(device: AndroidDevice, request: ShellRequest, stream: Stream) -> None:
    """Run one request from start to exit code, and leave no descriptor behind.

    Raises:
        StreamClosed: the host left in the middle.
    """
    command = request.command
    if command is not None and not request.v2 and not request.terminal:
        # These streams have one output. Only the shell itself can merge the two in the order of writing.
        command = "exec 2>&1\n" + command
    terminal = _DEFAULT_WINDOW if request.terminal else None
    try:
        process = await device.spawn(command, terminal=terminal, term=request.term)
    except OSError as error:
        log.warning("%s: cannot start a shell: %s", device.serial, error)
        message = f"error: cannot start a shell: {error.strerror or error}\n".encode()
        await stream.write(shell_protocol.encode(ShellId.STDERR, message) if request.v2 else message)
        if request.v2:
            await stream.write(shell_protocol.encode(ShellId.EXIT, b"\x01"))
        return
    session_type = _V2Session if request.v2 else _V1Session
    await session_type(stream, process, terminal=request.terminal).run()


class _Session(ABC):
    """Moves bytes between a stream and a process."""

    def __init__(self, stream: Stream, process: DeviceProcess, *, terminal: bool) -> None:
        self.stream = stream
        self.process = process
        self.terminal = terminal
        self._open = {fd for fd in (process.stdin, process.stdout, process.stderr) if fd is not None}

    async def run(self) -> None:
        """Run until the output ends or the host leaves; then until the process is reaped."""
        exited = asyncio.create_task(self.process.wait())
        closed = asyncio.create_task(self.stream.wait_closed())
        pump_in = asyncio.create_task(self._input())
        pumps_out = [asyncio.create_task(self._output(self.process.stdout, ShellId.STDOUT))]
        if self.process.stderr is not None:
            pumps_out.append(asyncio.create_task(self._output(self.process.stderr, ShellId.STDERR)))
        outputs = asyncio.gather(*pumps_out)
        try:
            await asyncio.wait((outputs, closed), return_when=asyncio.FIRST_COMPLETED)
            # As in adbd, the process has ended when nobody can write to its output any more.
            if not closed.done():
                await asyncio.wait((exited, closed), return_when=asyncio.FIRST_COMPLETED)
            if not closed.done():
                await self._finished(exited.result())
            else:
                # A descriptor is closed only after the tasks that wait for it, because its number may be reused at once.
                await _cancel(outputs)
                if not self.terminal:
                    self._close(self.process.stdout)
                    self._close(self.process.stderr)
                await self._host_left(pump_in, exited)
        finally:
            await _cancel(outputs, pump_in, closed)
            for fd in tuple(self._open):
                self._close(fd)
        await exited

    def _close(self, fd: int | None) -> None:
        if fd in self._open:
            self._open.discard(fd)
            os.close(fd)

    async def _output(self, fd: int, packet_id: ShellId) -> None:
        with contextlib.suppress(StreamClosed):
            while data := await read_some(fd, _CHUNK):
                await self.stream.write(self._frame(packet_id, data))

    @abstractmethod
    def _frame(self, packet_id: ShellId, data: bytes) -> bytes:
        """Frame output for the host."""

    @abstractmethod
    async def _input(self) -> None:
        """Pass on the host's input until it ends."""

    @abstractmethod
    async def _finished(self, exit_code: int) -> None:
        """Handle the end of the process."""

    @abstractmethod
    async def _host_left(self, pump_in: asyncio.Task[None], exited: asyncio.Task[int]) -> None:
        """Handle a stream that closes before the process ends."""


class _V2Session(_Session):
    """Shell protocol v2: separate output and errors, an exit code, a closable stdin."""

    def _frame(self, packet_id: ShellId, data: bytes) -> bytes:
        return shell_protocol.encode(packet_id, data)

    async def _input(self) -> None:
        reader = ShellReader()
        try:
            while data := await self.stream.read():
                for packet_id, body in reader.feed(data):
                    await self._packet(packet_id, body)
        except ProtocolError as error:
            log.warning("stream closed: %s", error)
            self.stream.close()

    async def _packet(self, packet_id: ShellId, body: bytes) -> None:
        match packet_id:
            case ShellId.STDIN:
                if self.process.stdin in self._open and not await write_all(self.process.stdin, body):
                    self._close_stdin()
            case ShellId.CLOSE_STDIN:
                self._close_stdin()
            case ShellId.WINDOW_SIZE:
                if size := shell_protocol.parse_window_size(body):
                    self.process.resize(size)
            case _:
                log.info("shell packet %s from the host ignored", packet_id.name)

    def _close_stdin(self) -> None:
        # A terminal cannot be half closed; a phone ignores the request, too.
        if not self.terminal:
            self._close(self.process.stdin)

    async def _finished(self, exit_code: int) -> None:
        await self.stream.write(shell_protocol.encode(ShellId.EXIT, bytes([exit_code & 0xFF])))

    async def _host_left(self, pump_in: asyncio.Task[None], exited: asyncio.Task[int]) -> None:
        if not exited.done():
            self.process.hang_up()


class _V1Session(_Session):
    """Bare bytes both ways; the end of the stream is the end of the process."""

    def _frame(self, packet_id: ShellId, data: bytes) -> bytes:
        return data

    async def _input(self) -> None:
        while data := await self.stream.read():
            if not await write_all(self.process.stdin, data):
                return
        if not self.terminal:
            self._close(self.process.stdin)

    async def _finished(self, exit_code: int) -> None:
        """Handle the end of the process; version 1 does not send the exit code."""

    async def _host_left(self, pump_in: asyncio.Task[None], exited: asyncio.Task[int]) -> None:
        if not self.terminal:
            await asyncio.wait((pump_in, exited), return_when=asyncio.FIRST_COMPLETED)
        elif not exited.done():
            self.process.hang_up()


async def _cancel(*futures: asyncio.Future[Any]) -> None:
    for future in futures:
        future.cancel()
    await asyncio.gather(*futures, return_exceptions=True)
