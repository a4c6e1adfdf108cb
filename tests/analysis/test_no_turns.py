"""Cells of one run that did not take turns (`order: {interleave: false}`, logs): whatever moves meanwhile looks like a difference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.latency_model import PHONES, Scenario, simulate
from harness.analysis.cell_selection import pair_cells
from harness.analysis.cells import group_by_cell
from harness.analysis.comparison import Comparison, Table, compare, gate_breach
from harness.analysis.metrics import Metric
from harness.analysis.sides import RunContext
from harness.analysis.verdict import Rules, Verdict
from harness.records import Purpose, Result
from tests.analysis.made_up import OTHER_PHONE, PHONE, cell, op, result
from tests.analysis.test_pair_estimates import BASE_MB, HEAD_MB, grown

RUN = RunContext(run_id="one", devices={one.serial: one for one in (PHONE, OTHER_PHONE)})


def later(results: list[Result], blocks: int) -> list[Result]:
    """The same in later blocks, as in a run that has one cell after the other."""
    return [replace(one, trial=replace(one.trial, block=one.trial.block + blocks)) for one in results]


def one_after_the_other(base: list[float], head: list[float], device: str = PHONE.serial) -> list[Result]:
    return [*cell(base, device=device), *later(cell(head, delegate="gpu", device=device), len(base))]


def compared(results: list[Result], *, gate: float | None = None, metric: Metric = Metric.INFERENCE_AVG) -> Table:
    cells = group_by_cell(results)
    pairs = pair_cells(
        [one for one in cells if one.key.delegate == "cpu"],
        [one for one in cells if one.key.delegate == "gpu"],
        apart=("delegate",),
    )
    return compare(pairs, RUN, RUN, metric=metric, rules=Rules(gate=gate), apart=("delegate",))


def noise(seed: int, centre: float = 1000.0, count: int = 20) -> list[float]:
    return list(centre * np.exp(np.random.default_rng(seed).normal(0, 0.002, count)))


def only(table: Table) -> Comparison:
    (one,) = table.comparisons
    return one


@pytest.mark.parametrize(("scenario", "shift"), [(PHONES[2], 0.0), (PHONES[0], 0.02)], ids=["throttling", "shift"])
def test_two_equal_cells_never_get_a_sure_verdict(scenario: Scenario, shift: float) -> None:
    """The phone throttles at some time, or was plugged in between the two cells: nothing differs but that."""
    rng = np.random.default_rng(3)
    base, head = simulate(rng, scenario, experiments=150, processes=10, order="one after the other")
    head = head + rng.normal(0, shift, (150, 1))
    judged = [
        only(compared(one_after_the_other(list(1000 * np.exp(ours)), list(1000 * np.exp(theirs)))))
        for ours, theirs in zip(base, head, strict=True)
    ]
    assert {one.verdict for one in judged} <= {Verdict.SUSPECTED, Verdict.INCONCLUSIVE}
    assert sum(one.apparent in (Verdict.SLOWER, Verdict.FASTER) for one in judged) > 3, (
        "taken for sure, these are wrong"
    )


@pytest.mark.parametrize("factor", [1.2, 1 / 1.2])
def test_a_difference_is_suspected_in_the_direction_of_the_ratio_with_the_way_to_be_sure(factor: float) -> None:
    one = only(compared(one_after_the_other(noise(1), noise(2, 1000.0 * factor))))
    assert (one.verdict, one.sure) == (Verdict.SUSPECTED, False)
    assert one.estimate.ratio == pytest.approx(factor, rel=0.01)
    (note,) = [note for note in one.notes if note.kind == "suspected"]
    assert "order: {interleave: true}" in note.text
    assert one.judgement.more_processes is None, "more of them say nothing of what moved between the cells"


def test_nothing_shows_that_they_are_the_same() -> None:
    one = only(compared(one_after_the_other(noise(1), noise(2))))
    assert (one.verdict, one.apparent) == (Verdict.INCONCLUSIVE, Verdict.SAME)
    assert one.judgement.reasons == ("cells that did not take turns cannot show that nothing changed",)


def test_a_gate_rests_on_suspicion_and_the_table_says_so() -> None:
    table = compared(one_after_the_other(noise(1), noise(2, 1200.0)), gate=0.03)
    assert gate_breach(only(table), table.rules) == "suspected"
    assert (table.gate_broken, table.control_missing, table.one_run) == (True, True, True)


def test_cells_that_took_turns_are_as_sure_as_ever() -> None:
    table = compared([*cell(noise(1)), *cell(noise(2, 1200.0), delegate="gpu")], gate=0.03)
    assert (only(table).verdict, only(table).sure, table.control_missing) == (Verdict.SLOWER, True, False)
    assert not [note for note in only(table).notes if note.kind == "suspected"]


def test_ops_of_cells_that_did_not_take_turns_are_suspected_at_most() -> None:
    def profiles(delegate: str, cost: float, block: int) -> list[Result]:
        rng = np.random.default_rng(round(cost))
        return [
            result(
                1000.0 + cost,
                delegate=delegate,
                purpose=Purpose.PROFILE,
                block=block + i,
                ops=[op(0, "CONV_2D", "[c]:0", cost + rng.normal(0, 0.5))],
            )
            for i in range(8)
        ]

    apart = [*one_after_the_other(noise(1), noise(2)), *profiles("cpu", 700.0, 40), *profiles("gpu", 900.0, 48)]
    in_turn = [
        *cell(noise(1)),
        *cell(noise(2), delegate="gpu"),
        *profiles("cpu", 700.0, 40),
        *profiles("gpu", 900.0, 40),
    ]
    for results, verdict in ((apart, Verdict.SUSPECTED), (in_turn, Verdict.SLOWER)):
        assert [one and one.verdict for one in only(compared(results)).op_judgements] == [verdict]


def test_differences_are_suspected_at_most() -> None:
    blocks = len(BASE_MB)
    for from_block, verdict in ((0, Verdict.SLOWER), (blocks, Verdict.SUSPECTED)):
        head = [40 + value for value in HEAD_MB]
        results = [*grown(BASE_MB), *grown(head, delegate="gpu", from_block=from_block)]
        one = only(compared(results, metric=Metric.MEMORY))
        assert one.difference is not None
        assert one.verdict is verdict


def test_all_devices_together_are_as_sure_as_the_cells() -> None:
    apart = [
        one for device in (PHONE, OTHER_PHONE) for one in one_after_the_other(noise(1), noise(2, 1200.0), device.serial)
    ]
    (together,) = compared(apart).overall
    assert together.judgement.verdict is Verdict.SUSPECTED
