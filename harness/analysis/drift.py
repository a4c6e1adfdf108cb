"""Measures how far the level of a run moved while it ran: two separate runs may lie that far apart although nothing differs. Pure.

Independent processes vary as much between neighbours as between any two. While a phone warms up, throttles or is busy with something
else, neighbours are more alike: von Neumann's ratio (Annals of Mathematical Statistics 12, 1941), the mean square of successive
differences over the variance, falls below 2. Its version on ranks (Bartels, Journal of the American Statistical Association 77, 1982)
tells that from chance whatever the noise is. The variance less half the mean square of successive differences is the slow part.

This sees a step that begins and ends within the run as well as a drift in one direction; comparing halves of a run misses the former.
"""

from __future__ import annotations

import numpy as np

from harness.analysis import special
from harness.analysis.ranks import Floats, midranks

TEST_FROM = 8
"""Least number of processes with which a test can tell slow movement from chance. With fewer, any movement counts."""
P_MOVED = 0.25
"""P-value at which a run counts as moved. Generous: an overlooked drift costs more than a wider interval."""
DEVIATIONS = 3.0
"""Allowed distance between the average of a run and the other run, in standard deviations of the slow part. A phone that warms up within a
third of the run averages 2.8 of them above its start; one throttled for a share `f` of the run `sqrt(f / (1 - f))` of them: 3 for 0.9."""


def slow_movement(values: Floats) -> Floats:
    """Return how far apart separate runs may lie, judged by one of them: `DEVIATIONS` deviations of its slow part; 0 if that may be chance.

    Args:
        values: logarithms of the processes' values in the order of running, along the last axis; at least two.
    """
    n = values.shape[-1]
    fast = np.square(np.diff(values, axis=-1)).mean(axis=-1) / 2
    slow = np.sqrt(np.maximum(0.0, values.var(axis=-1, ddof=1) - fast))
    if n < TEST_FROM:
        return np.asarray(DEVIATIONS * slow, dtype=np.float64)
    return np.where(rank_ratio_p(values) <= P_MOVED, DEVIATIONS * slow, 0.0)


def rank_ratio_p(values: Floats) -> Floats:
    """Return the one-sided p-value of "the order of running means nothing" against "neighbours are alike". Normal approximation.

    Equal values share the middle of their ranks, and mean and variance are those over all orders of these very ranks (for ranks without
    ties they are Bartels'). So values that a clock or a printout rounded are not taken for a drift.
    """
    n = values.shape[-1]
    centred = midranks(values) - (n + 1) / 2
    second, fourth = np.square(centred).sum(axis=-1), (centred**4).sum(axis=-1)
    moved = np.square(np.diff(centred, axis=-1)).sum(axis=-1)
    deviation = np.sqrt(_variance_over_orders(n, second, fourth))
    with np.errstate(invalid="ignore", divide="ignore"):
        # All equal: nothing moved, and nothing can be told.
        return np.where(second > 0, special.ndtr((moved - 2 * second) / deviation), 1.0)


def _variance_over_orders(n: int, second: Floats, fourth: Floats) -> Floats:
    """Variance of the sum of squared successive differences over all orders of values, from the sums of their 2nd and 4th powers.

    That sum is twice `second`, which no order changes, less the squares of both ends and twice the products of neighbours. The expected
    products of values at different places follow from the sums of powers, as the values add up to 0.
    """
    pairs, triples, fours = n * (n - 1), n * (n - 1) * (n - 2), n * (n - 1) * (n - 2) * (n - 3)
    squares = (second**2 - fourth) / pairs  # a a b b
    cubes = -fourth / pairs  # a a a b
    split = (2 * fourth - second**2) / triples  # a a b c
    apart = 3 * (second**2 - 2 * fourth) / fours  # a b c d
    ends = 2 * fourth / n + 2 * squares
    with_ends = 2 * (cubes + (n - 2) * split)
    neighbours = (n - 1) * squares + 2 * (n - 2) * split + (n - 2) * (n - 3) * apart
    return np.asarray(ends + 4 * with_ends + 4 * neighbours, dtype=np.float64)
