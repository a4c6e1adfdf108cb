"""Whole tables of comparisons, judged as `harness compare` does, for many simulated experiments at once.

One thing is left out: Welch's test in `same` of two separate runs.

A test holds both against each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.latency_model import Floats
from harness.analysis.drift import slow_movement
from harness.analysis.multiple_claims import selected_level
from harness.analysis.one_sided import mean_p, paired_p, unpaired_p
from harness.analysis.outlying_blocks import outlying
from harness.analysis.predecessors import Before, to_leave_out
from harness.analysis.samples import LEVEL, MIN_BLOCKS, SAME_FROM, paired_many, unpaired_many
from harness.analysis.verdict import Rules

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Judged:
    """Verdicts of many tables: a row per experiment, a column per cell."""

    slower: Bools
    faster: Bools
    same: Bools
    gate: Bools
    low: Floats
    high: Floats
    """Ends of the shown interval of the log ratio: wider beside a verdict in a table of several cells."""

    @property
    def differs(self) -> Bools:
        """`slower` or `faster`."""
        return self.slower | self.faster

    def covered(self, truth: float | Floats) -> Bools:
        """Whether the shown intervals hold the true log ratio."""
        return np.asarray((self.low <= truth) & (truth <= self.high))

    def wrong(self, truth: float | Floats, rules: Rules) -> Bools:
        """Whether a verdict is wrong, by cell: `slower` though the ratio is not beyond the region, `same` though it is not within, ..."""
        edge = np.log1p(rules.min_effect)
        true = np.broadcast_to(np.asarray(truth), self.same.shape)
        slack = 1e-12
        return np.asarray(
            (self.slower & (true <= edge + slack))
            | (self.faster & (true >= -edge - slack))
            | (self.same & (np.abs(true) > edge + slack))
        )


@dataclass(frozen=True, slots=True)
class Tests:
    """The tests of one design, for many cells: each takes the logarithm of an edge."""

    above: Callable[[float], Floats]
    """P-values of "the log ratio is at most so much"."""
    below: Callable[[float], Floats]
    """P-values of "the log ratio is at least so much"."""
    within: Callable[[float], Floats]
    """P-values of "the log ratio is at least so much away from 0"."""
    interval: Callable[[Bools, float], tuple[Floats, Floats]]
    """Both ends of the intervals of the chosen cells at a level."""
    means: Floats
    """Logarithms of the ratios of plain averages."""
    processes: int
    """Of the smaller side."""


def judge_paired(
    base: Floats, head: Floats, rules: Rules, *, slack: float = 0.0, before: Before | None = None
) -> Judged:
    """Judge tables measured in one run.

    Args:
        base: logarithms of the processes by experiment, cell and block.
        head: the same of the other side.
        rules: how verdicts are reached.
        slack: logarithm of the resolution of a ratio.
        before: what ran before, likewise.
    """
    differences = head - base
    keep = kept_blocks(base, head, before)

    def within(edge: float) -> Floats:
        sides = [
            np.maximum(by_kept(one, keep, lambda kept: kept_p(kept, -edge + slack)), mean_p(one, -edge + slack))
            for one in (differences, -differences)
        ]
        return np.maximum(*sides)

    def interval(chosen: Bools, level: float) -> tuple[Floats, Floats]:
        low, high = intervals(differences[chosen], keep[chosen], level)
        return low - slack, high + slack

    tests = Tests(
        above=lambda edge: by_kept(differences, keep, lambda kept: kept_p(kept, edge + slack)),
        below=lambda edge: by_kept(differences, keep, lambda kept: kept_p(-kept, -edge + slack)),
        within=within,
        interval=interval,
        means=_log_ratio_of_means(base, head),
        processes=base.shape[-1],
    )
    return judge_many(tests, base.shape[:2], rules)


def kept_blocks(base: Floats, head: Floats, before: Before | None = None) -> Bools:
    """Return which blocks are not set aside."""
    means = (base + head) / 2
    left_out = to_leave_out(means, before) if before is not None else np.zeros(means.shape, dtype=np.bool_)
    return np.asarray(~outlying(means) & ~left_out)


def kept_p(kept: Floats, edge: float) -> Floats:
    """Return the p-value of "the centre of the blocks that are kept is at most `edge`"; of few of them 1."""
    return paired_p(kept, edge) if kept.shape[-1] >= MIN_BLOCKS else np.ones(kept.shape[:-1])


def judge_unpaired(base: Floats, head: Floats, rules: Rules, *, drifts: bool = True) -> Judged:
    """Judge tables of two separate runs; values by experiment, cell and process. With a control, they are those less the control's."""
    slack = np.maximum(slow_movement(base), slow_movement(head)) if drifts else np.zeros(base.shape[:2])

    def interval(chosen: Bools, level: float) -> tuple[Floats, Floats]:
        found = unpaired_many(base[chosen], head[chosen], level=level, drifts=drifts)
        return found.low, found.high

    tests = Tests(
        above=lambda edge: unpaired_p(base, head, edge + slack),
        below=lambda edge: unpaired_p(head, base, -edge + slack),
        within=lambda edge: np.maximum(unpaired_p(base, head, -edge + slack), unpaired_p(head, base, -edge + slack)),
        interval=interval,
        means=_log_ratio_of_means(base, head),
        processes=min(base.shape[-1], head.shape[-1]),
    )
    return judge_many(tests, base.shape[:2], rules)


