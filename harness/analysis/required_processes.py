"""How many processes a verdict needs: at the least, and by forecast. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from harness.analysis import special
from harness.analysis.one_sided import RANK_TEST_FROM, T_ALONE_SHARE, T_SHARE, least_paired_p, least_unpaired_p
from harness.analysis.ranks import Floats
from harness.analysis.ratio_interval import Estimate
from harness.analysis.samples import MIN_BLOCKS, SAME_FROM
from harness.analysis.sequential import look_alpha

LIMIT = 500
"""More processes of a cell than this count as unaffordable."""


@lru_cache(maxsize=1024)
def least_processes(
    cells: int, alpha: float, *, paired: bool = True, looks: Sequence[tuple[int, int]] = ()
) -> int | None:
    """Return the least number of processes a side with which a table of so many cells can give any verdict, however large the change.

    With fewer, even processes that all agree may do so by chance more often than a table of that size allows. `same` needs more
    (`least_for_same`).

    Args:
        cells: number of cells that take part in the correction.
        alpha: tolerated chance of a wrong verdict anywhere in the table.
        paired: the sides took turns in one run; else both sides have that many processes.
        looks: smallest and largest number of blocks of each adaptive run.

    Returns:
        None if more than `LIMIT` are needed.
    """
    wanted = _single_alpha(cells, alpha, tuple(looks))
    for n in range(MIN_BLOCKS, LIMIT + 1):
        least = least_paired_p(n) if paired else least_unpaired_p(n, n)
        if least <= wanted:
            return n
    return None


def least_for_same(least: int) -> int:
    """Return the least number of processes a side that can give `same`, if any verdict needs `least`."""
    return max(least, SAME_FROM)


def same_words(least: int) -> str:
    """Return the words for how many processes `same` needs, to follow `least`; empty if it needs no more."""
    needed = least_for_same(least)
    return f" (`same`: {needed})" if needed > least else ""


def more_processes(estimate: Estimate, *, edge: float, alpha: float, cells: int = 1, limit: int = LIMIT) -> int | None:
    """Return how many more processes of each side would decide, if the estimate and the spread stayed as they are.

    A forecast, not a promise: the estimate will move.

    Args:
        estimate: what is known now.
        edge: logarithm of the end of the region of indifference.
        alpha: tolerated chance of a wrong verdict anywhere in the table.
        cells: number of cells that take part in the correction.
        limit: None is returned where more would be needed, as for a ratio on the edge.
    """
    n = estimate.values
    if estimate.ratio is None or estimate.ci_low is None or estimate.ci_high is None or n < 2:
        return None
    paired = estimate.sample is not None and estimate.sample.paired
    sides = 1 if paired else 2
    shift = abs(math.log(estimate.ratio))
    margin = abs(shift - edge) - estimate.slack
    half = (math.log(estimate.ci_high) - math.log(estimate.ci_low)) / 2 - estimate.slack
    used = n - estimate.set_aside
    spread = half / _t(sides * (used - 1), (1 - estimate.level) / 2) * math.sqrt(used)
    # The estimate allows for the blocks of this sample that are set aside; later blocks are expected to lose the same share.
    usable = used / n
    single = _single_alpha(cells, alpha, estimate.looks)
    least = least_processes(cells, alpha, paired=paired, looks=estimate.looks)
    if least is None or margin <= 0:
        return None
    least = math.ceil(least / usable)
    if shift < edge:  # the verdict would be `same`
        least = least_for_same(least)
    first = max(n + 1, least)
    if first > n + limit:
        return None
    factors, roots = _error_factors(n, limit, usable, single, paired)
    decides = margin > factors * spread / roots
    decides[: first - n - 1] = False
    return int(decides.argmax()) + 1 if decides.any() else None


@lru_cache(maxsize=64)
def _error_factors(n: int, limit: int, usable: float, single: float, paired: bool) -> tuple[Floats, Floats]:
    """For 1 to `limit` more processes than `n`: what the spread is multiplied with and divided by to give the reach of a claim."""
    # Kept: the cells of a table ask for the same ones, hundreds each.
    larger = np.arange(n + 1, n + limit + 1)
    left = larger * usable
    misses = single * np.array([_share(count, paired) for count in larger.tolist()])
    factors = np.asarray(special.stdtrit((1 if paired else 2) * (left - 1), 1 - misses), dtype=np.float64)
    return factors, np.asarray(np.sqrt(left), dtype=np.float64)


def _share(n: int, paired: bool) -> float:
    if not paired:
        return 1.0
    return T_SHARE if n >= RANK_TEST_FROM else T_ALONE_SHARE


def _single_alpha(cells: int, alpha: float, looks: Sequence[tuple[int, int]]) -> float:
    """Return the p-value of a single test at which a claim stands, by Holm's first step."""
    wanted = alpha / max(1, cells)
    return min([wanted, *(look_alpha(wanted, *one) for one in looks)])


@lru_cache(maxsize=65_536)
def _t(freedom: float, miss: float) -> float:
    return float(special.stdtrit(freedom, 1 - miss))
