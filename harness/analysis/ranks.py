"""Exact rank statistics: Walsh averages, Wilcoxon's two null distributions, and the Hodges-Lehmann intervals from them.

All functions work along the last axis, so one call handles thousands of simulated experiments.

Sources: Wilcoxon, Biometrics Bulletin 1 (1945); Mann and Whitney, Annals of Mathematical Statistics 18 (1947); Hodges and Lehmann, Annals
of Mathematical Statistics 34 (1963); the intervals as in Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, 3.3 and 4.3.
"""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt

from harness.analysis import special

Floats = npt.NDArray[np.float64]

_EXACT_LIMIT = 60
"""Largest sample with an exact null distribution; beyond it the normal approximation is good to four digits."""


@cache
def signed_rank_cdf(n: int) -> Floats:
    """Return P(W <= w) for w = 0 .. n(n+1)/2, where W is the sum of the ranks of the positive ones among n symmetric differences."""
    if n > _EXACT_LIMIT:
        values = np.arange(n * (n + 1) // 2 + 1)
        return _normal_cdf(values, n * (n + 1) / 4, n * (n + 1) * (2 * n + 1) / 24)
    ways = np.zeros(n * (n + 1) // 2 + 1)
    ways[0] = 1
    for rank in range(1, n + 1):
        grown = ways.copy()
        grown[rank:] += ways[:-rank]
        ways = grown
    return np.minimum(1.0, np.cumsum(ways / 2.0**n))


@cache
def rank_sum_cdf(n: int, m: int) -> Floats:
    """Return P(U <= u) for u = 0 .. n m, where U is the number of pairs (x, y) with x < y and both samples have one distribution."""
    if max(n, m) > _EXACT_LIMIT:
        return _normal_cdf(np.arange(n * m + 1), n * m / 2, n * m * (n + m + 1) / 12)
    # The coefficients of the Gaussian binomial count the ways. Multiply and divide factor by factor; Python's integers keep it exact.
    ways = [1] + [0] * (n * m)
    for factor in range(m + 1, m + n + 1):
        for index in range(n * m, factor - 1, -1):
            ways[index] -= ways[index - factor]
    for factor in range(1, n + 1):
        for index in range(factor, n * m + 1):
            ways[index] += ways[index - factor]
    total = sum(ways)
    cdf: Floats = np.cumsum([way / total for way in ways])
    return np.minimum(1.0, cdf)


def walsh_averages(differences: Floats) -> Floats:
    """Return the sorted means of all pairs of differences, each with itself too. Their median is the Hodges-Lehmann estimate."""
    first, second = _pairs(differences.shape[-1])
    averages: Floats = (differences[..., first] + differences[..., second]) / 2
    averages.sort(axis=-1)
    return averages


@lru_cache(maxsize=64)
def _pairs(n: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    return np.triu_indices(n)


def pairwise_differences(base: Floats, head: Floats) -> Floats:
    """Return every head minus every base, sorted along the last axis."""
    flat = unsorted_differences(base, head)
    flat.sort(axis=-1)
    return flat


def unsorted_differences(base: Floats, head: Floats) -> Floats:
    """Return every head minus every base, along the last axis."""
    grid = head[..., :, None] - base[..., None, :]
    flat: Floats = grid.reshape(*grid.shape[:-2], -1)
    return flat


def midranks(values: Floats) -> Floats:
    """Return the rank of each value along the last axis, from 1; equal values share the middle of their ranks.

    `scipy.stats.rankdata` does the same, but scipy.stats takes longer to import than a small report to make.
    """
    order = np.argsort(values, axis=-1, kind="stable")
    ascending = np.take_along_axis(values, order, axis=-1)
    places = np.arange(values.shape[-1])
    begins = np.ones(values.shape, dtype=np.bool_)
    begins[..., 1:] = ascending[..., 1:] != ascending[..., :-1]
    ends = np.ones(values.shape, dtype=np.bool_)
    ends[..., :-1] = begins[..., 1:]
    first = np.maximum.accumulate(np.where(begins, places, 0), axis=-1)
    last = np.minimum.accumulate(np.where(ends, places, values.shape[-1])[..., ::-1], axis=-1)[..., ::-1]
    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, order, (first + last) / 2 + 1, axis=-1)
    return ranks


def order_for(cdf: Floats, miss: float) -> int | None:
    """Return how many sorted averages to drop at each end so that the interval misses in at most a share `miss` of all cases.

    None if even the widest interval misses more often.
    """
    order = int(np.searchsorted(cdf, miss / 2 * (1 + 1e-12), side="right")) - 1
    return order if order >= 0 else None


def _normal_cdf(values: npt.NDArray[np.int_], mean: float, variance: float) -> Floats:
    return np.asarray(special.ndtr((values + 0.5 - mean) / np.sqrt(variance)), dtype=np.float64)