def judge_many(tests: Tests, shape: tuple[int, ...], rules: Rules) -> Judged:
    """Judge tables by the tests of their design, a row each."""
    edge = float(np.log1p(rules.min_effect))
    above, below = tests.above(edge), tests.below(-edge)
    differs = holm_many(np.minimum(above, below)) <= rules.alpha
    enough = tests.processes >= SAME_FROM
    same = holm_many(tests.within(edge)) <= rules.alpha if enough else np.zeros(shape, dtype=np.bool_)
    means = tests.means
    picked = differs | same
    low, high = np.zeros((2, *shape))
    for count in np.unique(picked.sum(axis=1)):
        rows = picked.sum(axis=1) == count
        for chosen in (True, False):
            where = rows[:, None] & (picked == chosen)
            level = selected_level(LEVEL, int(count), shape[1]) if chosen else LEVEL
            if where.any():
                low[where], high[where] = tests.interval(where, level)
    slower, faster = differs & (above <= below) & (low > edge), differs & (above > below) & (high < -edge)
    gate = np.zeros(shape, dtype=np.bool_)
    if rules.gate is not None:
        limit = float(np.log1p(rules.gate))
        broken = holm_many(tests.above(limit)) <= rules.alpha
        gate = broken & (low > limit)
    return Judged(slower, faster, same & ~slower & ~faster & (np.abs(means) <= edge), gate, low, high)


def _log_ratio_of_means(base: Floats, head: Floats) -> Floats:
    return np.asarray(np.log(np.exp(head).mean(axis=-1) / np.exp(base).mean(axis=-1)))


def by_kept(values: Floats, keep: Bools, function: Callable[[Floats], Floats | Bools]) -> Floats:
    """Apply a function of the kept blocks, along the last axis, to rows that keep different numbers of them."""
    found = np.empty(values.shape[:-1])
    counts = keep.sum(axis=-1)
    for count in np.unique(counts):
        rows = counts == count
        found[rows] = function(values[rows][keep[rows]].reshape(-1, int(count)))
    return found


def intervals(differences: Floats, keep: Bools, level: float) -> tuple[Floats, Floats]:
    """Both ends of the interval of each row."""
    return (
        by_kept(differences, keep, lambda kept: paired_many(kept, level=level).low),
        by_kept(differences, keep, lambda kept: paired_many(kept, level=level).high),
    )


def holm_many(p_values: Floats) -> Floats:
    """Holm's adjusted p-values, each row a table."""
    count = p_values.shape[-1]
    order = np.argsort(p_values, axis=-1, kind="stable")
    stepped = np.minimum(1.0, np.take_along_axis(p_values, order, axis=-1) * np.arange(count, 0, -1))
    adjusted = np.empty_like(p_values)
    np.put_along_axis(adjusted, order, np.maximum.accumulate(stepped, axis=-1), axis=-1)
    return adjusted
