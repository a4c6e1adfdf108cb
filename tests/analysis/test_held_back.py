"""What a verdict must not say: each verdict against what is left of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.analysis.held_back import SEPARATE, only_suspected, without_good_news
from harness.analysis.verdict import Judgement, Verdict


def judgement(verdict: Verdict, *, same_so_far: bool = False) -> Judgement:
    return Judgement(verdict=verdict, more_processes=7, reasons=("few",), q_value=0.5, same_so_far=same_so_far)


@pytest.mark.parametrize("verdict", [Verdict.FASTER, Verdict.SLOWER])
def test_without_a_control_a_difference_is_a_suspicion(verdict: Verdict) -> None:
    assert only_suspected(judgement(verdict), SEPARATE) == replace(judgement(verdict), verdict=Verdict.SUSPECTED)


def test_without_a_control_nothing_is_the_same_and_no_forecast_holds() -> None:
    reason = "separate runs without a control cannot show that nothing changed"
    for looks_same in (judgement(Verdict.SAME), judgement(Verdict.INCONCLUSIVE, same_so_far=True)):
        assert only_suspected(looks_same, SEPARATE) == Judgement(
            verdict=Verdict.INCONCLUSIVE, reasons=(reason,), q_value=0.5
        )
    undecided = judgement(Verdict.INCONCLUSIVE)
    assert only_suspected(undecided, SEPARATE) == replace(undecided, more_processes=None)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_with_values_that_are_no_numbers_nothing_is_the_same_or_faster(verdict: Verdict) -> None:
    found = without_good_news(judgement(verdict))
    if verdict in (Verdict.SAME, Verdict.FASTER):
        assert found == replace(judgement(Verdict.INCONCLUSIVE), reasons=("not every value is a positive number",))
    else:
        assert found == judgement(verdict)


def test_nor_does_it_look_the_same_so_far() -> None:
    found = without_good_news(judgement(Verdict.INCONCLUSIVE, same_so_far=True))
    assert found == replace(judgement(Verdict.INCONCLUSIVE), reasons=("not every value is a positive number",))
