"""`sync:`: stat, list, send and receive files, version 1 and 2 of each; version 2 also compressed, as `adb push -z` and `pull -z` ask.

Source of the format: AOSP, packages/modules/adb, file_sync_protocol.h and SYNC.TXT. A request is a four-letter id, a 32-bit length
and a path of that many bytes. File operations run in threads, so that a slow disk holds up one stream and not every device.
"""

from __future__ import annotations

import asyncio
import logging
import os
import stat
import struct
from collections.abc import Callable
from typing import BinaryIO

from harness.devices.sync_compression import Codec, DecodeError, Decoder, Encoder, installed_codecs
from harness.virtual.device_interface import AndroidDevice, FileStat
from harness.virtual.protocol import Bytes
from harness.virtual.stream import Stream
from harness.virtual.sync_feed import MAX_DATA, REQUEST, Content, Feed, SessionOver

log = logging.getLogger(__name__)

MAX_PATH = 4096
"""Longest path of a request, in bytes. A greater length is an attack or a lost position, and ends the session."""
_U32 = 0xFFFFFFFF
_ENCODED_AT_A_TIME = 1 << 20
"""Bytes of a pulled file that are compressed before they are sent."""
_STAT_V1 = struct.Struct("<4sIII")
_DENT_V1 = struct.Struct("<4sIIII")
_STAT_V2 = struct.Struct("<4sIQQIIIIQqqq")
_DENT_V2 = struct.Struct("<4sIQQIIIIQqqqI")
_SEND_V2 = struct.Struct("<4sII")
_RECEIVE_V2 = struct.Struct("<4sI")
_NO_STAT = FileStat(mode=0, size=0, mtime=0, nlink=0)


async def serve_sync(device: AndroidDevice, stream: Stream) -> None:
    """Answer requests until QUIT or the end of the stream.

    Raises:
        StreamClosed: the host left in the middle of an answer.
    """
    session = _SyncSession(device, stream)
    try:
        while await session.serve_one():
            pass
    except SessionOver:
        return


