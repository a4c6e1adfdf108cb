"""Estimates the ratio of two latencies with its interval and p-value from processes. Pure.

All work is on logarithms: a ratio becomes a difference, multiplying noise becomes adding noise, and swapping the two sides turns `r` into
`1/r` exactly. docs/statistics.md says why this method, and gives its figures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from harness.analysis.drift import slow_movement
from harness.analysis.ranks import (
    Floats,
    order_for,
    pairwise_differences,
    rank_sum_cdf,
    signed_rank_cdf,
    two_sided_p,
    walsh_averages,
)

LEVEL = 0.95
"""Level of every interval, unless you pass another."""
MIN_BLOCKS = 5
"""Fewer blocks (or processes a side) never give a verdict."""

BUDGET = 10
"""A suite's default number of processes a side. It finds a change of 3 % in nine of ten experiments if processes differ by 1 %."""

RANK_TEST_FROM = 8
"""Number of blocks from which the paired rank test can reach a p-value of 1 %: all of one sign has a chance of 2 / 2^8."""

Design = Literal["paired", "unpaired", "pooled"]

_LEVEL_SLACK = 1.25
"""An exact interval may miss this much more often than asked: five pairs give 93.75 %, never 95 %."""
_RANK_SHARE = 0.8
"""Share of the error that the rank test may use; the t-test has the rest. See `joint_p`."""
_ALONE_SHARE = 0.85
"""Share that the t-test may use alone. Not all, since noise in two modes has shorter tails than it assumes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """head / base with its uncertainty.

    A `ratio` above 1 means that head is larger (slower). The interval is at `level`; `p_value` tests "the ratio is 1". Each is None if
    there are too few values.
    """

    design: Design
    base_n: int
    head_n: int
    """Number of processes that count on each side; in a paired design, both are the number of blocks."""
    ratio: float | None
    ci_low: float | None = None
    ci_high: float | None = None
    p_value: float | None = None
    level: float = LEVEL
    drift: float = 0.0
    """Relative drift within separate runs by which the interval is widened at both ends."""

    @property
    def n(self) -> int:
        """Size of the smaller side."""
        return min(self.base_n, self.head_n)


@dataclass(frozen=True, slots=True)
class Intervals:
    """Estimates of many experiments: log ratios, ends of the intervals, p-values."""

    centre: Floats
    low: Floats
    high: Floats
    p_value: Floats
    drift: Floats | None = None
    """Logarithm of the drift by which the intervals are widened, if they allow for one."""


def paired(log_ratios: Sequence[float], *, level: float = LEVEL) -> Estimate:
    """Estimate from one log ratio (head over base) per block.

    Args:
        log_ratios: natural logarithms; average several processes of a block before.
        level: level of the interval.
    """
    n = len(log_ratios)
    if n < 2:
        ratio = _exp(log_ratios[0]) if n else None
        return Estimate(design="paired", base_n=n, head_n=n, ratio=ratio, level=level)
    found = paired_many(np.asarray(log_ratios, dtype=np.float64), level=level)
    return _estimate("paired", n, n, found, level)


def unpaired(base: Sequence[float], head: Sequence[float], *, level: float = LEVEL, drifts: bool = True) -> Estimate:
    """Estimate from log latencies of processes that share no blocks (two runs).

    Args:
        base: natural logarithms of the base's processes, in the order of running.
        head: the same of the head's.
        level: level of the interval.
        drifts: allow for a drift within either, because the sides ran at different times; see `unpaired_many`.
    """
    n, m = len(base), len(head)
    if min(n, m) < 2:
        ratio = _exp(float(np.median(head)) - float(np.median(base))) if min(n, m) else None
        return Estimate(design="unpaired", base_n=n, head_n=m, ratio=ratio, level=level)
    ours, theirs = np.asarray(base, dtype=np.float64), np.asarray(head, dtype=np.float64)
    return _estimate("unpaired", n, m, unpaired_many(ours, theirs, level=level, drifts=drifts), level)


def pooled(estimates: Sequence[Estimate], *, level: float = LEVEL) -> Estimate:
    """Estimate the geometric mean of several devices' ratios with equal weights.

    The interval holds for these devices, not for all: a handful is no sample of the market. Each device's standard error comes from its own
    robust interval, the degrees of freedom from Satterthwaite (Biometrics Bulletin 2, 1946).
    """
    n, m = sum(one.base_n for one in estimates), sum(one.head_n for one in estimates)
    centres, errors, freedom = [], [], []
    for one in estimates:
        if one.ratio is None or one.ci_low is None or one.ci_high is None or one.n < MIN_BLOCKS:
            return Estimate(design="pooled", base_n=n, head_n=m, ratio=None)
        df = one.n - 1 if one.design == "paired" else one.base_n + one.head_n - 2
        centres.append(math.log(one.ratio))
        width = math.log(one.ci_high) - math.log(one.ci_low)
        errors.append(width / 2 / float(special.stdtrit(df, 0.5 + one.level / 2)))
        freedom.append(df)
    if not centres:
        return Estimate(design="pooled", base_n=n, head_n=m, ratio=None)
    centre = float(np.mean(centres))
    squares = np.square(errors)
    error = math.sqrt(float(squares.sum())) / len(centres)
    if error == 0:
        p = 1.0 if centre == 0 else 0.0
        ratio = _exp(centre)
        return Estimate(
            design="pooled", base_n=n, head_n=m, ratio=ratio, ci_low=ratio, ci_high=ratio, p_value=p, level=level
        )
    effective = float(squares.sum() ** 2 / (squares**2 / freedom).sum())
    half = float(special.stdtrit(effective, 0.5 + level / 2)) * error
    return Estimate(
        design="pooled",
        level=level,
        base_n=n,
        head_n=m,
        ratio=_exp(centre),
        ci_low=_exp(centre - half),
        ci_high=_exp(centre + half),
        p_value=2 * float(special.stdtr(effective, -abs(centre) / error)),
    )


def paired_many(log_ratios: Floats, *, level: float = LEVEL) -> Intervals:
    """Do `paired` for many experiments at once: at least two blocks along the last axis."""
    n = log_ratios.shape[-1]
    averages = walsh_averages(log_ratios)
    cdf = signed_rank_cdf(n)
    mean = log_ratios.mean(axis=-1)
    error = log_ratios.std(axis=-1, ddof=1) / math.sqrt(n)
    p_t = _t_p(mean, error, np.float64(n - 1), 2.0 * 4.0**-n)
    p_value = joint_p(two_sided_p(averages, cdf), p_t) if n >= RANK_TEST_FROM else t_alone_p(p_t)
    order = order_for(cdf, (1 - level) * _LEVEL_SLACK) if n < 6 else order_for(cdf, 1 - level)
    if order is None:
        half = special.stdtrit(n - 1, 0.5 + level / 2) * error
        return Intervals(mean, mean - half, mean + half, p_value)
    return Intervals(np.median(averages, axis=-1), averages[..., order], averages[..., -1 - order], p_value)


def unpaired_many(base: Floats, head: Floats, *, level: float = LEVEL, drifts: bool = True) -> Intervals:
    """Do `unpaired` for many experiments at once: at least two processes a side along the last axis, in the order of running.

    Runs at different times do not share their drift, and two runs do not tell how far apart they started. They tell how far either moved
    while it ran (`harness.analysis.drift`), and the other may have been as far away. So the interval is widened by that much at both ends,
    and the p-value is that of a difference larger than that.
    """
    found = _unpaired(base, head, level, np.zeros(base.shape[:-1]))
    if not drifts:
        return found
    drift = np.maximum(slow_movement(base), slow_movement(head))
    p_value = _unpaired(base, head, level, np.sign(found.centre) * drift).p_value
    p_value = np.where((drift > 0) & (np.abs(found.centre) <= drift), 1.0, p_value)
    return Intervals(found.centre, found.low - drift, found.high + drift, p_value, drift)


def _unpaired(base: Floats, head: Floats, level: float, shift: Floats) -> Intervals:
    n, m = base.shape[-1], head.shape[-1]
    differences = pairwise_differences(base, head) - shift[..., None]
    cdf = rank_sum_cdf(n, m)
    mean = head.mean(axis=-1) - base.mean(axis=-1) - shift
    part_b, part_h = base.var(axis=-1, ddof=1) / n, head.var(axis=-1, ddof=1) / m
    error = np.sqrt(part_b + part_h)
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(error > 0, part_b / (part_b + part_h), 0.5)
    freedom = 1 / (part**2 / (n - 1) + (1 - part) ** 2 / (m - 1))  # Welch and Satterthwaite
    p_t = _t_p(mean, error, freedom, 2.0 * 2.0 ** -(n + m))
    p_value = joint_p(two_sided_p(differences, cdf), p_t)
    order = order_for(cdf, 1 - level)
    if order is None:
        half = special.stdtrit(freedom, 0.5 + level / 2) * error
        return Intervals(mean, mean - half, mean + half, p_value)
    return Intervals(np.median(differences, axis=-1), differences[..., order], differences[..., -1 - order], p_value)


def _t_p(mean: Floats, error: Floats, freedom: Floats | np.float64, least: float) -> Floats:
    # `least`: if each process falls into one of two equally frequent modes, this is the chance that the sides lie in different ones. No
    # smaller p-value is honest, however tight the values look.
    with np.errstate(invalid="ignore", divide="ignore"):
        t = np.where(error > 0, np.abs(mean) / error, np.where(mean == 0, 0.0, np.inf))
    return np.maximum(2 * special.stdtr(freedom, -t), least)


def joint_p(p_rank: Floats, p_t: Floats) -> Floats:
    """Combine the p-values of two tests by Bonferroni's correction with unequal shares.

    The rank test is exact for any distribution and keeps its power with outliers, but with few processes its p-value cannot become small
    enough for a table of many cells; the t-test's can.
    """
    return np.minimum(1.0, np.minimum(p_rank / _RANK_SHARE, p_t / (1 - _RANK_SHARE)))


def t_alone_p(p_t: Floats) -> Floats:
    """Return the p-value for too few pairs for the rank test."""
    return np.minimum(1.0, p_t / _ALONE_SHARE)


def _estimate(design: Design, n: int, m: int, found: Intervals, level: float) -> Estimate:
    return Estimate(
        design=design,
        base_n=n,
        head_n=m,
        ratio=_exp(float(found.centre)),
        ci_low=_exp(float(found.low)),
        ci_high=_exp(float(found.high)),
        p_value=float(found.p_value),
        level=level,
        drift=_exp(float(found.drift)) - 1 if found.drift is not None else 0.0,
    )


def _exp(log: float) -> float:
    """The exponential, limited to what a float can hold: the interval of two wild processes may be endless."""
    return math.exp(max(-700.0, min(700.0, log)))
