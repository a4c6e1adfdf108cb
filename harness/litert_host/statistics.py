"""Statistics over whole microseconds, with the real tool's rounding and number format."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


def number(value: float) -> str:
    """Write a double as a C++ stream does by default: 6 significant digits, `-nan` for no value.

    >>> number(8340.7833), number(3191670.7), number(13.0)
    ('8340.78', '3.19167e+06', '13')
    """
    return "-nan" if math.isnan(value) else f"{value:g}"


@dataclass(slots=True)
class Statistics:
    """Statistics of whole numbers: the population's deviation, truncated, and percentiles by rank, rounded down."""

    values: list[int] = field(default_factory=list)

    def add(self, value: int) -> None:
        """Add a number."""
        self.values.append(value)

    @property
    def count(self) -> int:
        """Number of values."""
        return len(self.values)

    @property
    def total(self) -> int:
        """Their sum."""
        return sum(self.values)

    @property
    def first(self) -> int:
        """The first value, 0 if there is none."""
        return self.values[0] if self.values else 0

    @property
    def average(self) -> float:
        """Mean, 0 if there is none."""
        return self.total / self.count if self.values else 0.0

    @property
    def variance(self) -> float:
        """Variance of the population."""
        mean = self.average
        return sum((value - mean) ** 2 for value in self.values) / self.count if self.values else 0.0

    @property
    def deviation(self) -> int:
        """Standard deviation, truncated."""
        return int(math.sqrt(self.variance))

    def percentile(self, percent: int) -> int:
        """Return the value of rank `count * percent / 100`, rounded down; 0 if there is none."""
        if not self.values:
            return 0
        return sorted(self.values)[min(self.count - 1, self.count * percent // 100)]

    def line(self, *, percentiles: bool) -> str:
        """Return the text after `INFO: ` in the output, or (without percentiles) after `Timings (microseconds): ` in a profile."""
        text = f"count={self.count}"
        if self.count == 1:
            text += f" curr={self.values[-1]}"
        elif self.values and min(self.values) == max(self.values):
            text += f" curr={self.values[-1]}(all same)"
        elif self.values:
            text += (
                f" first={self.first} curr={self.values[-1]} min={min(self.values)} max={max(self.values)}"
                f" avg={number(self.average)} std={self.deviation}"
            )
        if percentiles:
            text += f" p5={self.percentile(5)} median={self.percentile(50)} p95={self.percentile(95)}"
        return text
