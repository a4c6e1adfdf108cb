"""Sends and receives bytes over an open connection, up to a deadline in wall time or until the caller cancels.

A socket's own time-out counts per call: a device that takes a byte now and then would outlive it for hours.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Sequence

from harness.devices.target import Cancelled

POLL_S = 0.2
_MOST_PARTS = os.sysconf("SC_IOV_MAX") if "SC_IOV_MAX" in os.sysconf_names else 16


class NoEnd(Exception):
    """The deadline passed before the end."""


def wait_for(sock: socket.socket, deadline: float, cancel: threading.Event | None, *, to_write: bool = False) -> bool:
    """Wait until a socket can be read or written. Return False if the caller should ask again.

    Raises:
        NoEnd: the deadline, in seconds of `time.monotonic()`, passed.
        Cancelled: `cancel` was set.
    """
    if cancel is not None and cancel.is_set():
        raise Cancelled
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise NoEnd
    wait_s = min(remaining, POLL_S) if cancel is not None else remaining
    readable, writable, _ = select.select([] if to_write else [sock], [sock] if to_write else [], [], wait_s)
    return bool(readable or writable)


class Transfer:
    """One transfer over a connection.

    Args:
        sock: the connection.
        deadline: in seconds of `time.monotonic()`.
        cancel: set by another thread to give up early.
    """

    def __init__(self, sock: socket.socket, deadline: float, cancel: threading.Event | None) -> None:
        self._sock, self._deadline, self._cancel = sock, deadline, cancel
        sock.setblocking(False)

    def send(self, parts: Sequence[bytes | memoryview]) -> None:
        """Send all bytes.

        Raises:
            NoEnd, Cancelled: as `wait_for`.
            ConnectionError: the other side has closed.
        """
        pending = [memoryview(part) for part in parts]
        while pending:
            if not wait_for(self._sock, self._deadline, self._cancel, to_write=True):
                continue
            try:
                sent = self._sock.sendmsg(pending[:_MOST_PARTS])
            except BlockingIOError:
                continue
            while pending and sent >= len(pending[0]):
                sent -= len(pending.pop(0))
            if sent:
                pending[0] = pending[0][sent:]

    def is_readable(self) -> bool:
        """Return whether something has arrived, or the other side has closed."""
        return bool(select.select([self._sock], [], [], 0)[0])

    def receive(self, size: int) -> bytes:
        """Receive exactly this many bytes.

        Raises:
            NoEnd, Cancelled: as `wait_for`.
            EOFError: the other side closed too early.
        """
        data = bytearray()
        while len(data) < size:
            if not wait_for(self._sock, self._deadline, self._cancel):
                continue
            try:
                chunk = self._sock.recv(min(size - len(data), 1 << 20))
            except BlockingIOError:
                continue
            if not chunk:
                raise EOFError("the connection closed in the middle of a transfer")
            data += chunk
        return bytes(data)
