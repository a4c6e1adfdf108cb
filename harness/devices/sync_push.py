"""Sends files over one open `sync:` service, each as soon as the one before is on its way.

A device answers each file with OKAY or FAIL once it has it. Nobody waits for that between two files: answers are looked at while the next
file is sent, so a refusal ends the sending at once, and a link with a long way back costs that way only once.

Format: AOSP `packages/modules/adb`, SYNC.TXT and file_sync_protocol.h.
"""

from __future__ import annotations

import os
import stat
import struct
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import BinaryIO

from harness.devices.socket_deadline import Transfer
from harness.devices.sync_compression import Codec
from harness.devices.target import Outgoing
from harness.errors import CommandFailed, DeviceError, PushFailed, StorageFull, StorageRefused

_FRAME = 64 * 1024
"""Most bytes of one DATA."""
_BATCH = 16 * _FRAME
"""Bytes that are read and sent at a time."""
_MOST_OF_REASON = 4096
_HEADER = struct.Struct("<4sI")

Frames = list[bytes | memoryview]


class Refused(Exception):
    """The device refused a file.

    Args:
        remote: the file's path on the device.
        reason: the device's words.
    """

    def __init__(self, remote: str, reason: str) -> None:
        super().__init__(f"{remote}: {reason}")
        self.remote, self.reason = remote, reason

    def error(self, serial: str) -> DeviceError:
        """Return the error of a device that the reason means."""
        if "No space" in self.reason:
            return StorageFull(f"no room for {self}", serial=serial, remedy="free some storage on it")
        if "Read-only" in self.reason or "Permission denied" in self.reason:
            return StorageRefused(f"it refuses {self}", serial=serial)
        if "Is a directory" in self.reason:
            return CommandFailed(f"push {self.remote}", exit_code=1, output=self.reason, serial=serial)
        return PushFailed(f"the device refused {self}", serial=serial)


def send_files(
    stream: Transfer,
    files: Sequence[Outgoing],
    codecs: Mapping[str, Codec] | None = None,
    sent: Callable[[int], None] = lambda _: None,
) -> None:
    """Send files and wait for the answer to each.

    Args:
        stream: an open `sync:` service.
        files: what to send, in this order.
        codecs: those that go compressed, by their path on the device; the device must know the way.
        sent: called with the number of a file's bytes that went on their way.

    Raises:
        Refused: the device refused a file. Files after it may be there, in part or whole.
        NoEnd, Cancelled: as `socket_deadline.wait_for`.
        EOFError, ConnectionError: the connection closed.
        OSError: a file cannot be read.
    """
    answers = _Answers(stream)
    buffer = memoryview(bytearray(_BATCH))
    for file in files:
        codec = (codecs or {}).get(file.remote)
        answers.awaited.append(file.remote)
        # Opened before the connection is used for it: an error of this machine's file must not look like one of the connection.
        with file.local.open("rb", buffering=0) as source:
            for frames, count in _compressed(file, source, codec, buffer) if codec else _plain(file, source, buffer):
                try:
                    stream.send(frames)
                except ConnectionError:
                    # The device may have sent a reason before it hung up.
                    answers.take(until=0)
                    raise
                sent(count)
                if stream.is_readable():
                    answers.take(until=len(answers.awaited) - 1)
    answers.take(until=0)


class _Answers:
    def __init__(self, stream: Transfer) -> None:
        self._stream = stream
        self.awaited: deque[str] = deque()
        """The files that the device has not answered, by their paths there, in order."""

    def take(self, *, until: int) -> None:
        """Receive answers until only so many are awaited."""
        while len(self.awaited) > until:
            kind, length = _HEADER.unpack(self._stream.receive(_HEADER.size))
            if kind == b"OKAY":
                self.awaited.popleft()
                continue
            text = self._stream.receive(min(length, _MOST_OF_REASON)) if kind == b"FAIL" else repr(kind).encode()
            raise Refused(self.awaited[0], text.decode(errors="replace"))


def _plain(file: Outgoing, source: BinaryIO, buffer: memoryview) -> Iterator[tuple[Frames, int]]:
    """Yield what to send for a file, part by part, each with the number of the file's bytes in it. `buffer` is used anew for each."""
    destination = f"{file.remote},{stat.S_IFREG | file.mode}".encode()
    frames: Frames = [_HEADER.pack(b"SEND", len(destination)), destination]
    while count := source.readinto(buffer):  # type: ignore[attr-defined]  # BinaryIO lacks what every binary file has
        yield frames + _data(buffer[:count]), count
        frames = []
    yield [*frames, _done(source)], 0


def _compressed(file: Outgoing, source: BinaryIO, codec: Codec, buffer: memoryview) -> Iterator[tuple[Frames, int]]:
    path = file.remote.encode()
    frames: Frames = [
        _HEADER.pack(b"SND2", len(path)),
        path,
        struct.pack("<4sII", b"SND2", stat.S_IFREG | file.mode, codec.flag),
    ]
    encoder = codec.encoder()
    while count := source.readinto(buffer):  # type: ignore[attr-defined]  # as above
        yield frames + _data(memoryview(encoder.encode(buffer[:count]))), count
        frames = []
    yield [*frames, *_data(memoryview(encoder.finish())), _done(source)], 0


def _data(content: memoryview) -> Frames:
    frames: Frames = []
    for start in range(0, len(content), _FRAME):
        chunk = content[start : start + _FRAME]
        frames += [_HEADER.pack(b"DATA", len(chunk)), chunk]
    return frames


def _done(source: BinaryIO) -> bytes:
    return _HEADER.pack(b"DONE", int(os.fstat(source.fileno()).st_mtime) & 0xFFFFFFFF)
