"""How often comparisons of such a cell are wrong, and what they can find, by comparing the cell with itself (A/A). Pure.

Processes of neighbouring blocks are set against each other, with a coin deciding which is called base: nothing differs, so every
`faster` or `slower` is false. The smallest detectable change is the one that, put on top of such differences, is found in nine of ten.

What this cannot see: drift slower than two blocks is common to both of a pair, as it is in a real interleaved comparison; and no
splitting of one run shows how runs of different days differ.
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
"""Share of the experiments in which a change must be found to count as detectable."""
LARGEST_CHANGE = 10.0
"""Changes beyond a factor of eleven are not looked for."""

_SEED = 20_260_102


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What was found for one cell."""

    blocks: int
    """Processes of the cell that went into it."""
    pairs: int
    """Pairs of neighbouring blocks: the size of the A/A experiments."""
    experiments: int
    false_positive_rate: float
    """Share of the A/A experiments with the verdict `faster` or `slower`."""
    same_rate: float
    """Share with the verdict `same`."""
    spread: float
    """Standard deviation of a process, relative, from the differences of neighbours. Outliers do not widen it."""
    detectable: tuple[tuple[int, float | None], ...]
    """Number of processes a side, and the smallest relative slowdown that so many detect; None where none does."""


def calibrate(
    log_values: Sequence[float], *, processes: Sequence[int], rules: Rules | None = None
) -> Calibration | None:
    """Calibrate on the processes of one cell, in the order of their blocks.

    Args:
        log_values: natural logarithms of the metric, one per block.
        processes: numbers of processes a side to find the smallest detectable change for.
        rules: how verdicts are reached.

    Returns:
        None with fewer than twice `MIN_BLOCKS` processes.
    """
    rules = rules or Rules()
    values = np.asarray(log_values, dtype=np.float64)
    pairs = len(values) // 2
    if pairs < MIN_BLOCKS:
        return None
    rng = np.random.default_rng(_SEED)
    neighbours = np.diff(values)
    # Two ways to divide into neighbouring pairs: from the first block on, or from the second.
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
