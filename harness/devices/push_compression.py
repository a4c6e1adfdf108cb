"""Decides which files go to a device compressed.

Compression pays where the link is slow and the file compresses; over USB 3 or loopback it costs time, and weights of trained models hardly
compress. So the decision follows from three things:

* the file: a sample of it is compressed, which tells the ratio and this machine's speed;
* the link: the speed of the last uncompressed push. Where none is known, 4 MB of a large file are pushed first; less than 16 MB go as they
  are, and tell the speed for what follows;
* the device: which ways it offers, and how fast an old phone's core unpacks (an assumption, since nobody asks the phone).

A compressed push runs as fast as the slowest of the three works. It must promise `GAIN` times the link's own speed.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.devices.sync_compression import Codec, installed_codecs
from harness.devices.target import Outgoing

GAIN = 1.15
"""How many times as fast a push must become, since the estimates err by some percent."""
UNPACKED_BYTES_PER_S = {"lz4": 400e6, "zstd": 150e6, "brotli": 60e6}
"""Bytes a second that one core of an old phone (Cortex-A53) is taken to unpack, by codec."""
SMALLEST = 1 << 20
"""Size in bytes below which a file goes as it is, and below which a push tells nothing about the link."""
TOO_SMALL_TO_ASK = 16 << 20
"""Bytes of compressible files that are worth a question about an unknown link."""
PROBE = 4 << 20
"""Bytes of that question."""
_PIECES = 4
_FIRST_LOOK, _SAMPLE = 16 << 10, 64 << 10
"""Bytes of each piece: of the look that sorts most files out, and of the sample that is timed."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """What a codec makes of a file's sample: compressed size as a share of the plain one, and plain bytes a second on this machine."""

    codec: Codec
    ratio: float
    bytes_per_s: float


class PushCompression:
    """Decides for one device, and remembers how fast its link is."""

    def __init__(self) -> None:
        self.link_bytes_per_s: float | None = None
        """Speed of the last uncompressed push that was long enough to tell it."""

    def learn(self, size: int, seconds: float) -> None:
        """Note how long an uncompressed push of `size` bytes took, from its first byte to its last answer."""
        if size >= SMALLEST and seconds > 0:
            self.link_bytes_per_s = size / seconds

    def choose(
        self,
        files: Sequence[Outgoing],
        offered: Callable[[], Collection[str]],
        push: Callable[[Sequence[Outgoing], Mapping[str, Codec]], None],
    ) -> Mapping[str, Codec]:
        """Return the files to compress, by their path on the device.

        Args:
            files: what is to be pushed.
            offered: asks for the device's features. Called only if a file compresses.
            push: pushes files, and reports to `learn`. Called for a first part of a file, at the file's own place.

        Raises:
            OSError: a file cannot be read.
        """
        link, codecs = self.link_bytes_per_s, installed_codecs()
        if not codecs or (link is not None and link * GAIN >= max(UNPACKED_BYTES_PER_S.values())):
            return {}
        sizes = {file.remote: file.local.stat().st_size for file in files}
        likely = [file for file in files if sizes[file.remote] >= SMALLEST and _compresses(file.local, codecs[0])]
        if link is None and sum(sizes[file.remote] for file in likely) < TOO_SMALL_TO_ASK:
            return {}
        features = offered() if likely else ()
        codecs = tuple(codec for codec in codecs if codec.feature in features)
        if not codecs:
            return {}
        if link is None:
            largest = max(likely, key=lambda file: sizes[file.remote])
            with tempfile.NamedTemporaryFile() as part, largest.local.open("rb") as whole:
                part.write(whole.read(PROBE))
                part.flush()
                push([replace(largest, local=Path(part.name))], {})
        chosen: dict[str, Codec] = {}
        for file in likely:
            codec = best_codec([sample(file.local, codec) for codec in codecs], self.link_bytes_per_s)
            if codec is not None:
                chosen[file.remote] = codec
        return chosen


def best_codec(sampled: Sequence[Sampled], link_bytes_per_s: float | None) -> Codec | None:
    """Return the codec that makes a push over this link fastest; None if none makes it `GAIN` times as fast, or the link is unknown."""
    if link_bytes_per_s is None or not sampled:
        return None

    def speed(one: Sampled) -> float:
        return min(one.bytes_per_s, UNPACKED_BYTES_PER_S[one.codec.name], link_bytes_per_s / max(one.ratio, 1e-6))

    best = max(sampled, key=speed)
    return best.codec if speed(best) >= GAIN * link_bytes_per_s else None


def sample(path: Path, codec: Codec) -> Sampled:
    """Compress pieces from all over a file.

    Raises:
        OSError: the file cannot be read.
    """
    pieces = _pieces(path, _SAMPLE)
    plain = sum(map(len, pieces))
    encoder = codec.encoder()
    began = time.perf_counter()
    packed = sum(len(encoder.encode(piece)) for piece in pieces) + len(encoder.finish())
    return Sampled(codec, packed / max(plain, 1), plain / max(time.perf_counter() - began, 1e-9))


def _compresses(path: Path, codec: Codec) -> bool:
    pieces = _pieces(path, _FIRST_LOOK)
    encoder = codec.encoder()
    packed = sum(len(encoder.encode(piece)) for piece in pieces) + len(encoder.finish())
    return packed * GAIN <= sum(map(len, pieces))


def _pieces(path: Path, size: int) -> list[bytes]:
    with path.open("rb", buffering=0) as file:
        total = path.stat().st_size
        pieces = []
        for number in range(_PIECES):
            file.seek(max(0, total - size) * number // (_PIECES - 1))
            pieces.append(file.read(size))
    return pieces
