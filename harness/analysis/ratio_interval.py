"""The ratio of two latencies, its interval, and how sure it is that it lies beyond an edge, from processes. Pure.

Works on logarithms: a ratio of latencies becomes a difference, noise that multiplies becomes noise that adds, and swapping the two sides
turns `r` into `1/r` exactly. docs/statistics.md says why these methods, and how good they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from harness.analysis.many_samples import alike, in_parts
from harness.analysis.outlying_blocks import outlying
from harness.analysis.predecessors import Before, to_leave_out
from harness.analysis.ranks import Floats
from harness.analysis.samples import (
    LEVEL,
    MIN_BLOCKS,
    Intervals,
    PairedSample,
    RatioSample,
    UnpairedSample,
    paired_many,
    unpaired_many,
)

BUDGET = 10
"""A suite's default number of processes a side. It finds a change of 3 % in nearly nine of ten experiments if processes differ by 1 %."""

Design = Literal["paired", "unpaired", "pooled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """head / base with its uncertainty.

    A `ratio` above 1 means that head is larger (slower). The interval is at `level`. Both are None if there are too few values.
    """

    design: Design
    base_n: int
    head_n: int
    """Number of processes that count on each side; in a paired design, both are the number of blocks."""
    ratio: float | None
    ci_low: float | None = None
    ci_high: float | None = None
    p_value: float | None = None
    """P-value of the claim that the ratio lies beyond the region of indifference, on the side where it is; set by `verdict.judge`."""
    level: float = LEVEL
    drift: float = 0.0
    """Relative drift within separate runs by which the interval is widened at both ends."""
    resolution: float = 0.0
    """Relative size of the step in which the values are printed. The interval is widened by this too."""
    set_aside: int = 0
    """Number of blocks that count in `base_n` and `head_n` but not for the ratio and its interval: an outlier spoils them, or what ran
    before differs between the sides."""
    unlike_before: int = 0
    """Number of the blocks in `set_aside` for which what ran before is the reason."""
    mean_ratio: float | None = None
    """Ratio of the plain averages of all processes. Far from `ratio` if one side has slow processes more often."""
    gate_edge: float | None = None
    """Logarithm of the gate's edge if this estimate stands for a difference; None: that of the gate's own ratio."""
    looks: tuple[tuple[int, int], ...] = ()
    """Smallest and largest number of blocks of each run that chose its number of blocks itself."""
    sample: RatioSample | None = field(default=None, repr=False, compare=False)
    """The values that claims are tested on; None if there are too few, or none may be made."""

    @property
    def n(self) -> int:
        """Size of the smaller side."""
        return min(self.base_n, self.head_n)

    @property
    def values(self) -> int:
        """Number of independent values of the smaller side: blocks or processes; for several devices, of the one with the fewest."""
        return self.sample.size + self.set_aside if self.sample is not None else self.n

    @property
    def slack(self) -> float:
        """Logarithm by which everything is widened at both ends: drift and resolution."""
        return math.log1p(self.drift) + math.log1p(self.resolution)

    def p_above(self, edge: float) -> float:
        """Return the p-value of "the log ratio is at most `edge`"; 1 if nothing can be tested."""
        return self.sample.p_above(edge + self.slack) if self.sample is not None else 1.0

    def p_below(self, edge: float) -> float:
        """Return the p-value of "the log ratio is at least `edge`"; 1 if nothing can be tested."""
        return self.sample.p_below(edge - self.slack) if self.sample is not None else 1.0

    def p_within(self, edge: float) -> float:
        """Return the p-value of "the log ratio is at least `edge` away from 0"; 1 if nothing can be tested."""
        return self.sample.p_within(edge - self.slack) if self.sample is not None and edge > self.slack else 1.0

    def at(self, level: float) -> Estimate:
        """Return the same estimate with its interval at another level."""
        return self if self.sample is None or level == self.level else replace(self, level=level).refreshed()

    def ends(self, low: float, high: float) -> tuple[float, float]:
        """Return the ends of the interval as ratios, from the logarithms that the sample gives."""
        return _exp(low - self.slack), _exp(high + self.slack)

    def refreshed(self) -> Estimate:
        """Return the same estimate with the interval that its sample gives at its level."""
        if self.sample is None:
            return self
        low, high = self.ends(*self.sample.interval(self.level))
        return replace(self, ci_low=low, ci_high=high)


def paired(
    log_ratios: Sequence[float],
    *,
    level: float = LEVEL,
    means: Sequence[float] | None = None,
    resolution: float = 0.0,
    before: Before | None = None,
) -> Estimate:
    """Estimate from one log ratio (head over base) per block.

    Args:
        log_ratios: natural logarithms; if a block has several processes of a side, pass their average.
        level: level of the interval.
        means: mean of the logarithms of both sides, by block; with it, blocks that an outlier spoils are set aside.
        resolution: relative size of the step in which the values are printed.
        before: what ran before the processes of each block; with it and `means`, blocks are set aside in which it biases the ratio.
    """
    n = len(log_ratios)
    if n < 2:
        ratio = next(map(_exp, log_ratios), None)
        return Estimate(design="paired", base_n=n, head_n=n, ratio=ratio, level=level)
    everything = np.asarray(log_ratios, dtype=np.float64)
    spoilt = unlike = np.zeros(n, dtype=np.bool_)
    if means is not None:
        spoilt = outlying(np.asarray(means, dtype=np.float64))
        unlike = to_leave_out(np.asarray(means, dtype=np.float64), before) if before is not None else unlike
    spoilt = spoilt | unlike
    sample = PairedSample(everything[~spoilt], everything)
    found = paired_many(sample.kept, level=level)
    mean_ratio = None
    if means is not None:
        centres = np.asarray(means, dtype=np.float64)
        mean_ratio = _ratio_of_means(centres - everything / 2, centres + everything / 2)
    estimate = _estimate("paired", n, n, found, level, sample, resolution, mean_ratio, int(spoilt.sum()))
    return replace(estimate, unlike_before=int(unlike.sum()))


def unpaired(
    base: Sequence[float],
    head: Sequence[float],
    *,
    level: float = LEVEL,
    drifts: bool = True,
    resolution: float = 0.0,
) -> Estimate:
    """Estimate from log latencies of processes that share no blocks (two runs).

    Args:
        base: natural logarithms of the base's processes, in the order of running.
        head: the same of the head's.
        level: level of the interval.
        drifts: allow for a drift within either, because the sides ran at different times; see `unpaired_many`.
        resolution: relative size of the step in which the values are printed.
    """
    n, m = len(base), len(head)
    if min(n, m) < 2:
        ratio = _exp(float(np.median(head)) - float(np.median(base))) if min(n, m) else None
        return Estimate(design="unpaired", base_n=n, head_n=m, ratio=ratio, level=level)
    sample = UnpairedSample(np.asarray(base, dtype=np.float64), np.asarray(head, dtype=np.float64))
    found = unpaired_many(sample.base, sample.head, level=level, drifts=drifts)
    mean_ratio = _ratio_of_means(sample.base, sample.head)
    return _estimate("unpaired", n, m, found, level, sample, resolution, mean_ratio)


def unpaired_each(
    sides: Sequence[tuple[Sequence[float], Sequence[float]]], *, drifts: Sequence[bool], level: float = LEVEL
) -> list[Estimate]:
    """Do `unpaired` for many pairs of sides at once, with the same results to the last bit.

    Args:
        sides: base and head of each pair, as for `unpaired`.
        drifts: for each pair, as for `unpaired`.
        level: level of every interval.
    """
    found: dict[int, Estimate] = {}
    sorts = alike((len(base), len(head), may) for (base, head), may in zip(sides, drifts, strict=True))
    for (n, m, may), places in sorts.items():
        if min(n, m) < 2:
            found |= {place: unpaired(*sides[place], level=level, drifts=may) for place in places}
            continue
        for part in in_parts(places, n, m):
            base, head = (np.array([sides[place][side] for place in part], dtype=np.float64) for side in (0, 1))
            found.update(zip(part, _unpaired_alike(base, head, level, may), strict=True))
    return [found[place] for place in range(len(sides))]


def _unpaired_alike(base: Floats, head: Floats, level: float, drifts: bool) -> Iterator[Estimate]:
    """Estimate each row of both sides."""
    n, m = base.shape[-1], head.shape[-1]
    found = unpaired_many(base, head, level=level, drifts=drifts)
    for ours, theirs, one, mean_ratio in zip(base, head, found, _ratios_of_means(base, head), strict=True):
        yield _estimate("unpaired", n, m, one, level, UnpairedSample(ours, theirs), 0.0, mean_ratio)


def pooled(estimates: Sequence[Estimate], *, level: float = LEVEL) -> Estimate:
    """Estimate the geometric mean of several devices' ratios with equal weights.

    The devices' log ratios are averaged block by block, in the order of running, and the averages are treated like the log ratios of one
    device; likewise with both sides of separate runs. A device with more blocks than the others gives its first ones.

    The interval holds for these devices, not for all: a handful is no sample of the market.
    """
    n, m = sum(one.base_n for one in estimates), sum(one.head_n for one in estimates)
    samples = [one.sample for one in estimates]
    pairs = [one for one in samples if isinstance(one, PairedSample)]
    sides = [one for one in samples if isinstance(one, UnpairedSample)]
    if not estimates or min(one.n for one in estimates) < MIN_BLOCKS or len(samples) not in (len(pairs), len(sides)):
        return Estimate(design="pooled", base_n=n, head_n=m, ratio=None)
    sample: RatioSample
    if pairs:
        sample = PairedSample(_average([one.kept for one in pairs]), _average([one.everything for one in pairs]))
        found = paired_many(sample.kept, level=level)
    else:
        sample = UnpairedSample(_average([one.base for one in sides]), _average([one.head for one in sides]))
        found = unpaired_many(sample.base, sample.head, level=level, drifts=any(one.drift for one in estimates))
    resolution = math.expm1(float(np.mean([math.log1p(one.resolution) for one in estimates])))
    return _estimate("pooled", n, m, found, level, sample, resolution, None)


def _ratio_of_means(base: Floats, head: Floats) -> float:
    return _ratios_of_means(base[None], head[None])[0]


def _ratios_of_means(base: Floats, head: Floats) -> list[float]:
    """The ratio of each row."""
    # Shifted, so that no exponential overflows; a common factor cancels.
    top = np.maximum(base.max(axis=-1), head.max(axis=-1))[:, None]
    below, above = (np.exp(side - top).mean(axis=-1).tolist() for side in (base, head))
    return [over / under if under else math.inf for under, over in zip(below, above, strict=True)]


def _average(rows: Sequence[Floats]) -> Floats:
    n = min(len(row) for row in rows)
    return np.asarray(np.mean([row[:n] for row in rows], axis=0), dtype=np.float64)


def _estimate(
    design: Design,
    n: int,
    m: int,
    found: Intervals,
    level: float,
    sample: RatioSample,
    resolution: float,
    mean_ratio: float | None,
    set_aside: int = 0,
) -> Estimate:
    step = math.log1p(resolution)
    return Estimate(
        design=design,
        base_n=n,
        head_n=m,
        ratio=_exp(float(found.centre)),
        ci_low=_exp(float(found.low) - step),
        ci_high=_exp(float(found.high) + step),
        level=level,
        drift=_exp(float(found.drift)) - 1 if found.drift is not None else 0.0,
        resolution=resolution,
        set_aside=set_aside,
        mean_ratio=mean_ratio,
        sample=sample,
    )


def _exp(log: float) -> float:
    """The exponential, limited to what a float can hold: the interval of two wild processes may be endless."""
    return math.exp(max(-700.0, min(700.0, log)))
