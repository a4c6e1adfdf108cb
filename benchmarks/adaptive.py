"""Adaptive runs as the schedule makes them, on synthetic latencies: several cells against one baseline, each until its ratio is known.

The same rules as `harness.analysis.stopping`, for many experiments at once; a test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from benchmarks.latency_model import Floats, Scenario, simulate_cells
from benchmarks.tables import Bools, by_kept, holm_many, intervals, kept_blocks, kept_p
from harness.analysis.predecessors import Before
from harness.analysis.sequential import LOOK_LEVEL, look_alpha, repeated_p
from harness.analysis.stop_rule import settled
from harness.analysis.verdict import Rules
from harness.records.adaptive_decisions import AdaptivePlan

Ints = npt.NDArray[np.int_]

_RULES = Rules()
_EDGE = float(np.log1p(_RULES.min_effect))


@dataclass(frozen=True, slots=True)
class Adaptive:
    """What many adaptive runs came to: a row per experiment, a column per compared cell."""

    low: Floats
    high: Floats
    """Ends of the interval of the log ratio where the comparison stopped."""
    above: Floats
    below: Floats
    """P-values of "beyond the region of indifference", on either side, of that look alone."""
    blocks: Ints
    processes: Ints
    """Of each whole run, the baseline's too."""
    plan: AdaptivePlan

    def covered(self, truth: Floats) -> Bools:
        """Whether the intervals hold the true log ratios."""
        return np.asarray((self.low <= truth) & (truth <= self.high))

    def differs(self) -> Bools:
        """Verdicts `faster` or `slower`, as `harness compare` reaches them: allowing for all looks, corrected for all cells of the run."""
        p_values = np.minimum(self.above, self.below)
        # Only p-values that may lead to a verdict are worth the exact correction.
        worth = np.ones_like(p_values)
        small = p_values <= _RULES.alpha
        worth[small] = [repeated_p(float(p), self.plan.min_blocks, self.plan.max_blocks) for p in p_values[small]]
        beyond = np.where(self.above <= self.below, self.low > _EDGE, self.high < -_EDGE)
        return np.asarray((holm_many(worth) <= _RULES.alpha) & beyond)


def run_adaptively(
    latencies: Floats,
    plan: AdaptivePlan,
    *,
    level: float = LOOK_LEVEL,
    slack: float = 0.0,
    before: Before | None = None,
) -> Adaptive:
    """Stop each comparison when its ratio is known, all of them when a limit is reached.

    Args:
        latencies: logarithms by experiment, cell and block; the first cell is the baseline. A process takes as many seconds as its latency
            counts.
        plan: when to stop.
        level: of the intervals.
        slack: logarithm of the resolution of a ratio.
        before: of two cells, what ran before, by experiment and block.
    """
    experiments, cells, most = latencies.shape
    shape = (experiments, cells - 1)
    low, high, above, below = np.zeros((4, *shape))
    blocks, running = np.zeros(shape, dtype=np.int_), np.ones(shape, dtype=np.bool_)
    spent = np.exp(latencies[:, :, : plan.min_blocks - 1]).sum(axis=(1, 2))
    processes = np.full(experiments, cells * (plan.min_blocks - 1))
    look_alpha(_RULES.alpha / (cells - 1), plan.min_blocks, plan.max_blocks)
    for n in range(plan.min_blocks, most + 1):
        ran = np.concatenate([running.any(axis=1, keepdims=True), running], axis=1)
        if n == plan.min_blocks:
            ran[:] = True
        spent += (np.exp(latencies[:, :, n - 1]) * ran).sum(axis=1)
        processes += ran.sum(axis=1)
        late = spent >= (plan.device_s if plan.device_s is not None else np.inf)
        rows, columns = np.nonzero(running)
        base, head = latencies[rows, 0, :n], latencies[rows, columns + 1, :n]
        ran_before = Before(before.apart[rows, :n], before.after_head[rows, :n]) if before is not None else None
        differences, keep = head - base, kept_blocks(base, head, ran_before)
        rule = partial(settled, blocks=n, plan=plan, cells=cells - 1, slack=slack)
        known = by_kept(differences, keep, rule)
        ends = (known > 0) | late[rows] | (n == most)
        where = (rows[ends], columns[ends])
        if ends.any():
            ends_of = intervals(differences[ends], keep[ends], level)
            low[where], high[where] = ends_of[0] - slack, ends_of[1] + slack
            above[where] = by_kept(differences[ends], keep[ends], lambda kept: kept_p(kept, _EDGE + slack))
            below[where] = by_kept(differences[ends], keep[ends], lambda kept: kept_p(-kept, _EDGE + slack))
        blocks[where] = n
        running[where] = False
        if not running.any():
            break
    return Adaptive(low, high, above, below, blocks, processes, plan)


def experiment(
    scenario: Scenario,
    plan: AdaptivePlan,
    effects: Sequence[float],
    *,
    experiments: int,
    seed: int,
    level: float = LOOK_LEVEL,
) -> tuple[Adaptive, Floats]:
    """Adaptive runs of one cell per effect beside the baseline, and the true log ratios."""
    rng = np.random.default_rng(seed)
    latencies = simulate_cells(rng, scenario, experiments=experiments, blocks=plan.max_blocks, effects=(0.0, *effects))
    slack = 2 * float(np.log1p(scenario.step / 2))
    return run_adaptively(latencies, plan, level=level, slack=slack), np.log1p(np.asarray(effects))
