"""Ways to decide whether head differs from base: the harness's own, and what people do otherwise. On synthetic latencies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from benchmarks.latency_model import Floats, Scenario, inferences, simulate
from benchmarks.tables import judge_paired
from harness.analysis.samples import LEVEL
from harness.analysis.verdict import Rules

Bools = npt.NDArray[np.bool_]

RULES = Rules()
INFERENCES = 50
"""Timed inferences of the one process that is still the usual way to benchmark."""
BENCHSTAT_ALPHA = 0.05
"""The level at which `benchstat` (golang.org/x/perf) prints a change by default, for every row by itself."""


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
    """The harness within one run."""
    base, head = simulate(rng, scenario, experiments=experiments, processes=processes, effect=effect)
    judged = judge_paired(base[:, None], head[:, None], RULES, slack=2 * float(np.log1p(scenario.step / 2)))
    return Outcome(judged.differs[:, 0], judged.covered(float(np.log1p(effect)))[:, 0])


def one_process(
    rng: np.random.Generator, scenario: Scenario, experiments: int, processes: int, effect: float
) -> Outcome:
    """One process a side, its inferences taken for independent samples, Welch's t-test at the same level. `processes` is ignored."""
    del processes
    base, head = inferences(rng, scenario, experiments=experiments, count=INFERENCES, effect=effect)
    return _welch(base, head, effect)


def welch(rng: np.random.Generator, scenario: Scenario, experiments: int, processes: int, effect: float) -> Outcome:
    """Interleaved, but Welch's t-test on the process averages, which knows of no blocks and no outliers, at the same level."""
    base, head = simulate(rng, scenario, experiments=experiments, processes=processes, effect=effect)
    return _welch(base, head, effect)


def mann_whitney(
    rng: np.random.Generator, scenario: Scenario, experiments: int, processes: int, effect: float
) -> Outcome:
    """Interleaved, but Mann and Whitney's test on the process averages at the same level."""
    base, head = simulate(rng, scenario, experiments=experiments, processes=processes, effect=effect)
    return Outcome(_mann_whitney_p(base, head) <= RULES.alpha, None)


def benchstat(rng: np.random.Generator, scenario: Scenario, experiments: int, processes: int, effect: float) -> Outcome:
    """All of base, then all of head, and benchstat's rule: Mann and Whitney's test at 5 %, no least effect."""
    base, head = simulate(
        rng, scenario, experiments=experiments, processes=processes, effect=effect, order="one after the other"
    )
    return Outcome(_mann_whitney_p(base, head) < BENCHSTAT_ALPHA, None)


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
    "one process of 50": one_process,
    "Welch": welch,
    "Mann-Whitney": mann_whitney,
    "A..A B..B, Welch": one_after_the_other,
    "A..A B..B, benchstat": benchstat,
}


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


def _mann_whitney_p(base: Floats, head: Floats) -> Floats:
    return np.asarray(stats.mannwhitneyu(base, head, axis=-1, method="auto").pvalue, dtype=np.float64)


def _welch(base: Floats, head: Floats, effect: float) -> Outcome:
    n = base.shape[-1]
    mean = head.mean(axis=-1) - base.mean(axis=-1)
    part_b, part_h = base.var(axis=-1, ddof=1) / n, head.var(axis=-1, ddof=1) / n
    error = np.sqrt(part_b + part_h)
    with np.errstate(invalid="ignore", divide="ignore"):  # quantised values may not vary at all
        freedom = error**4 / ((part_b**2 + part_h**2) / (n - 1))
        p_value = 2 * special.stdtr(freedom, -np.abs(mean) / error)
    half = special.stdtrit(freedom, 0.5 + LEVEL / 2) * error
    truth = np.log1p(effect)
    return Outcome(p_value <= RULES.alpha, (mean - half <= truth) & (truth <= mean + half))
