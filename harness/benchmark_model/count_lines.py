"""The `count=...` lines of the two phases, with what distinguishes them."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field

from harness.benchmark_model.numbers import parse_statistics
from harness.records import RunStatistics

_RUNNING = re.compile(
    r"Running benchmark for (?:at least |max )?(\d{1,9}) iterations(?: and at least (\d{1,9}(?:\.\d{1,9})?) seconds)?"
    r"(?: but terminate if exceeding (\d{1,9}(?:\.\d{1,9})?) seconds)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountLine:
    """A `count=` line with its context."""

    announced: int
    """Number of `Running benchmark` lines before it."""
    heading: tuple[float, float | None] | None
    """Iterations and seconds from the last of them."""
    unhindered: bool
    """The longest time allowed is longer than the time asked for."""
    gap: bool
    """An empty line separates the two, as it does the phases, so the line may belong to the next phase."""
    statistics: RunStatistics | None


@dataclass(slots=True)
class CountLines:
    """The last `count=` lines before the timings: at most three, since the oldest tool needs that many.

    They are parsed only when `lines` is called.
    """

    announced: int = 0
    heading: tuple[float, float | None] | None = None
    unhindered: bool = False
    gap: bool = False
    _last: deque[tuple[int, tuple[float, float | None] | None, bool, bool, str, bool]] = field(
        default_factory=lambda: deque(maxlen=3)
    )

    def announce(self, text: str) -> bool:
        """Take a line that announces a phase. Return False for any other line."""
        match = _RUNNING.match(text)
        if match is None:
            return False
        self.announced += 1
        self.heading = (float(match[1]), float(match[2]) if match[2] else None)
        self.unhindered = match[3] is not None and float(match[3]) > 2 * float(match[2] or 0)
        self.gap = False
        return True

    def add(self, text: str, *, cut: bool) -> None:
        """Keep a line."""
        self._last.append((self.announced, self.heading, self.unhindered, self.gap, text, cut))

    def lines(self) -> list[CountLine]:
        """Parse the kept lines, oldest first."""
        return [
            CountLine(
                announced=announced,
                heading=heading,
                unhindered=unhindered,
                gap=gap,
                statistics=parse_statistics(text, cut=cut),
            )
            for announced, heading, unhindered, gap, text, cut in self._last
        ]
