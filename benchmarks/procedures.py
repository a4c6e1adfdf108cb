"""Ways to decide whether head differs from base: the harness' own, and what people do otherwise. On synthetic latencies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from benchmarks.latency_model import Floats, Scenario, inferences, simulate
from harness.analysis.ratio_interval import LEVEL, paired_many, unpaired_many
from harness.analysis.sequential import look_level, repeated_p
from harness.analysis.verdict import Rules

Bools = npt.NDArray[np.bool_]

RULES = Rules()
EDGE = float(np.log1p(RULES.min_effect))
INFERENCES = 50
"""Timed inferences of the one process that is still the usual way to benchmark."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of many experiments: whether a difference was said, and whether the interval holds the truth (None: the way has no interval)."""

    differs: Bools
    covered: Bools | None


Procedure = Callable[[np.random.Generator, Scenario, int, int, float], Outcome]
"""(chance, phone, experiments, processes a side, effect) to what came of it."""


def interleaved_blocks(
    rng: np.random.Generator, scenario: Scenario, experiments: int, processes: int, effect: float
) -> Outcome:
    """The harness within one run: interleaved blocks, paired rank interval, region of indifference."""
    base, head = simulate(rng, scenario, experiments=experiments, processes=processes, effect=effect)
    found = paired_many(head - base)
    return _judged(found.low, found.high, found.p_value, effect)


def separate_runs(
    rng: np.random.Generator, scenario: Scenario, experiments: int, processes: int, effect: float
) -> Outcome:
    """The harness across two runs, each with its own drift: unpaired rank interval, widened by drift, region of indifference."""
    base, _ = simulate(rng, scenario, experiments=experiments, processes=processes)
    _, head = simulate(rng, scenario, experiments=experiments, processes=processes, effect=effect)
    found = unpaired_many(base, head)
    return _judged(found.low, found.high, found.p_value, effect)


def one_process(
    rng: np.random.Generator, scenario: Scenario, experiments: int, processes: int, effect: float
) -> Outcome:
    """One process a side, its inferences taken for independent samples, Welch's t-test at the same level. `processes` is ignored."""
    del processes
    base, head = inferences(rng, scenario, experiments=experiments, count=INFERENCES, effect=effect)
    return _welch(base, head, effect)


def t_test_of_means(
    rng: np.random.Generator, scenario: Scenario, experiments: int, processes: int, effect: float
) -> Outcome:
    """Interleaved, but Welch's t-test on the process averages, which knows of no blocks and no outliers, at the same level."""
    base, head = simulate(rng, scenario, experiments=experiments, processes=processes, effect=effect)
    return _welch(base, head, effect)


def one_after_the_other(
    rng: np.random.Generator, scenario: Scenario, experiments: int, processes: int, effect: float
) -> Outcome:
    """All of base, then all of head, and Welch's t-test on the process averages at the same level."""
    base, head = simulate(
        rng, scenario, experiments=experiments, processes=processes, effect=effect, order="one after the other"
    )
    return _welch(base, head, effect)


PROCEDURES: dict[str, Procedure] = {
    "harness, one run": interleaved_blocks,
    "harness, two runs": separate_runs,
    "one process of 50": one_process,
    "t-test of means": t_test_of_means,
    "A..A B..B, t-test": one_after_the_other,
}


@dataclass(frozen=True, slots=True)
class Peeking:
    """Of many experiments that looked again and again: a verdict at any look, all intervals right, and how long they ran."""

    differs: Bools
    covered: Bools
    blocks: npt.NDArray[np.int_]


