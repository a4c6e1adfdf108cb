"""Reads a command's output from ADB's shell protocol (one byte id, u32 length, payload), up to a deadline in wall time."""

from __future__ import annotations

import socket
import struct
import threading
from collections import deque

from harness.devices.socket_deadline import wait_for
from harness.devices.target import STDERR, STDOUT, CommandOutput

EXIT, CLOSE_STDIN = 3, 4
_KEPT_HEAD_BYTES = _KEPT_TAIL_BYTES = 16 * 1024 * 1024


def close_stdin(sock: socket.socket) -> None:
    """Close the command's standard input."""
    sock.sendall(struct.pack("<BI", CLOSE_STDIN, 0))


def read_output(sock: socket.socket, deadline: float, cancel: threading.Event | None) -> CommandOutput:
    """Read until the command has ended.

    Args:
        sock: a `shell,v2` service.
        deadline: in seconds of `time.monotonic()`.
        cancel: set by another thread to give up early.

    Raises:
        NoEnd: the deadline passed.
        EOFError: the connection closed before the command ended.
        Cancelled: `cancel` was set.
    """
    streams = {STDOUT: Capture(), STDERR: Capture()}
    pieces = ShellPieces(sock)
    while (piece := pieces.next(deadline, cancel)) is not None:
        streams[piece[0]].add(piece[1])
    return CommandOutput(stdout=streams[STDOUT].value(), stderr=streams[STDERR].value(), exit_code=pieces.exit_code)


class ShellPieces:
    """The output of a command, piece by piece.

    Args:
        sock: a `shell,v2` service.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = bytearray()
        self._ended = False
        self.exit_code = 255
        """Its exit code, once it has ended."""
        sock.setblocking(False)

    def next(self, deadline: float, cancel: threading.Event | None) -> tuple[int, bytes] | None:
        """Return STDOUT or STDERR with the next piece; None once the command has ended.

        Args:
            deadline: in seconds of `time.monotonic()`.
            cancel: set by another thread to give up early.

        Raises:
            NoEnd, EOFError, Cancelled: as `read_output`.
        """
        while not self._ended:
            if (found := self._parsed()) is not None:
                kind, payload = found
                if kind == EXIT:
                    self._ended = True
                    self.exit_code = payload[0] if payload else 255
                elif kind in (STDOUT, STDERR):
                    return kind, payload
                continue
            if not wait_for(self._sock, deadline, cancel):
                continue
            data = self._sock.recv(1 << 20)
            if not data:
                raise EOFError("the connection closed in the middle of a command")
            self._buffer += data
        return None

    def _parsed(self) -> tuple[int, bytes] | None:
        if len(self._buffer) < 5:
            return None
        kind, length = struct.unpack_from("<BI", self._buffer)
        if len(self._buffer) < 5 + length:
            return None
        payload = bytes(self._buffer[5 : 5 + length])
        del self._buffer[: 5 + length]
        return kind, payload


class Capture:
    """The content of a stream: all of it, or only its beginning and end if a driver chatters endlessly."""

    def __init__(self) -> None:
        self._head: list[bytes] = []
        self._head_size = 0
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._dropped = 0

    def add(self, data: bytes) -> None:
        """Take the next piece."""
        if self._head_size < _KEPT_HEAD_BYTES:
            self._head.append(data)
            self._head_size += len(data)
            return
        self._tail.append(data)
        self._tail_size += len(data)
        while self._tail_size - len(self._tail[0]) > _KEPT_TAIL_BYTES:
            gone = len(self._tail.popleft())
            self._tail_size -= gone
            self._dropped += gone

    def value(self) -> bytes:
        """Return what was kept, with a note where something was dropped."""
        note = b"\n[harness: %d bytes left out here]\n" % self._dropped if self._dropped else b""
        return b"".join([*self._head, note, *self._tail])
