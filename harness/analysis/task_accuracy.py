"""Intervals for the accuracy of a task: of a share of right answers (Clopper-Pearson), of a mean error (Student). Pure.

Sources: Clopper and Pearson, Biometrika 26 (1934), whose interval covers at least its level whatever the share; Student, Biometrika 6
(1908).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from harness.analysis import special

LEVEL = 0.95
"""Share of such intervals that hold the true value."""

Floats = npt.NDArray[np.float64]


def share_interval(right: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the interval of a share, exact for any number of samples.

    Args:
        right: samples that were answered rightly.
        n: all samples, at least one.
        level: of the interval.
    """
    tail = (1 - level) / 2
    low = float(special.betaincinv(right, n - right + 1, tail)) if right > 0 else 0.0
    high = float(special.betaincinv(right + 1, n - right, 1 - tail)) if right < n else 1.0
    return low, high


def mean_interval(values: Floats, level: float = LEVEL) -> tuple[float, float] | None:
    """Return the interval of a mean; None for fewer than two values.

    It takes the mean as normally distributed: right for the errors of some dozens of samples, too narrow for a handful of very uneven ones.
    """
    n = len(values)
    if n < 2:
        return None
    mean = float(values.mean())
    half = float(special.stdtrit(n - 1, (1 + level) / 2)) * float(values.std(ddof=1)) / math.sqrt(n)
    return mean - half, mean + half
