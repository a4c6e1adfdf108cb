"""What a comparison says of its two sides: their centres, how many processes count, what became of the others, what is synthetic."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from harness.analysis.cell_selection import pair_cells
from harness.analysis.cells import group_by_cell
from harness.analysis.comparison import Comparison, RunContext, compare
from harness.analysis.metrics import Metric
from harness.analysis.verdict import Rules
from harness.records import CpuRequest, Purpose, Result, Status
from harness.records.causes import Cause
from tests.analysis.made_up import OTHER_PHONE, PHONE, cell, op, result

RUN = RunContext(run_id="a", devices={PHONE.serial: PHONE, OTHER_PHONE.serial: OTHER_PHONE})


def compared(base: list[Result], head: list[Result], metric: Metric = Metric.INFERENCE_AVG) -> Comparison:
    pairs = pair_cells(group_by_cell(base), group_by_cell(head), apart=("delegate",))
    [one] = compare(pairs, RUN, RUN, metric=metric, rules=Rules(), apart=("delegate",)).comparisons
    return one


def synthetic(results: list[Result], *which: int) -> list[Result]:
    return [replace(one, synthetic=index in which) for index, one in enumerate(results)]


def test_the_centre_of_a_side_is_its_plain_median() -> None:
    one = compared(cell([10_000.0, 15_000.0] * 5), cell([9_000.0] * 10, delegate="gpu"))
    assert (one.base.estimate, one.head.estimate) == (12_500.0, 9_000.0)
    assert (one.base.n, one.head.n, one.estimate.n) == (10, 10, 10)
    # Half of the blocks have a ratio of 0.9, half of 0.6: the Walsh averages of their logarithms have the mean of the two in the middle.
    assert one.estimate.ratio == pytest.approx(math.sqrt(0.9 * 0.6))


def test_each_metric_has_a_centre_of_its_own() -> None:
    one = compared(cell([100.0, 200.0]), cell([300.0, 400.0], delegate="gpu"), Metric.INIT)
    assert (one.base.estimate, one.head.estimate) == (1500.0, 3500.0)


def test_each_side_names_its_own_cores() -> None:
    little = [
        replace(one, trial=replace(one.trial, cpus=CpuRequest(label="big", mask=0x0F)))
        for one in cell([1.0], delegate="gpu")
    ]
    one = compared(cell([1.0]), little)
    assert (one.base.mask, one.head.mask, one.mask) == ("f0", "f", "f")


def test_processes_that_are_not_ok_are_counted_with_their_causes_most_frequent_first() -> None:
    failed = [
        result(None, delegate="gpu", block=block, status=Status.FAILED, causes=causes)
        for block, causes in enumerate(
            [(Cause.CRASHED,), (Cause.TIMEOUT,), (Cause.TIMEOUT, Cause.CRASHED), (Cause.TIMEOUT,)]
        )
    ]
    one = compared(cell([1.0] * 5), [*failed, result(2.0, delegate="gpu", block=4)])
    assert one.head.statuses == {"failed": 4, "ok": 1}
    assert one.head.causes == ("timeout", "crashed")
    assert (one.head.n, one.head.estimate) == (1, 2.0)
    assert one.notes[0].text == "HEAD: 4 of 5 processes are not ok: timeout, crashed"


def test_profiled_processes_are_not_among_those_of_the_latency() -> None:
    profiled = result(
        500.0, purpose=Purpose.PROFILE, status=Status.FAILED, causes=(Cause.CRASHED,), ops=[op(0, "A", "a", 1.0)]
    )
    one = compared([*cell([1.0] * 5), profiled], cell([1.0] * 5, delegate="gpu"))
    assert (one.base.n, one.base.statuses, one.base.causes) == (5, {"ok": 5}, ())


@pytest.mark.parametrize("which", [(0,), (4,), (0, 1, 2, 3, 4)])
def test_one_synthetic_process_makes_a_side_and_the_comparison_synthetic(which: tuple[int, ...]) -> None:
    base, head = cell([1.0] * 5), cell([1.0] * 5, delegate="gpu")
    replayed = compared(base, synthetic(head, *which))
    assert (replayed.base.synthetic, replayed.head.synthetic, replayed.synthetic) == (False, True, True)
    other = compared(synthetic(base, *which), head)
    assert (other.base.synthetic, other.head.synthetic, other.synthetic) == (True, False, True)
    assert not compared(base, head).synthetic


def test_what_failed_gives_no_number_so_it_makes_none_synthetic() -> None:
    base = cell([1.0] * 5)
    failed = replace(result(None, delegate="gpu", block=9, status=Status.FAILED), synthetic=True)
    assert not compared(base, [*cell([1.0] * 5, delegate="gpu"), failed]).synthetic


def test_one_synthetic_device_makes_all_devices_together_synthetic() -> None:
    def both(delegate: str, *which: int) -> list[Result]:
        here = cell([1.0, 1.01, 0.99, 1.0, 1.02], delegate=delegate)
        there = cell([2.0, 2.02, 1.98, 2.0, 2.04], delegate=delegate, device=OTHER_PHONE.serial)
        return [*here, *synthetic(there, *which)]

    for which, expected in (((), False), ((2,), True)):
        pairs = pair_cells(group_by_cell(both("cpu")), group_by_cell(both("gpu", *which)), apart=("delegate",))
        found = compare(pairs, RUN, RUN, metric=Metric.INFERENCE_AVG, rules=Rules(), apart=("delegate",))
        assert [one.synthetic for one in found.overall] == [expected]
        assert [set(one.devices) for one in found.overall] == [{PHONE.serial, OTHER_PHONE.serial}]


def test_ops_that_cost_nothing_and_ops_without_a_call_count_are_compared() -> None:
    def profiled(delegate: str, cost: float) -> list[Result]:
        ops = [op(0, "RESHAPE", "[r]", 0.0), replace(op(1, "CONV_2D", "[c]", cost), times_called=None)]
        every = [
            result(cost + 1, purpose=Purpose.PROFILE, delegate=delegate, block=block, ops=ops) for block in range(6)
        ]
        return [*cell([cost] * 6, delegate=delegate), *every]

    one = compared(profiled("cpu", 10.0), profiled("gpu", 20.0))
    assert one.ops is not None
    assert [(change.base_us, change.head_us) for change in one.ops.changes] == [(0.0, 0.0), (10.0, 20.0)]
    nothing, conv = one.ops.changes
    assert nothing.estimate is None
    assert conv.estimate is not None
    assert conv.estimate.ratio == pytest.approx(2.0)
    assert [judgement is None for judgement in one.op_judgements] == [True, False]
