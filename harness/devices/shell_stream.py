"""Reads a command's output from ADB's shell protocol (one byte id, u32 length, payload), up to a deadline in wall time."""

from __future__ import annotations

import socket
import struct
import threading
from collections import deque

from harness.devices.socket_deadline import wait_for
from harness.devices.target import CommandOutput

STDOUT, STDERR, EXIT, CLOSE_STDIN = 1, 2, 3, 4
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
    streams = {STDOUT: _Capture(), STDERR: _Capture()}
    buffer = bytearray()
    sock.setblocking(False)
    while True:
        while len(buffer) >= 5:
            kind, length = struct.unpack_from("<BI", buffer)
            if len(buffer) < 5 + length:
                break
            payload = bytes(buffer[5 : 5 + length])
            del buffer[: 5 + length]
            if kind == EXIT:
                exit_code = payload[0] if payload else 255
                return CommandOutput(
                    stdout=streams[STDOUT].value(), stderr=streams[STDERR].value(), exit_code=exit_code
                )
            if kind in streams:
                streams[kind].add(payload)
        if not wait_for(sock, deadline, cancel):
            continue
        data = sock.recv(1 << 20)
        if not data:
            raise EOFError("the connection closed in the middle of a command")
        buffer += data


class _Capture:
    """The content of a stream: all of it, or only its beginning and end if a driver chatters endlessly."""

    def __init__(self) -> None:
        self._head: list[bytes] = []
        self._head_size = 0
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._dropped = 0

    def add(self, data: bytes) -> None:
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
        note = b"\n[harness: %d bytes left out here]\n" % self._dropped if self._dropped else b""
        return b"".join([*self._head, note, *self._tail])
