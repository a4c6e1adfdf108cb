"""Turns estimates into verdicts. Pure.

The claim that is printed is the claim that is tested. `slower` says that the ratio lies beyond the region of indifference, so its p-value
is that of "the ratio lies at the edge of the region, or below"; likewise `faster`. `same` says that it lies within, is tested against both
edges, and needs `SAME_FROM` processes a side. Holm's correction over all cells of the table makes any wrong verdict rare.
Everything else is `inconclusive`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from harness.analysis.many_samples import ManySamples, alike
from harness.analysis.multiple_claims import holm, selected_level
from harness.analysis.ratio_interval import Estimate
from harness.analysis.required_processes import least_for_same, least_processes, more_processes, same_words
from harness.analysis.samples import MIN_BLOCKS, SAME_FROM, RatioSample
from harness.analysis.sequential import allowing_for


class Verdict(StrEnum):
    """The verdict on head against base. Less is better for every metric, so `slower` also means more memory."""

    FASTER = "faster"
    SLOWER = "slower"
    SAME = "same"
    SUSPECTED = "suspected"
    """Would be faster or slower, but the sides are two runs or did not take turns, and nothing in them shows how far apart they started."""
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How verdicts are reached. `min_effect` and `gate` are fractions: 0.01 is 1 %."""

    min_effect: float = 0.01
    """The region of indifference reaches from 1 / (1 + min_effect) to 1 + min_effect."""
    alpha: float = 0.01
    """Tolerated chance of a wrong `faster` or `slower` anywhere in a table; likewise of a wrong `same`, and of a wrongly broken gate."""
    gate: float | None = None
    """Slowdown that breaks the gate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdict on an estimate, and the reasons for it."""

    verdict: Verdict
    q_value: float | None = None
    """`p_value` corrected for all cells of the table; None if the cell takes no part."""
    gate_broken: bool = False
    more_processes: int | None = None
    """Forecast of how many more processes of each side decide; None if it is decided, or no affordable number would."""
    reasons: tuple[str, ...] = ()
    p_value: float | None = None
    """P-value of the claim that the ratio lies beyond the region of indifference, on the side where it is."""
    least: int | None = None
    """Least number of processes a side that can decide in a table of this size; None where nobody runs so many."""
    cells: int = 0
    """Number of cells that take part in the correction; for a cell that takes no part yet, the number with it."""
    level: float | None = None
    """Level of the interval to show: a cell that its data picked out of many needs a wider one (`multiple_claims`)."""
    same_so_far: bool = False
    """Whether the verdict would be `same` if `same` needed no more processes than the other verdicts."""

    @property
    def least_same(self) -> int | None:
        """Least number of processes a side that can give `same`."""
        return least_for_same(self.least) if self.least is not None else None

    @property
    def looks_same(self) -> bool:
        """Whether the verdict is `same`, or would be if `same` needed no more processes than the other verdicts."""
        return self.verdict is Verdict.SAME or self.same_so_far


def judged(estimate: Estimate, judgement: Judgement) -> Estimate:
    """Return the estimate as it stands beside its verdict: with the p-value of the claim, and the interval at the judgement's level."""
    shown = estimate.at(judgement.level) if judgement.level is not None else estimate
    return replace(shown, p_value=judgement.p_value)


@dataclass(frozen=True, slots=True)
class _Claims:
    """Corrected p-values of all claims on one cell, and whether its ratio lies above 1."""

    p_value: float
    differs: float
    above: bool
    same: float
    """1 with too few processes for that verdict, even if they suggest it."""
    same_so_far: bool
    gate: float | None


@dataclass(frozen=True, slots=True)
class _Shown:
    """An interval and its level."""

    level: float
    ci_low: float | None
    ci_high: float | None


def judge(estimates: Sequence[Estimate], rules: Rules, *, forecast: bool = True) -> list[Judgement]:
    """Judge a whole table at once: the correction depends on the number of cells.

    Estimates with too few processes take no part in the correction: they can have no verdict.

    Args:
        estimates: of the whole table.
        rules: how verdicts are reached.
        forecast: say how many more processes would decide; without it, `more_processes` is None.
    """
    taking_part = [i for i, one in enumerate(estimates) if one.n >= MIN_BLOCKS and one.sample is not None]
    members = [estimates[i] for i in taking_part]
    claims = _claims(members, rules)
    picked = [min(one.differs, one.same) <= rules.alpha for one in claims]
    shown = _shown(members, picked)
    judged_ones = (
        _judge(*one, rules=rules, cells=len(members), forecast=forecast)
        for one in zip(members, claims, shown, strict=True)
    )
    verdicts = dict(zip(taking_part, judged_ones, strict=True))
    # Cells with too few processes would take part if they had more, so the least number allows for every cell with a ratio.
    would = max(1, sum(one.ratio is not None and (one.n < MIN_BLOCKS or one.sample is not None) for one in estimates))
    return [verdicts[i] if i in verdicts else _too_few(one, rules, would, forecast) for i, one in enumerate(estimates)]


