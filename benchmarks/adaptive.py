"""Adaptive runs as the schedule makes them, on synthetic latencies: several cells against one baseline, each until its ratio is known.

The same rules as `harness.analysis.stopping`, for many experiments at once; a test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.latency_model import Floats, Scenario, simulate_cells
from benchmarks.procedures import EDGE, RULES, Bools
from harness.analysis.ratio_interval import LEVEL, Estimate, paired, paired_many, pooled
from harness.analysis.sequential import Looks, repeated_p
from harness.analysis.verdict import benjamini_hochberg
from harness.records.adaptive_decisions import AdaptivePlan

Ints = npt.NDArray[np.int_]


@dataclass(frozen=True, slots=True)
class Adaptive:
    """What many adaptive runs came to: a row per experiment, a column per compared cell."""

    low: Floats
    high: Floats
    """Ends of the interval of the log ratio."""
    p_value: Floats
    blocks: Ints
    processes: Ints
    """Of each whole run, the baseline's too."""

    def covered(self, truth: Floats) -> Bools:
        """Whether the intervals hold the true log ratios."""
        return (self.low <= truth) & (truth <= self.high)

    def differs(self) -> Bools:
        """Verdicts `faster` or `slower`, as `harness compare` reaches them: corrected for all cells of the run."""
        q_value = np.asarray([benjamini_hochberg(list(row)) for row in self.p_value])
        return (q_value <= RULES.alpha) & ((self.low > EDGE) | (self.high < -EDGE))


def run_adaptively(latencies: Floats, plan: AdaptivePlan, *, controlled: bool) -> Adaptive:
    """Stop each comparison when its interval is narrow, all of them when a limit is reached.

    Args:
        latencies: logarithms by experiment, cell and block; the first cell is the baseline. A process takes as many seconds as its latency
            counts.
        plan: when to stop.
        controlled: False takes each look for the only one, as a careless harness would.
    """
    experiments, cells, most = latencies.shape
    log_ratios = latencies[:, 1:] - latencies[:, :1]
    level = Looks((plan,)).level if controlled else LEVEL
    shape = (experiments, cells - 1)
    low, high, p_value = np.zeros((3, *shape))
    blocks, running = np.zeros(shape, dtype=np.int_), np.ones(shape, dtype=np.bool_)
    spent = np.exp(latencies[:, :, : plan.min_blocks - 1]).sum(axis=(1, 2))
    processes = np.full(experiments, cells * (plan.min_blocks - 1))
    for n in range(plan.min_blocks, most + 1):
        ran = np.concatenate([running.any(axis=1, keepdims=True), running], axis=1)
        if n == plan.min_blocks:
            ran[:] = True
        spent += (np.exp(latencies[:, :, n - 1]) * ran).sum(axis=1)
        processes += ran.sum(axis=1)
        late = spent >= (plan.device_s if plan.device_s is not None else np.inf)
        found = paired_many(log_ratios[running, :n], level=level)
        ends = (np.expm1(found.high - found.low) <= plan.until) | late[:, None].repeat(cells - 1, axis=1)[running]
        ends |= n == most
        where = tuple(axis[ends] for axis in np.nonzero(running))
        low[where], high[where], p_value[where] = found.low[ends], found.high[ends], found.p_value[ends]
        blocks[where] = n
        running[where] = False
        if not running.any():
            break
    if controlled:
        worth = [repeated_p(float(p), plan.min_blocks, plan.max_blocks) for p in p_value.ravel()]
        p_value = np.asarray(worth).reshape(shape)
    return Adaptive(low, high, p_value, blocks, processes)


def experiment(
    scenario: Scenario,
    plan: AdaptivePlan,
    effects: Sequence[float],
    *,
    experiments: int,
    seed: int,
    controlled: bool = True,
) -> tuple[Adaptive, Floats]:
    """Adaptive runs of one cell per effect beside the baseline, and the true log ratios."""
    rng = np.random.default_rng(seed)
    latencies = simulate_cells(rng, scenario, experiments=experiments, blocks=plan.max_blocks, effects=(0.0, *effects))
    return run_adaptively(latencies, plan, controlled=controlled), np.log1p(np.asarray(effects))


def pooled_coverage(
    scenario: Scenario, plan: AdaptivePlan, devices: int, *, experiments: int, seed: int, controlled: bool
) -> float:
    """How often the interval of all devices together holds the truth, where each device stopped by itself."""
    rng = np.random.default_rng(seed)
    looks = Looks((plan,))
    level = looks.level if controlled else LEVEL
    estimates: list[list[Estimate]] = [[] for _ in range(experiments)]
    for _ in range(devices):
        latencies = simulate_cells(rng, scenario, experiments=experiments, blocks=plan.max_blocks, effects=(0.0, 0.0))
        log_ratios = latencies[:, 1] - latencies[:, 0]
        stopped = run_adaptively(latencies, plan, controlled=controlled).blocks[:, 0]
        for row, blocks, mine in zip(log_ratios, stopped, estimates, strict=True):
            mine.append(paired(list(row[:blocks]), level=level))
    found = [pooled(mine, level=level) for mine in estimates]
    return float(np.mean([(one.ci_low or 0) <= 1 <= (one.ci_high or 0) for one in found]))
