"""Limits of a verdict that hold whatever the numbers look like. Pure."""

from __future__ import annotations

from dataclasses import replace

from harness.analysis.verdict import Judgement, Verdict

SEPARATE = "separate runs without a control"
NO_TURNS = "cells that did not take turns"
"""Comparisons that are suspected at most: whatever moved between the two sides looks like a difference."""


def only_suspected(judgement: Judgement, what: str) -> Judgement:
    """Reduce a verdict to a suspicion: nothing in two sides measured at different times says how far apart they started.

    Args:
        judgement: the judgement if nothing but chance lay between the sides.
        what: `SEPARATE` or `NO_TURNS`.
    """
    if judgement.verdict in (Verdict.FASTER, Verdict.SLOWER):
        return replace(judgement, verdict=Verdict.SUSPECTED)
    # More processes say nothing of how far apart the sides started.
    if judgement.looks_same:
        reasons = (f"{what} cannot show that nothing changed",)
        return replace(judgement, verdict=Verdict.INCONCLUSIVE, reasons=reasons, same_so_far=False, more_processes=None)
    return judgement if judgement.more_processes is None else replace(judgement, more_processes=None)


def without_good_news(judgement: Judgement) -> Judgement:
    """Withhold `same` and `faster` if some values are no positive numbers: these processes have no ratio."""
    if judgement.verdict is not Verdict.FASTER and not judgement.looks_same:
        return judgement
    reasons = ("not every value is a positive number",)
    return replace(judgement, verdict=Verdict.INCONCLUSIVE, reasons=reasons, same_so_far=False)
