"""The values that an estimate comes from: what can be tested on them, and the intervals that they give. Pure.

Everything is in logarithms; edges and intervals are logarithms of ratios.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from harness.analysis import special
from harness.analysis.drift import slow_movement
from harness.analysis.one_sided import mean_p, paired_p, squared, trimmed_difference, unpaired_p
from harness.analysis.ranks import (
    Floats,
    order_for,
    pairwise_differences,
    rank_sum_cdf,
    signed_rank_cdf,
    walsh_averages,
)

LEVEL = 0.95
"""Level of every interval, unless said otherwise."""
MIN_BLOCKS = 5
"""Fewer blocks (or processes a side) never give a verdict."""

SAME_FROM = 16
"""Fewer blocks (or processes a side) never give `same`. If 5 % of base's processes and 20 % of head's are slow, head is slower on average.
But n a side show no slow one with a chance of (0.95 x 0.8)^n, and then look like two equal sides: 6.4 % with ten, 1.2 % with sixteen. With
sixteen `same` is said wrongly in 1.6 %, since ranks and averages may also overlook a few slow ones (`python -m benchmarks.statistics`).
`slower` and `faster` need no such number: slow processes that do not show cannot suggest them."""

_LEVEL_SLACK = 1.1
"""An exact interval may miss this much more often than asked, if no closer level exists."""
_LEVEL_SLACK_OF_FIVE = 1.25
"""The same for five pairs and fewer: they give 93.75 %, never 95 %. Where Student's interval reaches further, it counts, up to
`_FURTHER_OF_FIVE` of what lies between the second and the fourth: with throttling or outliers it would reach much too far."""
_FURTHER_OF_FIVE = 0.2


class RatioSample(Protocol):
    """The values that an estimate comes from. Edges and intervals are logarithms of ratios."""

    @property
    def paired(self) -> bool:
        """Whether both sides share blocks."""
        ...

    @property
    def size(self) -> int:
        """Number of independent values of the smaller side."""
        ...

    def p_above(self, edge: float) -> float:
        """Return the p-value of "the log ratio is at most `edge`"."""
        ...

    def p_below(self, edge: float) -> float:
        """Return the p-value of "the log ratio is at least `edge`"."""
        ...

    def p_within(self, edge: float) -> float:
        """Return the p-value of "the log ratio is at least `edge` away from 0"."""
        ...

    def interval(self, level: float) -> tuple[float, float]:
        """Return both ends of the interval for the log ratio."""
        ...


@dataclass(frozen=True, slots=True)
class PairedSample:
    """Log ratios by block.

    `kept` are those that the rank tests use, without the blocks that an outlier spoils (`harness.analysis.outlying_blocks`).
    """

    kept: Floats
    everything: Floats

    @property
    def paired(self) -> bool:
        """Always."""
        return True

    @property
    def size(self) -> int:
        """Number of blocks that are used."""
        return len(self.kept)

    @property
    def _enough(self) -> bool:
        """Whether enough blocks are left for a verdict, if there were enough before."""
        return len(self.kept) >= min(MIN_BLOCKS, len(self.everything))

    def p_above(self, edge: float) -> float:
        """Return the p-value of "the log ratio is at most `edge`"."""
        return float(paired_p(self.kept, edge)) if self._enough else 1.0

    def p_below(self, edge: float) -> float:
        """Return the p-value of "the log ratio is at least `edge`"."""
        return float(paired_p(-self.kept, -edge)) if self._enough else 1.0

    def p_within(self, edge: float) -> float:
        """Return the p-value of "the log ratio is at least `edge` away from 0", by the ranks and by the means of all blocks.

        Means and ranks part if a slow mode became more frequent: then the sides are not the same, though most blocks say so.
        """
        if not self._enough:
            return 1.0
        sides = (
            float(max(paired_p(sign * self.kept, -edge), mean_p(sign * self.everything, -edge))) for sign in (1, -1)
        )
        return max(sides)

    def interval(self, level: float) -> tuple[float, float]:
        """Return both ends of the interval for the log ratio."""
        found = paired_many(self.kept, level=level)
        return float(found.low), float(found.high)


@dataclass(frozen=True, slots=True)
class UnpairedSample:
    """Logarithms of both sides' processes, in the order of running."""

    base: Floats
    head: Floats

    @property
    def paired(self) -> bool:
        """Never."""
        return False

    @property
    def size(self) -> int:
        """Number of processes of the smaller side."""
        return min(len(self.base), len(self.head))

    def p_above(self, edge: float) -> float:
        """Return the p-value of "the log ratio is at most `edge`"."""
        return float(unpaired_p(self.base, self.head, edge))

    def p_below(self, edge: float) -> float:
        """Return the p-value of "the log ratio is at least `edge`"."""
        return float(unpaired_p(self.head, self.base, -edge))

    def p_within(self, edge: float) -> float:
        """Return the p-value of "the log ratio is at least `edge` away from 0", by ranks, trimmed means and the means of all processes."""
        # Asked of this object, not of `unpaired_p_within`: a kind that builds on it has p-values of its own.
        return max(self.p_above(-edge), self.p_below(edge), float(_welch_within(self.base, self.head, edge)))

    def interval(self, level: float) -> tuple[float, float]:
        """Return both ends of the interval for the log ratio."""
        found = unpaired_many(self.base, self.head, level=level, drifts=False)
        return float(found.low), float(found.high)


