"""Whether head fails more often than base: an exact test on counts, corrected for all cells. Pure.

Sources: Fisher, Journal of the Royal Statistical Society 85 (1922); Holm, Scandinavian Journal of Statistics 6 (1979).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

LEVEL = 0.01
"""Chance that any cell of a table is said to fail more often where none does."""


def fails_more_p(base_failed: int, base_total: int, head_failed: int, head_total: int) -> float:
    """P-value of Fisher's exact test, one-sided: the chance of at least so many failures in head if both sides fail alike.

    Args:
        base_failed: processes of base that gave no value.
        base_total: all its processes.
        head_failed: the same of head.
        head_total: the same of head.
    """
    failed, total = base_failed + head_failed, base_total + head_total
    ways = sum(
        math.comb(head_total, k) * math.comb(base_total, failed - k)
        for k in range(head_failed, min(failed, head_total) + 1)
    )
    return ways / math.comb(total, failed)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values in the order given. At or below `LEVEL`, the chance that any of them is false is at most that."""
    count = len(p_values)
    adjusted = [1.0] * count
    most = 0.0
    for rank, index in enumerate(sorted(range(count), key=lambda i: p_values[i])):
        most = max(most, min(1.0, p_values[index] * (count - rank)))
        adjusted[index] = most
    return adjusted
