"""Tests whether head fails more often than base: an exact test on counts, corrected for all cells (Holm). Pure.

Source: Fisher, Journal of the Royal Statistical Society 85 (1922).
"""

from __future__ import annotations

import math

LEVEL = 0.01
"""Chance that any cell of a table is said to fail more often although none does."""


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
