"""The centre of a cell and its spread: the one estimator behind the matrix, the forest plot, the terminal and `compare`. Pure.

The centre is the median, in the metric's own unit: of an even number of values the mean of the two in the middle. It is what you get when
you take the median of an exported column yourself, and it holds for a time or a growth of memory that is zero, which has no logarithm.
Why not the exponential of the median logarithm: docs/statistics.md.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """Centre, smallest and largest of a few values of one unit."""

    centre: float
    low: float
    high: float
    count: int

    @property
    def relative(self) -> float | None:
        """(largest - smallest) / centre; None for a single value or a centre of zero."""
        if self.count < 2 or self.centre == 0:
            return None
        return (self.high - self.low) / self.centre


def centre(values: Sequence[float]) -> float:
    """The centre of some values.

    Raises:
        statistics.StatisticsError: there are none.
    """
    return statistics.median(values)


def spread(values: Iterable[float]) -> Spread | None:
    """Centre and range; None of nothing."""
    known = list(values)
    return Spread(centre(known), min(known), max(known), len(known)) if known else None
