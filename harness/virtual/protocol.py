"""Packets of the ADB transport protocol: 24 bytes of header, six little-endian 32-bit words, then the payload.

Source of the format: AOSP, packages/modules/adb, protocol.txt. Nothing here touches a socket, so it can be tested with hostile bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

Bytes = bytes | bytearray | memoryview
HEADER = struct.Struct("<6I")
VERSION = 0x01000001
"""From this version on neither side checks the checksum."""
MAX_PAYLOAD = 1 << 20
"""Largest payload, in bytes, that current hosts and devices agree on."""
MAX_PAYLOAD_BEFORE_ONLINE = 64 << 10
"""Limit until a connection has proved itself: banners are at most 4 KiB, keys below 1 KiB."""


class Command(IntEnum):
    """The first word of a packet: four ASCII letters."""

    CNXN = int.from_bytes(b"CNXN", "little")
    AUTH = int.from_bytes(b"AUTH", "little")
    OPEN = int.from_bytes(b"OPEN", "little")
    OKAY = int.from_bytes(b"OKAY", "little")
    WRTE = int.from_bytes(b"WRTE", "little")
    CLSE = int.from_bytes(b"CLSE", "little")


class ProtocolError(Exception):
    """The bytes are not a valid or allowed packet. The connection is useless from here on."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet. The meaning of `arg0` and `arg1` depends on the command; for streams they are the sender's and the receiver's id."""

    command: Command
    arg0: int
    arg1: int
    payload: Bytes = b""


def encode(command: Command, arg0: int, arg1: int, payload: Bytes = b"", *, checksum: bool = False) -> bytes:
    """Encode one packet.

    Args:
        command: the command.
        arg0: 32 bits.
        arg1: 32 bits.
        payload: at most `MAX_PAYLOAD` bytes.
        checksum: whether to fill in the sum of the bytes, which peers below `VERSION` need.
    """
    with memoryview(payload) as view:
        total = sum(view) & 0xFFFFFFFF if checksum else 0
        header = HEADER.pack(command, arg0, arg1, view.nbytes, total, command ^ 0xFFFFFFFF)
        return b"".join((header, view))


class PacketReader:
    """Cuts a byte stream into packets, and owns the buffers that a socket receives into.

    Small packets are collected in one scratch buffer; the rest of a large payload is received directly into its own, uncopied.
    """

    def __init__(self, max_payload: int = MAX_PAYLOAD) -> None:
        self.max_payload = max_payload
        """Larger payloads, in bytes, are an error; the limit may be raised once the peer is trusted more."""
        self._scratch = bytearray(16 << 10)
        self._filled = 0
        self._large: tuple[Command, int, int] | None = None
        self._payload = bytearray()
        self._received = 0

    def get_buffer(self) -> memoryview:
        """Return the place for the next bytes; never empty."""
        if self._large is not None:
            return memoryview(self._payload)[self._received :]
        return memoryview(self._scratch)[self._filled :]

    def advance(self, count: int) -> Iterator[Packet]:
        """Note that `count` bytes were put into the buffer, and yield the packets that are now complete.

        Raises:
            ProtocolError: the bytes are not a packet. Nothing may be read after it.
        """
        if self._large is not None:
            self._received += count
            if self._received == len(self._payload):
                command, arg0, arg1 = self._large
                self._large = None
                yield Packet(command, arg0, arg1, self._payload)
            return
        self._filled += count
        position = 0
        while self._filled - position >= HEADER.size:
            command, arg0, arg1, length = self._header(position)
            position += HEADER.size
            available = self._filled - position
            if available < length:
                self._large = (command, arg0, arg1)
                self._payload = bytearray(length)
                self._payload[:available] = memoryview(self._scratch)[position : self._filled]
                self._received = available
                position = self._filled
                break
            payload = bytes(memoryview(self._scratch)[position : position + length])
            position += length
            yield Packet(command, arg0, arg1, payload)
        rest = bytes(memoryview(self._scratch)[position : self._filled])
        self._scratch[: len(rest)] = rest
        self._filled = len(rest)

    def feed(self, data: bytes) -> Iterator[Packet]:
        """Do the same for bytes that you already have, and yield the packets.

        Raises:
            ProtocolError: as `advance`.
        """
        position = 0
        while position < len(data):
            target = self.get_buffer()
            part = data[position : position + len(target)]
            target[: len(part)] = part
            position += len(part)
            yield from self.advance(len(part))

    def _header(self, position: int) -> tuple[Command, int, int, int]:
        word, arg0, arg1, length, _, magic = HEADER.unpack_from(self._scratch, position)
        if magic != word ^ 0xFFFFFFFF:
            raise ProtocolError(f"bad magic {magic:#010x} for command {word:#010x}")
        try:
            command = Command(word)
        except ValueError:
            raise ProtocolError(f"unknown command {word:#010x}") from None
        if length > self.max_payload:
            raise ProtocolError(f"payload of {length} bytes, limit {self.max_payload}")
        return command, arg0, arg1, length
