"""From an estimate to a verdict, one cell or many. Pure.

`slower` or `faster` needs both: the whole interval beyond the region of indifference, and a p-value that stays below `alpha` after
Benjamini and Hochberg's correction over all cells of the table. `same` needs the whole interval within the region. Everything else
is `inconclusive`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from scipy import special

from harness.analysis.ratio_interval import MIN_BLOCKS, Estimate


class Verdict(StrEnum):
    """Of head against base. A larger value is the worse one for every metric here, so `slower` is also said of more memory."""

    FASTER = "faster"
    SLOWER = "slower"
    SAME = "same"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How verdicts are reached. `min_effect` and `gate` are fractions: 0.01 is 1 %."""

    min_effect: float = 0.01
    """Half of the region of indifference, which reaches from 1 / (1 + min_effect) to 1 + min_effect."""
    alpha: float = 0.01
    """Share of false `faster` and `slower` that is tolerated, in a table where nothing differs and among all that are said."""
    gate: float | None = None
    """Slowdown that breaks the gate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdict on an estimate, and what led to it."""

    verdict: Verdict
    q_value: float | None
    """The p-value after correction for all cells of the table."""
    gate_broken: bool
    more_processes: int | None
    """How many more processes of each side would probably decide; None where it is decided, or no affordable number would."""
    reasons: tuple[str, ...] = ()


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values in the order given (Benjamini and Hochberg, Journal of the Royal Statistical Society B 57, 1995).

    Holding them against `alpha` keeps the expected share of false discoveries among all discoveries at or below it.
    """
    count = len(p_values)
    adjusted = [1.0] * count
    least = 1.0
    for rank, index in sorted(enumerate(sorted(range(count), key=lambda i: p_values[i]), 1), reverse=True):
        least = min(least, p_values[index] * count / rank)
        adjusted[index] = least
    return adjusted


def judge(estimates: Sequence[Estimate], rules: Rules) -> list[Judgement]:
    """Judge a whole table at once: the correction needs to know how many cells there are.

    Estimates with too few processes take no part in the correction: they can have no verdict anyway.
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
        return _judgement(Verdict.INCONCLUSIVE, None, False, more, (reason,))
    edge = 1 + rules.min_effect
    sure = q_value <= rules.alpha
    gate_broken = rules.gate is not None and sure and low > 1 + rules.gate
    if sure and low > edge:
        return _judgement(Verdict.SLOWER, q_value, gate_broken, None)
    if sure and high < 1 / edge:
        return _judgement(Verdict.FASTER, q_value, gate_broken, None)
    if low >= 1 / edge and high <= edge:
        return _judgement(Verdict.SAME, q_value, gate_broken, None)
    return _judgement(Verdict.INCONCLUSIVE, q_value, gate_broken, more_processes(estimate, rules))


def more_processes(estimate: Estimate, rules: Rules, *, limit: int = 500) -> int | None:
    """How many more processes of each side would decide, if the estimate and the spread stayed as they are.

    A forecast, not a promise: the estimate will move. None where more than `limit` would be needed, as it is where the ratio
    lies on the edge of the region of indifference.
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


def _judgement(
    verdict: Verdict, q_value: float | None, gate_broken: bool, more: int | None, reasons: tuple[str, ...] = ()
) -> Judgement:
    return Judgement(verdict=verdict, q_value=q_value, gate_broken=gate_broken, more_processes=more, reasons=reasons)
