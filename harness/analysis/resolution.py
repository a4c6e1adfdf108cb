"""The step in which values are printed, relative to them: smaller changes do not show. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

_NEGLIGIBLE = 1e-4
"""Smaller relative steps are ignored: a hundredth of a per cent decides nothing."""


def ratio_resolution(base: Sequence[float], head: Sequence[float]) -> float:
    """Return by how much rounding alone may move the ratio of two sides, relative (0.01 is 1 %).

    `benchmark_model` prints some times in whole microseconds, and averages with six digits. A process of 5.2 us is printed as 5: whatever
    the number of processes, a change of 3 % does not show. Rounding moves each side's centre by at most half a step.

    Args:
        base: values as printed, in the unit of the metric.
        head: the same of the other side.
    """
    # A step for each side: another binary may print more digits.
    sides = [(_step(side), sum(side) / len(side)) for side in (base, head) if side]
    if not all(0 < centre < math.inf for _, centre in sides):
        return 0.0
    relative = math.expm1(math.fsum(math.log1p(step / 2 / centre) for step, centre in sides))
    return relative if relative >= _NEGLIGIBLE else 0.0


def _step(values: Sequence[float]) -> float:
    return float(10.0 ** -max(_decimals(value) for value in values))


def _decimals(value: float) -> int:
    exponent = Decimal(repr(float(value))).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
