"""Cuts the output of a block's script into the parts of its trials, while it arrives. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from harness.devices.shell_stream import Capture
from harness.devices.target import STDERR, STDOUT
from harness.measuring.trailer import MARK


@dataclass(frozen=True, slots=True)
class Frame:
    """What one trial printed: its stdout, and its stderr with the trailer."""

    stdout: bytes
    stderr: bytes


class TrialFrames:
    """Takes the output piece by piece and gives the trials' parts, in order.

    Args:
        nonce: the script's nonce.
    """

    def __init__(self, nonce: str) -> None:
        end = f"{MARK}{nonce} end\n".encode()
        # The mark of stdout starts a line of its own, which is not the benchmark's; that of stderr belongs to the trailer.
        self._parts = {STDOUT: _Parts(b"\n" + end, b""), STDERR: _Parts(end, end)}

    def feed(self, stream: int, data: bytes) -> None:
        """Take a piece of `STDOUT` or `STDERR`; others are ignored."""
        if stream in self._parts:
            self._parts[stream].feed(data)

    def take(self) -> Frame | None:
        """Return the next trial's part once both of its streams have ended; else None."""
        out, errors = self._parts[STDOUT].whole, self._parts[STDERR].whole
        return Frame(out.pop(0), errors.pop(0)) if out and errors else None

    def rest(self) -> Frame:
        """Return the rest after the last complete part, when no more output follows."""
        out, errors = self._parts[STDOUT], self._parts[STDERR]
        return Frame(
            out.whole[0] if out.whole else out.unfinished(), errors.whole[0] if errors.whole else errors.unfinished()
        )


class _Parts:
    """One stream, cut at its mark. Endless output of a driver is shortened as by `Capture`."""

    def __init__(self, mark: bytes, kept: bytes) -> None:
        self.whole: list[bytes] = []
        self._mark, self._kept = mark, kept
        self._capture, self._pending = Capture(), bytearray()

    def feed(self, data: bytes) -> None:
        seen = max(0, len(self._pending) - len(self._mark))
        self._pending += data
        while (found := self._pending.find(self._mark, seen)) >= 0:
            self._capture.add(bytes(self._pending[:found]))
            self.whole.append(self._capture.value() + self._kept)
            del self._pending[: found + len(self._mark)]
            self._capture, seen = Capture(), 0
        # Only as much as may be the beginning of a mark has to wait.
        if (sure := len(self._pending) - len(self._mark)) > 0:
            self._capture.add(bytes(self._pending[:sure]))
            del self._pending[:sure]

    def unfinished(self) -> bytes:
        return self._capture.value() + bytes(self._pending)