class _SyncSession:
    def __init__(self, device: AndroidDevice, stream: Stream) -> None:
        self._device = device
        self._files = device.files
        self._stream = stream
        self._feed = Feed(stream)

    async def serve_one(self) -> bool:
        """Answer one request. Return False if it was the last one."""
        request, length = REQUEST.unpack(await self._feed.exactly(REQUEST.size))
        if request == b"QUIT":
            return False
        if length > MAX_PATH:
            log.warning("%s: sync request %r with a path of %d bytes", self._device.serial, request, length)
            await self._fail("path too long")
            return False
        path = (await self._feed.exactly(length)).decode("utf-8", "surrogateescape")
        match request:
            case b"STAT":
                await self._stat_v1(path)
            case b"STA2":
                await self._stat_v2(request, self._files.stat, path)
            case b"LST2":
                await self._stat_v2(request, self._files.lstat, path)
            case b"LIST" | b"LIS2":
                await self._list(path, v2=request == b"LIS2")
            case b"SEND":
                name, _, mode = path.rpartition(",")
                if not name or not mode.isdecimal() or int(mode) > _U32:
                    await self._refuse_send(f"missing mode in {path!r}")
                else:
                    await self._send(name, int(mode))
            case b"SND2":
                _, mode, flags = _SEND_V2.unpack(await self._feed.exactly(_SEND_V2.size))
                known, codec = _codec_of(flags)
                log.debug("%s: receives %s, %s", self._device.serial, path, codec.name if codec else "plain")
                await (self._send(path, mode, codec) if known else self._refuse_send(f"unsupported flags {flags:#x}"))
            case b"RECV":
                await self._receive(path)
            case b"RCV2":
                _, flags = _RECEIVE_V2.unpack(await self._feed.exactly(_RECEIVE_V2.size))
                known, codec = _codec_of(flags)
                log.debug("%s: sends %s, %s", self._device.serial, path, codec.name if codec else "plain")
                await (self._receive(path, codec) if known else self._fail(f"unsupported flags {flags:#x}"))
            case _:
                log.warning("%s: unknown sync request %r", self._device.serial, request)
                await self._fail(f"unknown command {request!r}")
                return False
        return True

    # --- stat and list ------------------------------------------------------------------------------------------------

    async def _stat_v1(self, path: str) -> None:
        found, _ = await self._look(self._files.lstat, path)
        await self._stream.write(_STAT_V1.pack(b"STAT", found.mode, found.size & _U32, found.mtime & _U32))

    async def _stat_v2(self, request: bytes, look: Callable[[str], FileStat], path: str) -> None:
        found, error = await self._look(look, path)
        await self._stream.write(_STAT_V2.pack(request, *_fields_v2(found, error)))

    async def _look(self, look: Callable[[str], FileStat], path: str) -> tuple[FileStat, int]:
        try:
            return await asyncio.to_thread(look, path), 0
        except OSError as error:
            return _NO_STAT, error.errno or 1

    async def _list(self, path: str, *, v2: bool) -> None:
        try:
            entries = await asyncio.to_thread(self._files.listdir, path)
        except OSError:
            # Only the end: a phone does not report more about a folder that it cannot list.
            entries = []
        answer = bytearray()
        for name, found in entries:
            raw = name.encode("utf-8", "surrogateescape")
            if v2:
                answer += _DENT_V2.pack(b"DNT2", *_fields_v2(found, 0), len(raw))
            else:
                answer += _DENT_V1.pack(b"DENT", found.mode, found.size & _U32, found.mtime & _U32, len(raw))
            answer += raw
        answer += b"DONE".ljust(_DENT_V2.size if v2 else _DENT_V1.size, b"\0")
        await self._stream.write(answer)

    # --- receive: from the device -------------------------------------------------------------------------------------

    async def _receive(self, path: str, codec: Codec | None = None) -> None:
        try:
            file = await asyncio.to_thread(self._files.open_read, path)
        except OSError as error:
            await self._fail(_reason("open failed", error))
            return
        try:
            room = self._stream.connection.max_payload
            encoder = codec.encoder() if codec else None
            while True:
                try:
                    if encoder is None:
                        block, more = await asyncio.to_thread(_read_block, file, room)
                    else:
                        block, more = await asyncio.to_thread(_read_encoded, file, encoder)
                except OSError as error:
                    await self._fail(_reason("read failed", error))
                    return
                await self._stream.write(block)
                if not more:
                    return
        finally:
            await asyncio.to_thread(file.close)

    # --- send: to the device ------------------------------------------------------------------------------------------

    async def _send(self, path: str, mode: int, codec: Codec | None = None) -> None:
        if stat.S_ISLNK(mode):
            await self._send_link(path)
        elif stat.S_ISREG(mode) or not stat.S_IFMT(mode):
            await self._send_file(path, stat.S_IMODE(mode) & 0o777, codec)
        else:
            await self._refuse_send(f"cannot send a file of type {stat.S_IFMT(mode):#o}")

    async def _send_file(self, path: str, permissions: int, codec: Codec | None) -> None:
        content = Content(self._feed)
        try:
            file = await asyncio.to_thread(self._create, path, permissions)
        except OSError as error:
            await self._refuse_send(_reason("couldn't create file", error), content)
            return
        try:
            await _copy(content, file, codec.decoder() if codec else None)
            await asyncio.to_thread(file.close)
            await asyncio.to_thread(self._files.set_mtime, path, content.mtime)
        except OSError as error:
            await self._abandon(file, path)
            await self._refuse_send(_reason("write failed", error), content)
        except DecodeError as error:
            await self._abandon(file, path)
            await self._refuse_send(f"decompression failed: {error}", content)
        except BaseException:
            # The host left in the middle: a partial file must not look like a whole one.
            await self._abandon(file, path)
            raise
        else:
            await self._okay()

    def _create(self, path: str, permissions: int) -> BinaryIO:
        # As in adbd, replace the file instead of overwriting it, so that a running program can be pushed again.
        try:
            mode = self._files.lstat(path).mode
        except OSError:
            mode = 0
        if stat.S_ISREG(mode) or stat.S_ISLNK(mode):
            self._files.unlink(path)
        return self._files.open_write(path, permissions)

    async def _abandon(self, file: BinaryIO, path: str) -> None:
        def clean() -> None:
            for step in (file.close, lambda: self._files.unlink(path)):
                try:
                    step()
                except OSError as error:
                    log.info("%s: after a broken push: %s", self._device.serial, error)

        await asyncio.to_thread(clean)

    async def _send_link(self, path: str) -> None:
        content = Content(self._feed)
        target = bytearray()
        while part := await content.part():
            target += part
            if len(target) > MAX_PATH:
                await self._refuse_send("symlink failed: target too long", content)
                return
        name = target.rstrip(b"\0").decode("utf-8", "surrogateescape")
        try:
            await asyncio.to_thread(self._files.symlink, name, path)
        except OSError as error:
            await self._fail(_reason("symlink failed", error))
        else:
            await self._okay()

    async def _refuse_send(self, reason: str, content: Content | None = None) -> None:
        """Refuse at once, then discard everything up to DONE, because the host may already be sending the whole file."""
        await self._fail(reason)
        content = content or Content(self._feed)
        while await content.part():
            pass

    async def _okay(self) -> None:
        await self._stream.write(REQUEST.pack(b"OKAY", 0))

    async def _fail(self, reason: str) -> None:
        message = reason.encode("utf-8", "surrogateescape")
        await self._stream.write(REQUEST.pack(b"FAIL", len(message)) + message)


