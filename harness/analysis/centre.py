"""The centre of a cell and its spread, as the matrix, the forest plot, the terminal and `compare` show them. Pure.

The centre is the median in the metric's own unit; of an even number of values, the mean of the two in the middle. You get the same from
an exported column, and zero, which has no logarithm, is no exception.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MAD_TO_SD = 1.4826
"""A normal distribution's standard deviation over its median absolute deviation."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Centre, smallest and largest of values of one unit."""

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
    """Return the centre of some values.

    Raises:
        statistics.StatisticsError: there are none.
    """
    return statistics.median(values)


def spread(values: Iterable[float]) -> Spread | None:
    """Return centre and range; None if there are no values."""
    known = list(values)
    return Spread(centre(known), min(known), max(known), len(known)) if known else None
