"""What a verdict must not say, whatever the numbers look like. Pure."""

from __future__ import annotations

from dataclasses import replace

from harness.analysis.verdict import Judgement, Verdict


def without_control(judgement: Judgement) -> Judgement:
    """The most that two separate runs without a control can show: a suspicion. Nothing in them says how far apart they started."""
    if judgement.verdict in (Verdict.FASTER, Verdict.SLOWER):
        return replace(judgement, verdict=Verdict.SUSPECTED)
    # More processes say nothing of how far apart the runs started.
    if judgement.looks_same:
        reasons = ("separate runs without a control cannot show that nothing changed",)
        return replace(judgement, verdict=Verdict.INCONCLUSIVE, reasons=reasons, same_so_far=False, more_processes=None)
    return judgement if judgement.more_processes is None else replace(judgement, more_processes=None)


def without_good_news(judgement: Judgement) -> Judgement:
    """The most that can be said where some values are no positive numbers: not `same` or `faster`, as these processes have no ratio."""
    if judgement.verdict is not Verdict.FASTER and not judgement.looks_same:
        return judgement
    reasons = ("not every value is a positive number",)
    return replace(judgement, verdict=Verdict.INCONCLUSIVE, reasons=reasons, same_so_far=False)