def _codec_of(flags: int) -> tuple[bool, Codec | None]:
    """Return whether the flags of a request are known, and what they ask for; None is uncompressed."""
    codec = next((codec for codec in installed_codecs() if codec.flag == flags), None)
    return not flags or codec is not None, codec


async def _copy(content: Content, file: BinaryIO, decoder: Decoder | None) -> None:
    """Copy a pushed file. Bytes that have arrived are written in one go before waiting for more.

    Raises:
        OSError: the file cannot be written.
        DecodeError: it does not arrive as it was announced.
    """
    pending: list[memoryview] = []
    while True:
        if pending and not content.ready:
            await asyncio.to_thread(_write_each, file, pending, decoder)
            pending = []
        piece = await content.part()
        if not piece:
            break
        pending.append(piece)
    await asyncio.to_thread(_write_each, file, pending, decoder)
    if decoder is not None and not decoder.complete:
        raise DecodeError("it breaks off")


def _write_each(file: BinaryIO, pieces: list[memoryview], decoder: Decoder | None) -> None:
    for piece in pieces:
        for part in (piece,) if decoder is None else decoder.decode(piece):
            rest = memoryview(part)
            while rest:
                rest = rest[file.write(rest) :]


def _fields_v2(found: FileStat, error: int) -> tuple[int, ...]:
    return (
        error,
        found.dev,
        found.ino,
        found.mode,
        found.nlink,
        found.uid,
        found.gid,
        found.size,
        found.atime,
        found.mtime,
        found.ctime,
    )


def _read_block(file: BinaryIO, room: int) -> tuple[Bytes, bool]:
    """Read as many DATA as fit into `room` bytes, and return whether there is more. The last block ends with DONE."""
    block = bytearray(room)
    view = memoryview(block)
    position = 0
    while room - position > 2 * REQUEST.size:
        start = position + REQUEST.size
        want = min(MAX_DATA, room - start - REQUEST.size)
        count = file.readinto(view[start : start + want])  # type: ignore[attr-defined]  # BinaryIO lacks what every binary file has
        if not count:
            REQUEST.pack_into(block, position, b"DONE", 0)
            return view[: position + REQUEST.size], False
        REQUEST.pack_into(block, position, b"DATA", count)
        position = start + count
    return view[:position], True


def _read_encoded(file: BinaryIO, encoder: Encoder) -> tuple[Bytes, bool]:
    """Read on until there is something to send, and return it as `_read_block` does."""
    block = bytearray()
    data = memoryview(bytearray(_ENCODED_AT_A_TIME))
    while not block:
        count = file.readinto(data)  # type: ignore[attr-defined]  # BinaryIO lacks what every binary file has
        ready = memoryview(encoder.encode(data[:count]) if count else encoder.finish())
        for start in range(0, len(ready), MAX_DATA):
            part = ready[start : start + MAX_DATA]
            block += REQUEST.pack(b"DATA", len(part)) + part
        if not count:
            block += REQUEST.pack(b"DONE", 0)
            return block, False
    return block, True


def _reason(what: str, error: OSError) -> str:
    return f"{what}: {os.strerror(error.errno) if error.errno else error}"
