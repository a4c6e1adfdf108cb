"""One-sided p-values of "the log ratio is at most this edge", from pairs and from two independent samples. Pure.

A verdict claims that the ratio lies beyond an edge, so the tested hypothesis is the edge, not the ratio 1. Each p-value joins a rank test
and a t-test. The rank test is exact for any noise and keeps its power with outliers, but its p-value cannot become small enough for a
table of many cells; the t-test's can. docs/statistics.md says how often they err together.

Everything works along the last axis, so that thousands of simulated experiments cost one call.

Sources: Wilcoxon, Biometrics Bulletin 1 (1945); Mann and Whitney, Annals of Mathematical Statistics 18 (1947); Welch, Biometrika 34 (1947);
Yuen, The two-sample trimmed t for unequal population variances, Biometrika 61 (1974).
"""

from __future__ import annotations

import math

import numpy as np

from harness.analysis import special
from harness.analysis.ranks import Floats, rank_sum_cdf, signed_rank_cdf, unsorted_differences, walsh_averages

RANK_TEST_FROM = 8
"""Number of pairs from which the rank test takes part: all of one sign has a chance of 1 / 2^8 there."""

RANK_SHARE, T_SHARE = 0.7, 0.5
"""Shares of the error for the rank test and for the t-test. Together more than 1, since they mostly err in the same experiments: on no
noise that was tried (normal, long tails, two modes, uniform, skewed) does the joint p-value err more often than it says."""
T_ALONE_SHARE = 0.85
"""Share of the t-test where it stands alone: noise in two modes has shorter tails than it assumes."""

_TRIM_FROM = 8
_TRIMMED = 0.1
"""Share of the values that Yuen's test leaves out at each end; at least one from `_TRIM_FROM` values on."""


def paired_p(differences: Floats, edge: float | Floats) -> Floats:
    """Return the p-value of "the centre of the differences is at most `edge`".

    Args:
        differences: head minus base by block, as logarithms; at least two.
        edge: logarithm of the ratio that is tested; a number, or one for each experiment.
    """
    shifted = differences - np.asarray(edge, dtype=np.float64)[..., None]
    n = shifted.shape[-1]
    p_t = mean_p(shifted, 0.0)
    if n < RANK_TEST_FROM:
        return np.minimum(1.0, p_t / T_ALONE_SHARE)
    return joint_p(upper_rank_p(walsh_averages(shifted), signed_rank_cdf(n)), p_t)


def mean_p(differences: Floats, edge: float | Floats) -> Floats:
    """Return the t-test's p-value of "the mean of the differences is at most `edge`"; arguments as of `paired_p`."""
    shifted = differences - np.asarray(edge, dtype=np.float64)[..., None]
    n = shifted.shape[-1]
    error = shifted.std(axis=-1, ddof=1) / math.sqrt(n)
    return np.maximum(_t_p(shifted.mean(axis=-1), error, np.float64(n - 1)), least_paired_t(n))


def unpaired_p(base: Floats, head: Floats, edge: float | Floats) -> Floats:
    """Return the p-value of "head's centre less base's is at most `edge`".

    It is the larger of Mann and Whitney's and Yuen's: the former errs where size and spread of the sides are unequal, the latter with few
    values.

    Args:
        base: logarithms of base's processes; at least two.
        head: the same of head.
        edge: logarithm of the ratio that is tested; a number, or one for each experiment.
    """
    moved = head - np.asarray(edge, dtype=np.float64)[..., None]
    n, m = base.shape[-1], head.shape[-1]
    p_rank = upper_rank_p(unsorted_differences(base, moved), rank_sum_cdf(n, m))
    centre, error, freedom = trimmed_difference(base, moved)
    # No floor as with pairs: the rank test's smallest p-value is larger than the chance that the sides lie in different modes.
    p_value: Floats = np.maximum(p_rank, _t_p(centre, error, freedom))
    return p_value


def trimmed_difference(base: Floats, head: Floats) -> tuple[Floats, Floats, Floats]:
    """Return Yuen's difference of trimmed means (head less base), its standard error and its degrees of freedom."""
    ours, theirs = _trimmed_mean(base), _trimmed_mean(head)
    squares = ours[1] + theirs[1]
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(squares > 0, ours[1] / squares, 0.5)
    freedom = 1 / (part**2 / ours[2] + squared(1 - part) / theirs[2])
    return theirs[0] - ours[0], np.sqrt(squares), freedom


def squared(values: Floats) -> Floats:
    """Return the squares as Python's `**` gives them for each number; NumPy's for an array may differ from them in the last bit."""
    if values.ndim == 0:
        return np.asarray(np.float64(values) ** 2, dtype=np.float64)
    return np.array([value**2 for value in values.ravel().tolist()]).reshape(values.shape)


def upper_rank_p(averages: Floats, cdf: Floats) -> Floats:
    """Return the p-value of "the centre is at most 0" from averages or differences; one that equals 0 counts against the claim."""
    against = (averages <= 0).sum(axis=-1)
    p_value: Floats = cdf[np.minimum(against, len(cdf) - 1)]
    return p_value


def joint_p(p_rank: Floats, p_t: Floats) -> Floats:
    """Combine the p-values of both tests; see `RANK_SHARE`."""
    return np.minimum(1.0, np.minimum(p_rank / RANK_SHARE, p_t / T_SHARE))


def least_paired_t(n: int) -> float:
    """Return the smallest p-value that a t-test of `n` pairs may give; smaller ones are raised to it.

    If each process falls into one of two modes by the toss of a coin, all of base lie in one and all of head in the other with a chance of
    4^-n, however tight the values look.
    """
    return 4.0**-n


def least_paired_p(n: int) -> float:
    """Return the smallest value that `paired_p` can take with `n` pairs."""
    if n < RANK_TEST_FROM:
        return min(1.0, least_paired_t(n) / T_ALONE_SHARE)
    return min(2.0**-n / RANK_SHARE, least_paired_t(n) / T_SHARE)


def least_unpaired_p(n: int, m: int) -> float:
    """Return the smallest value that `unpaired_p` can take with `n` and `m` processes."""
    return float(rank_sum_cdf(n, m)[0])


def _trimmed_mean(values: Floats) -> tuple[Floats, Floats, int]:
    """Return the trimmed mean, the square of its standard error, and its degrees of freedom."""
    n = values.shape[-1]
    cut = max(1, int(_TRIMMED * n)) if n >= _TRIM_FROM else 0
    ordered = np.sort(values, axis=-1)
    kept = ordered[..., cut : n - cut]
    pulled_in = np.clip(ordered, kept[..., :1], kept[..., -1:])
    left = n - 2 * cut
    return kept.mean(axis=-1), pulled_in.var(axis=-1, ddof=1) * (n - 1) / (left * (left - 1)), left - 1


def _t_p(mean: Floats, error: Floats, freedom: Floats | np.float64) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        t = np.where(error > 0, mean / error, np.where(mean > 0, np.inf, np.where(mean < 0, -np.inf, 0.0)))
    return np.asarray(special.stdtr(freedom, -t), dtype=np.float64)
