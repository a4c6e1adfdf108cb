"""The shell protocol v2 and the names of shell services: bytes only, no processes.

Source of the format: AOSP, packages/modules/adb, shell_protocol.h and shell_service.cpp. A packet is an id byte, a little-endian 32-bit
length, and that many bytes.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from harness.virtual.device_interface import WindowSize
from harness.virtual.protocol import MAX_PAYLOAD, Bytes, ProtocolError

HEADER = struct.Struct("<BI")
_WINDOW_SIZE = re.compile(rb"(\d{1,5})x(\d{1,5}),(\d{1,5})x(\d{1,5})\0?")


class ShellId(IntEnum):
    """The kind of a packet's content."""

    STDIN = 0
    STDOUT = 1
    STDERR = 2
    EXIT = 3
    CLOSE_STDIN = 4
    WINDOW_SIZE = 5


@dataclass(frozen=True, slots=True)
class ShellRequest:
    """A shell service as requested by its name."""

    command: str | None
    """None for an interactive shell."""
    v2: bool
    terminal: bool
    term: str = "dumb"


def parse_service(name: str) -> ShellRequest | None:
    """Read `shell:CMD`, `shell,v2,TERM=xterm,raw:CMD`, `exec:CMD`; None for other services. Unknown options are ignored, as on a phone."""
    head, colon, command = name.partition(":")
    kind, *options = head.split(",")
    if not colon or kind not in ("shell", "exec"):
        return None
    v2, term = False, "dumb"
    terminal = kind == "shell" and not command
    for option in options:
        if option == "v2":
            v2 = True
        elif option == "raw":
            terminal = False
        elif option == "pty":
            terminal = True
        elif option.startswith("TERM="):
            term = option.removeprefix("TERM=")
    return ShellRequest(command=command or None, v2=v2, terminal=terminal, term=term)


def encode(packet_id: ShellId, data: Bytes = b"") -> bytes:
    """Encode one packet."""
    return HEADER.pack(packet_id, len(data)) + data


def parse_window_size(data: bytes) -> WindowSize | None:
    """Read `ROWSxCOLUMNS,XPIXELSxYPIXELS` in ASCII; None for other text."""
    match = _WINDOW_SIZE.fullmatch(data)
    return WindowSize(*(min(int(part), 0xFFFF) for part in match.groups())) if match else None


class ShellReader:
    """Cuts the host's bytes on a v2 stream into packets."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: Bytes) -> Iterator[tuple[ShellId, bytes]]:
        """Take bytes, and return the packets that are now complete.

        Raises:
            ProtocolError: an unknown id, or a length beyond the largest payload.
        """
        self._buffer += data
        while len(self._buffer) >= HEADER.size:
            packet_id, length = HEADER.unpack_from(self._buffer)
            if packet_id not in ShellId.__members__.values() or length > MAX_PAYLOAD:
                raise ProtocolError(f"shell packet with id {packet_id} and length {length}")
            end = HEADER.size + length
            if len(self._buffer) < end:
                return
            body = bytes(memoryview(self._buffer)[HEADER.size : end])
            del self._buffer[:end]
            yield ShellId(packet_id), body
