"""Why a cell breaks the gate, and which failures are more than chance, on cells made up for each reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from harness.analysis.cell_selection import pair_cells
from harness.analysis.cells import group_by_cell
from harness.analysis.comparison import Breach, Comparison, Table, compare, failed_gate, gate_breach, needed_processes
from harness.analysis.metrics import Metric
from harness.analysis.ratio_interval import Estimate
from harness.analysis.sides import RunContext, SideSummary
from harness.analysis.verdict import Judgement, Rules, Verdict
from harness.records import CellKey, Result, Status
from tests.analysis.made_up import PHONE, cell

RUN = RunContext(run_id="one", devices={PHONE.serial: PHONE})
RULES = Rules(gate=0.05)
KEY = CellKey(model="m", device="d", delegate="cpu", threads=1, cpus="big", binary="")


def side(n: int, **more: Any) -> SideSummary:
    return SideSummary(
        **{"key": KEY, "mask": "f0", "n": n, "estimate": 1.0, "statuses": {"ok": n}, "causes": (), **more}
    )


def one(base: int, head: int, *, left: int = 0, broken: bool = False, least: int | None = 6, **more: Any) -> Comparison:
    made: dict[str, Any] = {
        "key": KEY,
        "mask": "f0",
        "metric": Metric.INFERENCE_AVG,
        "state": "measured",
        "base": side(base),
        "head": side(head, left=left),
        "estimate": Estimate(design="paired", base_n=base, head_n=head, ratio=1.0),
        "judgement": Judgement(verdict=Verdict.INCONCLUSIVE, gate_broken=broken, least=least),
        "notes": (),
        "ops": None,
    }
    return Comparison(**{**made, **more})


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        (one(6, 6), None),
        (one(6, 6, broken=True), "slower"),
        (one(6, 6, broken=True, sure=False), "suspected"),
        (one(6, 0), "not_measured"),
        (one(1, 0), "not_measured"),
        (one(0, 0), None),
        (one(0, 6), None),
        (one(6, 6, fails_more=0.01), "fails_more"),
        (one(6, 6, left=1), "interrupted"),
        (one(6, 6, left=1, apparent=Verdict.SAME), None),
        (one(6, 6, left=1, state="unmeasured"), None),
        (one(6, 5), "too_few"),
        (one(7, 5), "too_few"),
        (one(6, 1), "too_few"),
        (one(5, 5), None),
        (one(5, 4), None),
        # A table for which no number of processes would do: five give an estimate.
        (one(5, 4, least=None), "too_few"),
        (one(5, 5, least=None), None),
        (one(6, 6, broken=True, state="incomparable"), None),
        (one(6, 0, state="incomparable"), None),
    ],
)
def test_a_cell_breaks_the_gate_for_a_reason(cell: Comparison, why: Breach | None) -> None:
    assert gate_breach(cell, RULES) == why
    assert failed_gate(cell, RULES) is (why is not None)
    assert gate_breach(cell, Rules()) is None, "without a gate nothing breaks it"
    table = Table(comparisons=(one(6, 6), cell), overall=(), rules=RULES, metric=Metric.INFERENCE_AVG)
    assert table.gate_broken is (why is not None)


def test_a_gate_of_nothing_at_all_is_a_gate() -> None:
    assert gate_breach(one(6, 0), Rules(gate=0.0)) == "not_measured"


def test_what_a_verdict_needs() -> None:
    assert needed_processes(one(1, 1, least=9)) == 9
    assert needed_processes(one(1, 1, least=None)) == 5


def test_what_a_table_says_of_base_and_control() -> None:
    def of(*cells: Comparison) -> tuple[bool, bool]:
        table = Table(comparisons=cells, overall=(), rules=RULES, metric=Metric.INFERENCE_AVG)
        return table.base_measured, table.control_missing

    assert of() == (False, False)
    assert of(one(1, 0)) == (True, False)
    assert of(one(0, 6)) == (False, False)
    assert of(one(6, 6, state="incomparable")) == (False, False)
    assert of(one(6, 6), one(6, 6, sure=False)) == (True, True)
    assert of(one(6, 0, sure=False, state="unmeasured")) == (True, False)


def test_a_verdict_needs_both_sides() -> None:
    assert one(6, 6).verdict is Verdict.INCONCLUSIVE
    assert one(6, 0, state="unmeasured").verdict is None


def failing(count: int, bad: int, *, delegate: str = "cpu", model: str = "m") -> list[Result]:
    made = cell([1000.0 + block % 3 for block in range(count)], delegate=delegate, model=model)
    return [replace(one, status=Status.FAILED) if block >= count - bad else one for block, one in enumerate(made)]


def compared(base: list[Result], head: list[Result]) -> tuple[Comparison, ...]:
    pairs = pair_cells(group_by_cell(base), group_by_cell(head), apart=("delegate",))
    return compare(pairs, RUN, RUN, metric=Metric.INFERENCE_AVG, rules=RULES, apart=("delegate",)).comparisons


def test_failures_beyond_chance_are_told_with_their_counts() -> None:
    (found,) = compared(failing(20, 1), failing(20, 10, delegate="gpu"))
    wanted = stats.fisher_exact(np.array([[10, 10], [1, 19]]), alternative="greater").pvalue
    assert found.fails_more == pytest.approx(wanted)
    (note,) = (note for note in found.notes if note.kind == "fails_more")
    assert note.text == (
        "HEAD fails more often: 10 of 20 processes gave no value, "
        f"against 1 of 20 (Fisher's exact test, p {wanted:.2g})"
    )
    assert not note.unlike
    assert found.notes[-1] == note
    assert gate_breach(found, RULES) == "fails_more"


@pytest.mark.parametrize(("base", "head"), [(10, 1), (5, 5), (1, 4), (0, 5)])
def test_failures_that_chance_explains_are_not_told(base: int, head: int) -> None:
    (found,) = compared(failing(20, base), failing(20, head, delegate="gpu"))
    assert found.fails_more is None
    assert all(note.kind != "fails_more" for note in found.notes)


def test_failures_are_corrected_for_all_cells() -> None:
    """p is 0.0098 for 8 of 20 against one where one cell is asked about; among two such cells it is twice that."""
    single = stats.fisher_exact(np.array([[8, 12], [1, 19]]), alternative="greater").pvalue
    assert 0.005 < single < 0.01
    (alone,) = compared(failing(20, 1), failing(20, 8, delegate="gpu"))
    assert alone.fails_more == pytest.approx(single)
    both = compared(
        [*failing(20, 1), *failing(20, 1, model="n")],
        [*failing(20, 8, delegate="gpu"), *failing(20, 8, delegate="gpu", model="n")],
    )
    assert [found.fails_more for found in both] == [None, None]


def test_a_side_that_ran_nothing_is_not_asked_whether_it_fails() -> None:
    found = compared([*failing(20, 1), *failing(20, 1, model="n")], failing(20, 8, delegate="gpu"))
    assert [one.fails_more is not None for one in found] == [True, False]
