"""The simulated bisections: what is judged right and wrong, and that the claims hold on a few."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.bisection import HISTORIES, History, bisect_once, main
from benchmarks.latency_model import PHONES


def test_the_claims_hold_on_a_few_and_the_output_says_that_it_is_synthetic(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--bisections", "30"]) == 0
    said = capsys.readouterr().out
    assert "all SYNTHETIC" in said
    assert "FAILS" not in said


@pytest.mark.parametrize("history", HISTORIES, ids=lambda one: one.name)
def test_a_calm_phone_gives_the_right_answer_wherever_there_is_one(history: History) -> None:
    outcomes = [bisect_once(np.random.default_rng(seed), history, PHONES[0]) for seed in range(6)]
    assert {one.verdict for one in outcomes} <= {"right", "undecided", "no difference"}
    creeps = history.name == "creep"
    assert sum(one.verdict == "right" for one in outcomes) >= (0 if creeps else 4)
