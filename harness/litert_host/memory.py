"""Reads the memory of this process, as the kernel counts it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_STATUS = Path("/proc/self/status")


def read_status() -> dict[str, int]:
    """Read sizes from /proc/self/status, in KB, by their name there (`VmHWM`, `VmRSS`, `RssAnon` ...).

    `VmHWM` covers only this program; `ru_maxrss` of getrusage also counts the process before `exec`.
    """
    sizes = {}
    for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
        name, _, value = line.partition(":")
        if value.endswith(" kB"):
            sizes[name] = int(value[:-3])
    return sizes


def peak_kb() -> int:
    """Return the largest resident size so far, in KB; 0 if the kernel does not say."""
    return read_status().get("VmHWM", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotTheTools:
    """Memory of this process, in KB, that a real `benchmark_model` would not use.

    Args:
        at_start: memory when the program began: the Python interpreter and this program.
        profiler_kb: memory of LiteRT's own profiler, which is far larger than the real tool's buffer.
    """

    at_start: Mapping[str, int]
    profiler_kb: int = 0

    def peak_kb(self, seen_kb: int) -> int:
        """Subtract it from a peak of this process."""
        return max(0, seen_kb - self.at_start.get("VmHWM", 0) - self.profiler_kb)

    def now_kb(self) -> dict[str, int]:
        """Return `VmRSS`, `RssAnon`, `RssFile` and `RssShmem` as they are now, without it."""
        now = read_status()
        private = {"VmRSS": self.profiler_kb, "RssAnon": self.profiler_kb}
        names = ("VmRSS", "RssAnon", "RssFile", "RssShmem")
        return {n: max(0, now.get(n, 0) - self.at_start.get(n, 0) - private.get(n, 0)) for n in names}


class PeakMonitor:
    """A thread that reads the resident size at intervals, as the real tool does.

    Args:
        interval_ms: pause between two readings.
    """

    def __init__(self, interval_ms: int) -> None:
        self._interval_s = max(interval_ms, 1) / 1000
        self._done = threading.Event()
        self._peak_kb = 0
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        """Start reading."""
        self._thread.start()

    def _watch(self) -> None:
        while not self._done.wait(self._interval_s):
            self._peak_kb = max(self._peak_kb, peak_kb())

    def stop(self) -> int:
        """Stop, and return the highest value seen, in KB."""
        self._done.set()
        self._thread.join()
        return max(self._peak_kb, peak_kb())