def peek(
    log_ratios: Floats,
    *,
    min_blocks: int,
    until: float,
    effect: float,
    controlled: bool,
    stop_when_decided: bool = False,
) -> Peeking:
    """Look again and again, and stop when the interval is narrow or at a verdict. Not `controlled`: each look as if it were the only."""
    experiments, max_blocks = log_ratios.shape
    level = look_level(min_blocks, max_blocks) if controlled else LEVEL
    alpha = _look_alpha(min_blocks, max_blocks) if controlled else RULES.alpha
    differs = np.zeros(experiments, dtype=np.bool_)
    covered = np.ones(experiments, dtype=np.bool_)
    blocks = np.zeros(experiments, dtype=np.int_)
    running = np.ones(experiments, dtype=np.bool_)
    truth = np.log1p(effect)
    for n in range(min_blocks, max_blocks + 1):
        found = paired_many(log_ratios[:, :n], level=level)
        said = (found.p_value <= alpha) & ((found.low > EDGE) | (found.high < -EDGE))
        same = (found.low >= -EDGE) & (found.high <= EDGE)
        stops = np.expm1(found.high - found.low) <= until
        if stop_when_decided:
            stops |= said | same
        ends = running & (stops | (n == max_blocks))
        differs |= ends & said
        covered &= ~ends | ((found.low <= truth) & (truth <= found.high))
        blocks[ends] = n
        running &= ~ends
    return Peeking(differs, covered, blocks)


@cache
def _look_alpha(min_blocks: int, max_blocks: int) -> float:
    """The largest p-value of a look that is still at most `alpha` once all looks are allowed for."""
    low, high = 0.0, RULES.alpha
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if repeated_p(middle, min_blocks, max_blocks) <= RULES.alpha else (low, middle)
    return low


def bca(log_ratios: Floats, *, resamples: int = 999) -> tuple[Floats, Floats]:
    """Efron's BCa bootstrap interval of the mean, from SciPy: what was considered and undercovers with few blocks."""
    lows, highs = [], []
    for row in log_ratios:
        found = stats.bootstrap((row,), np.mean, n_resamples=resamples, method="BCa", rng=np.random.default_rng(1))
        lows.append(found.confidence_interval.low)
        highs.append(found.confidence_interval.high)
    return np.asarray(lows), np.asarray(highs)


def student(log_ratios: Floats) -> tuple[Floats, Floats]:
    """Student's interval of the mean."""
    n = log_ratios.shape[-1]
    mean = log_ratios.mean(axis=-1)
    half = special.stdtrit(n - 1, 0.5 + LEVEL / 2) * log_ratios.std(axis=-1, ddof=1) / np.sqrt(n)
    return mean - half, mean + half


def trimmed(log_ratios: Floats) -> tuple[Floats, Floats]:
    """Tukey and McLaughlin's interval of the mean without the tenth at each end (at least one)."""
    n = log_ratios.shape[-1]
    cut = max(1, n // 10)
    ordered = np.sort(log_ratios, axis=-1)
    kept = n - 2 * cut
    mean = ordered[..., cut : n - cut].mean(axis=-1)
    winsorised = np.clip(ordered, ordered[..., [cut]], ordered[..., [n - 1 - cut]])
    error = winsorised.std(axis=-1, ddof=1) / ((1 - 2 * cut / n) * np.sqrt(n))
    half = special.stdtrit(kept - 1, 0.5 + LEVEL / 2) * error
    return mean - half, mean + half


def _judged(low: Floats, high: Floats, p_value: Floats, effect: float) -> Outcome:
    truth = np.log1p(effect)
    differs = (p_value <= RULES.alpha) & ((low > EDGE) | (high < -EDGE))
    return Outcome(differs, (low <= truth) & (truth <= high))


def _welch(base: Floats, head: Floats, effect: float) -> Outcome:
    n = base.shape[-1]
    mean = head.mean(axis=-1) - base.mean(axis=-1)
    part_b, part_h = base.var(axis=-1, ddof=1) / n, head.var(axis=-1, ddof=1) / n
    error = np.sqrt(part_b + part_h)
    freedom = error**4 / ((part_b**2 + part_h**2) / (n - 1))
    half = special.stdtrit(freedom, 0.5 + LEVEL / 2) * error
    truth = np.log1p(effect)
    p_value = 2 * special.stdtr(freedom, -np.abs(mean) / error)
    return Outcome(p_value <= RULES.alpha, (mean - half <= truth) & (truth <= mean + half))
