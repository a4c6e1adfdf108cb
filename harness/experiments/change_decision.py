"""Decides whether an experiment confirms a suspected change. Pure.

    confirmed   the new side is surely slower than the old one, beyond what counts as the same (`MIN_EFFECT`)
    refuted     both are the same, or the new side is surely faster; or it is not surely slower, and its interval ends below the suspicion
    undecided   anything else: the verdict of the change stays unchanged

The suspected size is the lower end of the change's own interval: among many series, chance picks those that exaggerate. For an
improvement, swap slower and faster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.analysis.comparison import Comparison
from harness.analysis.verdict import Verdict
from harness.records.history import Change

MIN_EFFECT = 0.01
"""Smaller differences count as the same, as in `harness compare`."""

Answer = Literal["confirmed", "refuted", "undecided"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeDecision:
    """The answer of an experiment, with the ratio of new over old if it gave one."""

    answer: Answer
    reason: str
    """A sentence without a full stop."""
    ratio: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None


def least_suspected(change: Change) -> float:
    """Return the smallest ratio that the suspicion includes, as a factor above 1."""
    least = change.ci_low if change.worse else 1 / max(change.ci_high, 1e-9)
    return max(1 + MIN_EFFECT, least)


def decide(change: Change, found: Comparison) -> ChangeDecision:
    """Decide whether an experiment confirms a change.

    Args:
        change: the suspected change.
        found: the new side against the old one, in one interleaved run.
    """
    estimate = found.estimate
    ratio, low, high = estimate.ratio, estimate.ci_low, estimate.ci_high
    if found.state != "measured" or ratio is None or low is None or high is None:
        return ChangeDecision(answer="undecided", reason="too few processes gave a number on both sides", ratio=ratio)
    answer, reason = _answer(change, found.verdict, low, high)
    return ChangeDecision(answer=answer, reason=reason, ratio=ratio, ci_low=low, ci_high=high)


def _answer(change: Change, verdict: Verdict | None, low: float, high: float) -> tuple[Answer, str]:
    as_suspected, opposite = (Verdict.SLOWER, Verdict.FASTER) if change.worse else (Verdict.FASTER, Verdict.SLOWER)
    # For an improvement, invert the interval, so that above 1 means as suspected.
    near, far = (low, high) if change.worse else (1 / high, 1 / max(low, 1e-9))
    if verdict is as_suspected:
        smaller = ", though by less than was suspected" if far < least_suspected(change) else ""
        return "confirmed", f"the new side is {as_suspected} than the old one in one interleaved run{smaller}"
    if verdict is opposite:
        return "refuted", f"the new side is {opposite} than the old one in one interleaved run"
    if verdict is Verdict.SAME:
        return "refuted", "both sides are the same in one interleaved run"
    if near <= 1 and far < least_suspected(change):
        reason = f"in one interleaved run the new side is not surely {as_suspected}, and its interval ends short of the suspected change"
        return "refuted", reason
    return "undecided", "one interleaved run neither confirms nor refutes the suspected change"
