"""What an experiment says of a suspicion."""

from __future__ import annotations

import pytest

from harness.analysis.cell_selection import Pair
from harness.analysis.cells import group_by_cell
from harness.analysis.comparison import Comparison, compare
from harness.analysis.metrics import Metric
from harness.analysis.sides import RunContext
from harness.analysis.verdict import Rules
from harness.experiments.change_decision import ChangeDecision, decide, least_suspected
from tests.analysis.made_up import PHONE, result
from tests.experiments.changes_made_up import change, night

NIGHTS = [night(0), night(1, binary="new")]


def measured(ratio: float, noise: float = 0.002, blocks: int = 20) -> Comparison:
    """The new side against the old one, in turn: half of the blocks lie above the ratio, half below."""
    results = []
    for block in range(blocks):
        wobble = 1 + noise * (-1) ** block * (1 + block / blocks)
        results += [
            result(100.0, block=block, binary="old", artifact="old"),
            result(100.0 * ratio * wobble, block=block, binary="new", artifact="new"),
        ]
    cells = {one.key.binary: one for one in group_by_cell(results)}
    source = RunContext(
        run_id="one", devices={PHONE.serial: PHONE}, harness_version="0", adaptive=None, cells=tuple(cells.values())
    )
    table = compare(
        [Pair(base=cells["old"], head=cells["new"])],
        source,
        source,
        metric=Metric.INFERENCE_AVG,
        rules=Rules(),
        apart=["binary"],
    )
    return table.comparisons[0]


def said(found: Comparison, **suspected: float) -> ChangeDecision:
    return decide(change(NIGHTS, 1, **suspected), found)  # type: ignore[arg-type]


def test_surely_slower_is_confirmed() -> None:
    found = said(measured(1.1), ratio=1.1)
    assert found.answer == "confirmed"
    assert found.ratio == pytest.approx(1.1, rel=0.01)
    assert "by less than was suspected" not in found.reason


def test_a_smaller_slowdown_is_confirmed_with_its_own_size() -> None:
    found = said(measured(1.05), ratio=1.4)
    assert found.answer == "confirmed"
    assert "by less than was suspected" in found.reason


def test_the_same_is_refuted() -> None:
    assert said(measured(1.0)).answer == "refuted"


def test_faster_refutes_a_slowdown() -> None:
    assert said(measured(0.9)).answer == "refuted"


def test_noise_that_excludes_the_suspected_size_refutes_it() -> None:
    noisy = measured(1.0, noise=0.08)
    assert said(noisy, ratio=1.6).answer == "refuted"
    assert said(noisy, ratio=1.05).answer == "undecided"


def test_a_little_slower_is_not_refuted() -> None:
    """Its interval ends short of the suspected size, but lies above 1: something became slower, if not surely by 1 %."""
    little = measured(1.012, noise=0.004)
    assert little.estimate.ci_low is not None
    assert little.estimate.ci_low > 1
    assert said(little, ratio=1.3).answer == "undecided"


def test_too_few_numbers_decide_nothing() -> None:
    found = said(measured(1.5, blocks=1))
    assert (found.answer, found.ci_low) == ("undecided", None)


def test_an_improvement_is_the_mirror_image() -> None:
    assert said(measured(0.9), ratio=0.9).answer == "confirmed"
    assert said(measured(1.0), ratio=0.9).answer == "refuted"
    assert said(measured(1.1), ratio=0.9).answer == "refuted"
    noisy = measured(1.0, noise=0.08)
    assert said(noisy, ratio=0.6).answer == "refuted"
    assert said(noisy, ratio=0.95).answer == "undecided"


def test_the_least_that_is_suspected_is_the_lower_end_and_never_less_than_what_counts() -> None:
    assert least_suspected(change(NIGHTS, 1, ratio=1.1, ci_low=1.06)) == 1.06
    assert least_suspected(change(NIGHTS, 1, ratio=1.02, ci_low=0.99)) == 1.01
    assert least_suspected(change(NIGHTS, 1, ratio=0.8, ci_low=0.7, ci_high=0.9)) == pytest.approx(1 / 0.9)