def _claims(estimates: Sequence[Estimate], rules: Rules) -> list[_Claims]:
    edge = math.log1p(rules.min_effect)
    samples = ManySamples(_samples(estimates))
    slack = np.array([one.slack for one in estimates])

    def tested(p_values: Iterable[float]) -> list[float]:
        return [allowing_for(one.looks, p) if one.looks else p for one, p in zip(estimates, p_values, strict=True)]

    above, below = tested(samples.p_above(edge + slack)), tested(samples.p_below(-edge - slack))
    directed = [min(up, down) for up, down in zip(above, below, strict=True)]
    narrowed = edge - slack
    within = tested(p if left > 0 else 1.0 for p, left in zip(samples.p_within(narrowed), narrowed, strict=True))
    enough = [one.values >= SAME_FROM for one in estimates]
    # A claim that cannot be made picks no cell, and gets no wider interval.
    same = holm([p if can else 1.0 for p, can in zip(within, enough, strict=True)])
    so_far = [p <= rules.alpha and not can for p, can in zip(holm(within), enough, strict=True)]
    gate: list[float] | list[None] = [None] * len(estimates)
    if rules.gate is not None:
        gates = np.array([_gate_edge(one, rules) for one in estimates])
        gate = holm(tested(samples.p_above(gates + slack)))
    return [
        _Claims(*one)
        for one in zip(directed, holm(directed), map(float.__le__, above, below), same, so_far, gate, strict=True)
    ]


def _samples(estimates: Iterable[Estimate]) -> list[RatioSample]:
    return [one.sample for one in estimates if one.sample is not None]


def _shown(estimates: Sequence[Estimate], picked: Sequence[bool]) -> list[_Shown]:
    """The interval of each as it stands beside the verdict: a wider one for those that were picked out."""
    selected = sum(picked)
    levels = [
        selected_level(one.level, selected, len(picked)) if pick else one.level
        for one, pick in zip(estimates, picked, strict=True)
    ]
    shown = [_Shown(one.level, one.ci_low, one.ci_high) for one in estimates]
    other = [i for i, one in enumerate(estimates) if levels[i] != one.level]
    for level, places in alike(levels[i] for i in other).items():
        moved = [other[place] for place in places]
        intervals = ManySamples(_samples(estimates[i] for i in moved)).intervals(level)
        for i, interval in zip(moved, intervals, strict=True):
            shown[i] = _Shown(level, *estimates[i].ends(*interval))
    return shown


def _gate_edge(estimate: Estimate, rules: Rules) -> float:
    return estimate.gate_edge if estimate.gate_edge is not None else math.log1p(rules.gate or 0.0)


def _too_few(estimate: Estimate, rules: Rules, cells: int, forecast: bool) -> Judgement:
    paired = estimate.design != "unpaired"
    least = least_processes(cells, rules.alpha, paired=paired, looks=estimate.looks)
    edge = math.log1p(rules.min_effect)
    more = more_processes(estimate, edge=edge, alpha=rules.alpha, cells=cells) if forecast else None
    if more is None and least is not None and estimate.n < MIN_BLOCKS and forecast:
        more = least - estimate.n
    return Judgement(
        verdict=Verdict.INCONCLUSIVE,
        more_processes=more,
        reasons=(_needs(estimate.n, least or MIN_BLOCKS, cells),),
        least=least,
        cells=cells,
    )


def _needs(processes: int, least: int, cells: int) -> str:
    where = f" in a table of {cells} cells" if cells > 1 else ""
    return f"{processes} processes a side, a verdict{where} needs at least {least}{same_words(least)}"


def _judge(
    estimate: Estimate, claims: _Claims, shown: _Shown, *, rules: Rules, cells: int, forecast: bool
) -> Judgement:
    edge = math.log1p(rules.min_effect)
    low, high = shown.ci_low or 0.0, shown.ci_high or math.inf
    verdict = Verdict.INCONCLUSIVE
    # The interval beside a verdict never contradicts it.
    if claims.differs <= rules.alpha and claims.above and low > 1 + rules.min_effect:
        verdict = Verdict.SLOWER
    elif claims.differs <= rules.alpha and not claims.above and high < 1 / (1 + rules.min_effect):
        verdict = Verdict.FASTER
    elif claims.same <= rules.alpha and _means_agree(estimate, edge):
        verdict = Verdict.SAME
    gate_broken = claims.gate is not None and claims.gate <= rules.alpha and low > math.exp(_gate_edge(estimate, rules))
    paired = estimate.sample is not None and estimate.sample.paired
    least = least_processes(cells, rules.alpha, paired=paired, looks=estimate.looks)
    reasons: tuple[str, ...] = ()
    more = None
    same_so_far = False
    if verdict is Verdict.INCONCLUSIVE:
        more = more_processes(estimate, edge=edge, alpha=rules.alpha, cells=cells) if forecast else None
        same_so_far = claims.same_so_far and _means_agree(estimate, edge)
        if least is not None and estimate.values < least:
            reasons = (_needs(estimate.values, least, cells),)
        elif same_so_far:
            reasons = (_FEW_FOR_SAME,)
    return Judgement(
        verdict=verdict,
        q_value=claims.differs,
        gate_broken=gate_broken,
        more_processes=more,
        reasons=reasons,
        p_value=claims.p_value,
        least=least,
        cells=cells,
        level=shown.level,
        same_so_far=same_so_far,
    )


_FEW_FOR_SAME = (
    f"`same` needs at least {SAME_FROM} processes a side: with fewer, slow ones that became more frequent may not show"
)


def _means_agree(estimate: Estimate, edge: float) -> bool:
    """Whether the plain averages differ as little as the ranks say. If not, a few slow processes became more frequent."""
    return estimate.mean_ratio is None or abs(math.log(estimate.mean_ratio)) <= edge