@dataclass(frozen=True, slots=True)
class Intervals:
    """Estimates of many experiments: log ratios and ends of the intervals."""

    centre: Floats
    low: Floats
    high: Floats
    drift: Floats | None = None
    """Logarithm of the drift by which the intervals are widened, if they allow for one."""

    def __iter__(self) -> Iterator[Intervals]:
        """Yield those of each experiment, where they are many."""
        drifts = self.drift if self.drift is not None else [None] * len(self.centre)
        return map(Intervals, self.centre, self.low, self.high, drifts)


def paired_many(log_ratios: Floats, *, level: float = LEVEL) -> Intervals:
    """Do `paired` for many experiments at once: at least two blocks along the last axis, none of them set aside."""
    n = log_ratios.shape[-1]
    averages = walsh_averages(log_ratios)
    slack = _LEVEL_SLACK if n > MIN_BLOCKS else _LEVEL_SLACK_OF_FIVE
    order = order_for(signed_rank_cdf(n), (1 - level) * slack)
    if order is None:
        mean = log_ratios.mean(axis=-1)
        half = special.stdtrit(n - 1, 0.5 + level / 2) * log_ratios.std(axis=-1, ddof=1) / math.sqrt(n)
        return Intervals(mean, mean - half, mean + half)
    low, high = averages[..., order], averages[..., -1 - order]
    if n <= MIN_BLOCKS and signed_rank_cdf(n)[order] > (1 - level) / 2:
        # Five ranks hold the truth in 93.75 % at best, and in less where one block of them is biased by what ran before.
        mean = log_ratios.mean(axis=-1)
        half = special.stdtrit(n - 1, 0.5 + level / 2) * log_ratios.std(axis=-1, ddof=1) / math.sqrt(n)
        ordered = np.sort(log_ratios, axis=-1)
        most = _FURTHER_OF_FIVE * (ordered[..., -2] - ordered[..., 1])
        low = np.minimum(low, np.maximum(mean - half, low - most))
        high = np.maximum(high, np.minimum(mean + half, high + most))
    return Intervals(np.median(averages, axis=-1), low, high)


def unpaired_many(base: Floats, head: Floats, *, level: float = LEVEL, drifts: bool = True) -> Intervals:
    """Do `unpaired` for many experiments at once: at least two processes a side along the last axis, in the order of running.

    The interval is the wider one, at each end, of Hodges and Lehmann's and of Yuen's: the former misses where size and spread of the sides
    are unequal.

    Runs at different times do not share their drift, and two runs do not show how far apart they started. They show how far either moved
    while it ran (`harness.analysis.drift`), and the other may have been as far away. So the interval is widened by that much at both ends.
    """
    differences = pairwise_differences(base, head)
    centre, error, freedom = trimmed_difference(base, head)
    half = special.stdtrit(freedom, 0.5 + level / 2) * error
    low, high = centre - half, centre + half
    order = order_for(rank_sum_cdf(base.shape[-1], head.shape[-1]), (1 - level) * _LEVEL_SLACK)
    if order is not None:
        centre = np.median(differences, axis=-1)
        low, high = np.minimum(low, differences[..., order]), np.maximum(high, differences[..., -1 - order])
    drift = np.maximum(slow_movement(base), slow_movement(head)) if drifts else np.zeros(base.shape[:-1])
    return Intervals(centre, low - drift, high + drift, drift)


def unpaired_p_within(base: Floats, head: Floats, edge: float | Floats) -> Floats:
    """Do `UnpairedSample.p_within` for many samples at once, along the last axis; `edge` is a number, or one for each."""
    beyond = np.maximum(unpaired_p(base, head, -edge), unpaired_p(head, base, -edge))
    return np.maximum(beyond, _welch_within(base, head, edge))


def _welch_within(base: Floats, head: Floats, edge: float | Floats) -> Floats:
    n, m = base.shape[-1], head.shape[-1]
    ours, theirs = base.var(axis=-1, ddof=1) / n, head.var(axis=-1, ddof=1) / m
    error = np.sqrt(ours + theirs)
    difference = head.mean(axis=-1) - base.mean(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = ours / (ours + theirs)
        freedom = 1 / (squared(share) / (n - 1) + squared(1 - share) / (m - 1))
        nearer = np.maximum(
            special.stdtr(freedom, (difference - edge) / error), special.stdtr(freedom, (-difference - edge) / error)
        )
    return np.asarray(np.where(error == 0, np.where(np.abs(difference) < edge, 0.0, 1.0), nearer), dtype=np.float64)
