"""Turns estimates into verdicts. Pure.

`slower` and `faster` need the whole interval beyond the region of indifference and a p-value of at most `alpha` after Benjamini and
Hochberg's correction over all cells of the table. `same` needs the whole interval within the region. Everything else is `inconclusive`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from scipy import special

from harness.analysis.ratio_interval import MIN_BLOCKS, Estimate


class Verdict(StrEnum):
    """The verdict on head against base. Less is better for every metric, so `slower` also means more memory."""

    FASTER = "faster"
    SLOWER = "slower"
    SAME = "same"
    SUSPECTED = "suspected"
    """Would be faster or slower if the two runs were one. They were not, and nothing in them shows how far apart they started."""
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How verdicts are reached. `min_effect` and `gate` are fractions: 0.01 is 1 %."""

    min_effect: float = 0.01
    """The region of indifference reaches from 1 / (1 + min_effect) to 1 + min_effect."""
    alpha: float = 0.01
    """Tolerated share of false `faster` and `slower` among all of them, and in a table where nothing differs."""
    gate: float | None = None
    """Slowdown that breaks the gate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdict on an estimate, and the reasons for it."""

    verdict: Verdict
    q_value: float | None = None
    """The p-value after correction for all cells of the table."""
    gate_broken: bool = False
    more_processes: int | None = None
    """Number of further processes a side that would probably decide; None if it is decided, or no affordable number would."""
    reasons: tuple[str, ...] = ()


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values, in the order given (Benjamini and Hochberg, Journal of the Royal Statistical Society B 57, 1995).

    If you accept those up to `alpha`, the expected share of false discoveries among all discoveries is at most `alpha`.
    """
    count = len(p_values)
    adjusted = [1.0] * count
    least = 1.0
    for rank, index in sorted(enumerate(sorted(range(count), key=lambda i: p_values[i]), 1), reverse=True):
        least = min(least, p_values[index] * count / rank)
        adjusted[index] = least
    return adjusted


def judge(estimates: Sequence[Estimate], rules: Rules) -> list[Judgement]:
    """Judge a whole table at once, because the correction depends on the number of cells.

    Estimates with too few processes do not count for the correction: they never get a verdict.
    """
    taking_part = [i for i, one in enumerate(estimates) if one.n >= MIN_BLOCKS and one.p_value is not None]
    corrected = benjamini_hochberg([estimates[i].p_value or 0.0 for i in taking_part])
    q_values = dict(zip(taking_part, corrected, strict=True))
    return [_judge(one, q_values.get(i), rules) for i, one in enumerate(estimates)]


def _judge(estimate: Estimate, q_value: float | None, rules: Rules) -> Judgement:
    low, high = estimate.ci_low, estimate.ci_high
    if q_value is None or low is None or high is None or estimate.ratio is None:
        reason = f"{estimate.n} processes a side, a verdict needs at least {MIN_BLOCKS}"
        more = more_processes(estimate, rules) or (MIN_BLOCKS - estimate.n if estimate.n < MIN_BLOCKS else None)
        return Judgement(verdict=Verdict.INCONCLUSIVE, more_processes=more, reasons=(reason,))
    edge = 1 + rules.min_effect
    sure = q_value <= rules.alpha
    gate_broken = rules.gate is not None and sure and low > 1 + rules.gate
    more = None
    if sure and low > edge:
        verdict = Verdict.SLOWER
    elif sure and high < 1 / edge:
        verdict = Verdict.FASTER
    elif low >= 1 / edge and high <= edge:
        verdict = Verdict.SAME
    else:
        verdict, more = Verdict.INCONCLUSIVE, more_processes(estimate, rules)
    return Judgement(verdict=verdict, q_value=q_value, gate_broken=gate_broken, more_processes=more)


def more_processes(estimate: Estimate, rules: Rules, *, limit: int = 500) -> int | None:
    """Forecast how many more processes a side would decide if estimate and spread stayed as they are, which they will not quite do.

    None if it takes more than `limit`, as for a ratio on the edge of the region of indifference.
    """
    if estimate.ratio is None or estimate.ci_low is None or estimate.ci_high is None or estimate.n < 2:
        return None
    edge = math.log1p(rules.min_effect)
    shift = abs(math.log(estimate.ratio))
    n = estimate.n
    sides = 1 if estimate.design == "paired" else 2
    # More processes do not make a drift between two runs smaller.
    drift = math.log1p(estimate.drift)
    half = (math.log(estimate.ci_high) - math.log(estimate.ci_low)) / 2 - drift
    error = half / _t(sides * (n - 1), 1 - estimate.level)
    for larger in range(max(n + 1, MIN_BLOCKS), n + limit + 1):
        freedom = sides * (larger - 1)
        shrunk = error * math.sqrt(n / larger)
        half = _t(freedom, 1 - estimate.level) * shrunk + drift
        differs = shift - half > edge and shift - drift > _t(freedom, rules.alpha) * shrunk
        if differs or shift + half <= edge:
            return larger - n
    return None


def _t(freedom: int, miss: float) -> float:
    return float(special.stdtrit(freedom, 1 - miss / 2))
