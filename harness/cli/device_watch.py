"""Reports when a device comes, goes or changes its state, as the ADB servers announce it (`host:track-devices`)."""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Callable, Iterator, Sequence

_REQUEST = b"host:track-devices"
_CONNECT_S = 5.0
_LOOK_FOR_SERVERS_S = 2.0
"""A new server (of newly started virtual devices) is noticed within this many seconds."""


def device_changes(ports: Callable[[], Sequence[int]]) -> Iterator[None]:
    """Yield once at the beginning and after each change, endlessly.

    Args:
        ports: returns the loopback ports of the ADB servers that are up now.
    """
    with contextlib.ExitStack() as stack:
        tracked: dict[int, socket.socket] = {}
        first = True
        while True:
            changed, first = first, False
            for port in ports():
                if port not in tracked and (sock := _track(port)) is not None:
                    tracked[port] = stack.enter_context(sock)
                    changed = True
            if changed:
                yield None
            ready, _, _ = select.select(list(tracked.values()), [], [], _LOOK_FOR_SERVERS_S)
            changed = False
            for port, sock in list(tracked.items()):
                if sock in ready:
                    # The announcement is dropped: the caller asks for the full list again.
                    data = _receive(sock)
                    changed = True
                    if not data:
                        sock.close()
                        del tracked[port]
            if changed:
                yield None


def _track(port: int) -> socket.socket | None:
    try:
        sock = socket.create_connection(("127.0.0.1", port), timeout=_CONNECT_S)
        sock.sendall(f"{len(_REQUEST):04x}".encode() + _REQUEST)
        if sock.recv(4, socket.MSG_WAITALL) == b"OKAY":
            # The first list follows at once; the caller asks for the list anyway.
            size = int(sock.recv(4, socket.MSG_WAITALL) or b"0", 16)
            if size:
                sock.recv(size, socket.MSG_WAITALL)
            return sock
        sock.close()
    except (OSError, ValueError):
        return None
    return None


def _receive(sock: socket.socket) -> bytes:
    try:
        return sock.recv(65536)
    except OSError:
        return b""
