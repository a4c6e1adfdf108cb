"""What a comparison says of its two sides: their centres, how many processes count, what became of the others, what is synthetic."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from harness.analysis.between_runs import BetweenRuns
from harness.analysis.cell_selection import pair_cells
from harness.analysis.cells import group_by_cell
from harness.analysis.comparison import Comparison, Overall, Table, compare
from harness.analysis.metrics import Metric
from harness.analysis.sides import RunContext
from harness.analysis.verdict import Rules, Verdict
from harness.records import CpuRequest, Purpose, Result, Status
from harness.records.causes import Cause
from tests.analysis.made_up import OTHER_PHONE, PHONE, cell, op, result

RUN = RunContext(run_id="a", devices={PHONE.serial: PHONE, OTHER_PHONE.serial: OTHER_PHONE})


def table(base: list[Result], head: list[Result], metric: Metric = Metric.INFERENCE_AVG) -> Table:
    pairs = pair_cells(group_by_cell(base), group_by_cell(head), apart=("delegate",))
    return compare(pairs, RUN, RUN, metric=metric, rules=Rules(), apart=("delegate",))


def compared(base: list[Result], head: list[Result], metric: Metric = Metric.INFERENCE_AVG) -> Comparison:
    [one] = table(base, head, metric).comparisons
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


def profiled(delegate: str, *, replayed: bool) -> list[Result]:
    """Ten processes that take 1 ms (0.5 ms with a GPU), and a profile."""
    centre = 500.0 if delegate == "gpu" else 1000.0
    values = [centre * (1 + 0.001 * step) for step in range(10)]
    ops = [op(0, "CONV_2D", "[c]", centre)]
    made = [*cell(values, delegate=delegate), result(centre, purpose=Purpose.PROFILE, delegate=delegate, ops=ops)]
    return [replace(one, synthetic=replayed) for one in made]


@pytest.mark.parametrize("base_replayed", [True, False])
def test_between_measured_and_replayed_there_is_no_verdict_no_interval_and_no_op_that_stands_for_another(
    base_replayed: bool,
) -> None:
    one = compared(profiled("cpu", replayed=base_replayed), profiled("gpu", replayed=not base_replayed))
    assert (one.state, one.verdict, one.judgement.gate_broken) == ("incomparable", None, False)
    assert one.estimate.ratio == pytest.approx(0.5)
    assert (one.estimate.ci_low, one.estimate.ci_high, one.estimate.p_value) == (None, None, None)
    assert one.judgement.more_processes is None
    assert one.ops is None
    assert (one.base.n, one.head.n) == (10, 10)


@pytest.mark.parametrize("replayed", [True, False])
def test_like_is_compared_with_like(replayed: bool) -> None:
    one = compared(profiled("cpu", replayed=replayed), profiled("gpu", replayed=replayed))
    assert (one.state, one.verdict, one.synthetic) == ("measured", Verdict.FASTER, replayed)
    assert one.ops is not None


def test_numbers_that_cannot_be_compared_take_no_part_in_the_correction() -> None:
    def named_n(results: list[Result]) -> list[Result]:
        return [replace(r, trial=replace(r.trial, model=replace(r.trial.model, name="n"))) for r in results]

    ours, theirs = profiled("cpu", replayed=False), profiled("gpu", replayed=False)
    [alone] = table(ours, theirs).comparisons
    found = table([*ours, *named_n(ours)], [*theirs, *named_n(profiled("gpu", replayed=True))]).comparisons
    assert [one.state for one in found] == ["measured", "incomparable"]
    assert found[0].judgement.q_value == alone.judgement.q_value


def test_what_failed_gives_no_number_so_it_makes_none_synthetic() -> None:
    base = cell([1.0] * 5)
    failed = replace(result(None, delegate="gpu", block=9, status=Status.FAILED), synthetic=True)
    assert not compared(base, [*cell([1.0] * 5, delegate="gpu"), failed]).synthetic


def test_what_is_replayed_on_one_device_is_not_pooled_with_what_was_measured_on_another() -> None:
    def both(delegate: str, *which: int) -> list[Result]:
        here = cell([1.0, 1.01, 0.99, 1.0, 1.02], delegate=delegate)
        there = cell([2.0, 2.02, 1.98, 2.0, 2.04], delegate=delegate, device=OTHER_PHONE.serial)
        return [*here, *synthetic(there, *which)]

    def pooled(*which: int) -> tuple[Overall, ...]:
        sides = [group_by_cell(both(delegate, *which)) for delegate in ("cpu", "gpu")]
        pairs = pair_cells(*sides, apart=("delegate",))
        return compare(pairs, RUN, RUN, metric=Metric.INFERENCE_AVG, rules=Rules(), apart=("delegate",)).overall

    [measured] = pooled()
    assert (set(measured.devices), measured.synthetic) == ({PHONE.serial, OTHER_PHONE.serial}, False)
    assert pooled(2) == ()


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


def test_ops_that_only_one_side_profiled_are_compared_with_nothing() -> None:
    ours, theirs = profiled("cpu", replayed=False), profiled("gpu", replayed=False)
    timed = [[one for one in side if one.trial.purpose is Purpose.LATENCY] for side in (ours, theirs)]
    assert compared(ours, timed[1]).ops is None
    assert compared(timed[0], theirs).ops is None


def test_blocks_are_forecast_within_a_run_and_not_where_runs_themselves_differ() -> None:
    """More processes narrow what processes differ by, not what runs differ by. Alternating by 3 % and 0 %, six blocks decide nothing."""
    base, head = cell([1000.0] * 6, delegate="gpu"), cell([1030.0, 1000.0] * 3, delegate="gpu")
    within = compared(cell([1000.0] * 6), head)
    assert (within.verdict, within.spread) == (Verdict.INCONCLUSIVE, None)
    assert within.judgement.more_processes is not None
    pairs, spread = pair_cells(group_by_cell(base), group_by_cell(head)), BetweenRuns(deviation=0.005, runs=9)
    [apart] = compare(
        pairs, RUN, replace(RUN, run_id="b"), metric=Metric.INFERENCE_AVG, rules=Rules(), spread=lambda _: spread
    ).comparisons
    assert (apart.verdict, apart.spread, apart.sure) == (Verdict.INCONCLUSIVE, spread, True)
    assert apart.judgement.more_processes is None
