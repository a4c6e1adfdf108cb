"""Compares a cell with itself (A/A) to measure how often its verdicts are wrong and the smallest change they find. Pure.

Processes of neighbouring blocks form pairs; a coin decides which is called base. Nothing differs, so every `faster` or `slower` is false.
The smallest detectable change is the one that nine of ten experiments find when it is added to such differences.

This cannot see drift slower than two blocks, which both of a pair share (as in a real interleaved comparison), nor how runs of different
days differ.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.analysis.ranks import Floats
from harness.analysis.ratio_interval import MIN_BLOCKS, paired_many
from harness.analysis.verdict import Rules

EXPERIMENTS = 2000
POWER = 0.9
"""Share of the experiments that must find a change for it to count as detectable."""
LARGEST_CHANGE = 10.0
"""Largest relative change looked for: a factor of eleven."""

_SEED = 20_260_102


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The calibration of one cell."""

    blocks: int
    """Number of its processes."""
    pairs: int
    """Pairs of neighbouring blocks: the size of the A/A experiments."""
    experiments: int
    false_positive_rate: float
    """Share of the A/A experiments with the verdict `faster` or `slower`."""
    same_rate: float
    """Share with the verdict `same`."""
    spread: float
    """Relative standard deviation of a process, from the differences of neighbours. Outliers do not widen it."""
    detectable: tuple[tuple[int, float | None], ...]
    """Pairs of a number of processes a side and the smallest relative slowdown that so many detect, or None."""


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
    pairs = len(values) // 2
    if pairs < MIN_BLOCKS:
        return None
    rng = np.random.default_rng(_SEED)
    neighbours = np.diff(values)
    # Neighbours pair from the first block on, or from the second.
    starts = [neighbours[0::2][:pairs], neighbours[1::2][:pairs]]
    chosen = np.stack([one for one in starts if len(one) == pairs])
    signs = rng.choice((-1.0, 1.0), size=(EXPERIMENTS, pairs))
    experiments = chosen[rng.integers(len(chosen), size=EXPERIMENTS)] * signs
    differs, same = _verdicts(experiments, rules)
    return Calibration(
        blocks=len(values),
        pairs=pairs,
        experiments=EXPERIMENTS,
        false_positive_rate=float(differs.mean()),
        same_rate=float(same.mean()),
        # 68 % of a normal distribution lie within one standard deviation; a difference holds the noise of two processes.
        spread=float(np.quantile(np.abs(neighbours), 0.6827)) / math.sqrt(2),
        detectable=tuple((count, _detectable(neighbours, count, rules, rng)) for count in processes),
    )


def _verdicts(log_ratios: Floats, rules: Rules) -> tuple[np.ndarray[tuple[int], np.dtype[np.bool_]], ...]:
    found = paired_many(log_ratios)
    edge = math.log1p(rules.min_effect)
    sure = found.p_value <= rules.alpha
    return sure & ((found.low > edge) | (found.high < -edge)), (found.low >= -edge) & (found.high <= edge)


def _detectable(neighbours: Floats, count: int, rules: Rules, rng: np.random.Generator) -> float | None:
    if count < MIN_BLOCKS:
        return None
    shape = (EXPERIMENTS // 2, count)
    noise = rng.choice(neighbours, size=shape) * rng.choice((-1.0, 1.0), size=shape)

    def found(change: float) -> bool:
        differs, _ = _verdicts(noise + math.log1p(change), rules)
        return float(differs.mean()) >= POWER

    low, high = rules.min_effect, LARGEST_CHANGE
    if not found(high):
        return None
    while high / low > 1.02:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if found(middle) else (middle, high)
    return high
