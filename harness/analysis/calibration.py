"""Finds the smallest change that comparisons of a cell detect, from the differences between its own processes (A/A). Pure.

Processes of neighbouring blocks form pairs. The smallest detectable change is the one that nine of ten experiments find when it is added to
such differences.

Drift slower than two blocks does not show, because both processes of a pair share it, as in a real interleaved comparison. Nor does it
show how runs of different days differ, so it says nothing about comparisons of separate runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.analysis.one_sided import paired_p
from harness.analysis.ranks import Floats
from harness.analysis.samples import MIN_BLOCKS
from harness.analysis.verdict import Rules

EXPERIMENTS = 2000
POWER = 0.9
"""Share of the experiments that must find a change for it to count as detectable."""
LARGEST_CHANGE = 10.0
"""Largest relative change looked for: a factor of eleven."""

_SEED = 20_260_102


@dataclass(frozen=True, slots=True, kw_only=True)
class Detectable:
    """The smallest relative slowdown that `processes` processes a side find in nine of ten experiments.

    `low` and `high` are the ends of its 95 % interval: the spread is itself known from a few processes only. All are None if no change up
    to a factor of eleven is found so often.
    """

    processes: int
    change: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The calibration of one cell."""

    blocks: int
    """Number of its processes."""
    spread: float
    """Relative standard deviation of a process, from the differences of neighbours. Outliers do not widen it."""
    detectable: tuple[Detectable, ...]


def calibrate(
    log_values: Sequence[float], *, processes: Sequence[int], rules: Rules | None = None
) -> Calibration | None:
    """Calibrate on the processes of one cell; return None for fewer than twice `MIN_BLOCKS` of them.

    Args:
        log_values: natural logarithms of the metric, one per block, in the order of the blocks.
        processes: numbers of processes a side to find the smallest detectable change for.
        rules: how verdicts are reached.
    """
    rules = rules or Rules()
    values = np.asarray(log_values, dtype=np.float64)
    if len(values) < 2 * MIN_BLOCKS:
        return None
    rng = np.random.default_rng(_SEED)
    neighbours = np.diff(values)
    return Calibration(
        blocks=len(values),
        spread=float(_spread(neighbours)),
        detectable=tuple(_with_interval(neighbours, count, rules, rng) for count in processes),
    )


def _spread(neighbours: Floats) -> Floats:
    # 68 % of a normal distribution lie within one standard deviation; a difference holds the noise of two processes.
    return np.asarray(np.quantile(np.abs(neighbours), 0.6827, axis=-1) / math.sqrt(2), dtype=np.float64)


def _with_interval(neighbours: Floats, count: int, rules: Rules, rng: np.random.Generator) -> Detectable:
    change = _detectable(neighbours, count, rules, rng)
    spread = float(_spread(neighbours))
    if change is None or spread == 0:
        return Detectable(processes=count, change=change, low=change, high=change)
    # The part of the change beyond the region of indifference grows with the spread, whose own uncertainty resampling shows.
    # Each process is in two differences: they hold as much as half as many independent ones.
    resampled = _spread(rng.choice(neighbours, size=(EXPERIMENTS, (len(neighbours) + 1) // 2))) / spread
    low, high = (
        rules.min_effect + (change - rules.min_effect) * float(np.quantile(resampled, share))
        for share in (0.025, 0.975)
    )
    return Detectable(processes=count, change=change, low=min(low, change), high=max(high, change))


def _detectable(neighbours: Floats, count: int, rules: Rules, rng: np.random.Generator) -> float | None:
    if count < MIN_BLOCKS:
        return None
    shape = (EXPERIMENTS // 2, count)
    noise = rng.choice(neighbours, size=shape) * rng.choice((-1.0, 1.0), size=shape)

    def found(change: float) -> bool:
        claimed = paired_p(noise + math.log1p(change), math.log1p(rules.min_effect)) <= rules.alpha
        return float(claimed.mean()) >= POWER

    low, high = rules.min_effect, LARGEST_CHANGE
    if not found(high):
        return None
    while high / low > 1.02:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if found(middle) else (middle, high)
    return high
