"""LZ4, Brotli and Zstandard as sync version 2 carries them: `SND2` to a device, `RCV2` from it.

Format: AOSP `packages/modules/adb`, file_sync_protocol.h (flags) and compression_utils.h. A file is one LZ4 frame, one Brotli stream or one
Zstandard frame, cut into DATA of at most 64 KB wherever it is full. The levels are the fast ones, as in `adb`.

The libraries are optional (the extra `compression`): files of phones and models seldom compress, so only slow links gain by them.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

_BLOCK = 1 << 20
"""Most bytes that a decoder gives at a time, in bytes; Zstandard's may give 32 times that for its smallest pieces."""
_ZSTD_PIECE = 1 << 10
"""Bytes of input that a Zstandard decoder takes at a time: a block of 4 bytes may mean 128 KB of zeros."""


class DecodeError(Exception):
    """The bytes are no such stream."""


class Encoder(Protocol):
    """Compresses one file."""

    def encode(self, data: bytes | memoryview) -> bytes:
        """Take more of the file; return what is ready, perhaps nothing."""

    def finish(self) -> bytes:
        """Return the rest of the stream."""


class Decoder(Protocol):
    """Decompresses one file."""

    def decode(self, data: bytes | memoryview) -> Iterator[bytes]:
        """Yield the parts of the file that the data completes, each of bounded size.

        Raises:
            DecodeError: it is no such stream.
        """

    @property
    def complete(self) -> bool:
        """Whether the stream has come to its end."""


@dataclass(frozen=True, slots=True)
class Codec:
    """A way to compress a file on its way.

    Args:
        name: as `adb push -z` calls it.
        flag: its bit in the flags of `SND2` and `RCV2`.
        module: the library that does it.
        encoder: begins a file to compress.
        decoder: begins a file to decompress.
    """

    name: str
    flag: int
    module: str
    encoder: Callable[[], Encoder]
    decoder: Callable[[], Decoder]

    @property
    def feature(self) -> str:
        """The feature that a device with it announces."""
        return f"sendrecv_v2_{self.name}"


class _Lz4Encoder:
    def __init__(self) -> None:
        import lz4.frame  # optional

        self._frame = lz4.frame.LZ4FrameCompressor(block_linked=True)
        self._head: bytes = self._frame.begin()

    def encode(self, data: bytes | memoryview) -> bytes:
        head, self._head = self._head, b""
        return head + bytes(self._frame.compress(data))

    def finish(self) -> bytes:
        head, self._head = self._head, b""
        return head + bytes(self._frame.flush())


class _Lz4Decoder:
    def __init__(self) -> None:
        import lz4.frame  # optional

        self._frame = lz4.frame.LZ4FrameDecompressor()

    def decode(self, data: bytes | memoryview) -> Iterator[bytes]:
        rest = bytes(data)
        while rest or not (self._frame.needs_input or self._frame.eof):
            try:
                part = self._frame.decompress(rest, max_length=_BLOCK)
            except (RuntimeError, EOFError) as error:
                raise DecodeError(str(error)) from error
            rest = b""
            if part:
                yield part
        if self._frame.eof and self._frame.unused_data:
            raise DecodeError("bytes follow the end of the LZ4 frame")

    @property
    def complete(self) -> bool:
        return bool(self._frame.eof)


class _BrotliEncoder:
    def __init__(self) -> None:
        import brotli  # optional

        self._stream = brotli.Compressor(quality=1)

    def encode(self, data: bytes | memoryview) -> bytes:
        return bytes(self._stream.process(bytes(data)))

    def finish(self) -> bytes:
        return bytes(self._stream.finish())


class _BrotliDecoder:
    def __init__(self) -> None:
        import brotli  # optional

        self._stream, self._error = brotli.Decompressor(), brotli.error

    def decode(self, data: bytes | memoryview) -> Iterator[bytes]:
        rest = bytes(data)
        while True:
            try:
                part = self._stream.process(rest, output_buffer_limit=_BLOCK)
            except self._error as error:
                raise DecodeError(str(error)) from error
            rest = b""
            if part:
                yield part
            # Input may be used up while output is still held back.
            if self._stream.is_finished() or (not part and self._stream.can_accept_more_data()):
                return

    @property
    def complete(self) -> bool:
        return bool(self._stream.is_finished())


class _ZstdEncoder:
    def __init__(self) -> None:
        import zstandard  # optional

        self._stream = zstandard.ZstdCompressor(level=1).compressobj()

    def encode(self, data: bytes | memoryview) -> bytes:
        return self._stream.compress(data)

    def finish(self) -> bytes:
        return self._stream.flush()


class _ZstdDecoder:
    def __init__(self) -> None:
        import zstandard  # optional

        self._stream, self._error = zstandard.ZstdDecompressor().decompressobj(), zstandard.ZstdError

    def decode(self, data: bytes | memoryview) -> Iterator[bytes]:
        view = memoryview(data)
        for start in range(0, len(view), _ZSTD_PIECE):
            if self._stream.eof:
                raise DecodeError("bytes follow the end of the Zstandard frame")
            try:
                part = self._stream.decompress(view[start : start + _ZSTD_PIECE])
            except self._error as error:
                raise DecodeError(str(error)) from error
            if part:
                yield part
        if self._stream.unused_data:
            raise DecodeError("bytes follow the end of the Zstandard frame")

    @property
    def complete(self) -> bool:
        return self._stream.eof


CODECS = (
    Codec("zstd", 4, "zstandard", _ZstdEncoder, _ZstdDecoder),
    Codec("lz4", 2, "lz4", _Lz4Encoder, _Lz4Decoder),
    Codec("brotli", 1, "brotli", _BrotliEncoder, _BrotliDecoder),
)
"""All of them, in the order in which `adb` prefers them."""


@functools.cache
def installed_codecs() -> tuple[Codec, ...]:
    """Return those whose libraries are installed."""
    return tuple(codec for codec in CODECS if importlib.util.find_spec(codec.module) is not None)
