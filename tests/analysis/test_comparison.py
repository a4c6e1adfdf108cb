from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from harness.analysis.cell_selection import pair_cells
from harness.analysis.cells import group_by_cell
from harness.analysis.comparison import Table, compare, failed_gate
from harness.analysis.metrics import Metric
from harness.analysis.ratio_interval import Estimate, paired
from harness.analysis.sequential import repeated_p
from harness.analysis.sides import RunContext
from harness.analysis.verdict import Rules, Verdict
from harness.records import Purpose, Result, Status
from harness.records.adaptive_decisions import AdaptivePlan
from harness.records.causes import Cause
from tests.analysis.made_up import OTHER_PHONE, PHONE, cell, op, result

DEVICES = {PHONE.serial: PHONE, OTHER_PHONE.serial: OTHER_PHONE}
MONDAY = RunContext(run_id="monday", devices=DEVICES, harness_version="1")
TUESDAY = RunContext(run_id="tuesday", devices=DEVICES, harness_version="1")


def table(
    base: list[Result],
    head: list[Result],
    *,
    source: RunContext = MONDAY,
    apart: tuple[str, ...] = (),
    metric: Metric = Metric.INFERENCE_AVG,
    gate: float | None = None,
) -> Table:
    pairs = pair_cells(group_by_cell(base), group_by_cell(head), apart=apart)
    return compare(pairs, MONDAY, source, metric=metric, rules=Rules(gate=gate), apart=apart)


def noise(seed: int, count: int = 10, centre: float = 1000.0, spread: float = 0.01) -> list[float | None]:
    return list(centre * np.exp(np.random.default_rng(seed).normal(0, spread, count)))


def bounds(estimate: Estimate) -> tuple[float, float]:
    assert estimate.ci_low is not None
    assert estimate.ci_high is not None
    return estimate.ci_low, estimate.ci_high


def drifting(seed: int, factor: float = 1.0) -> list[float | None]:
    return [factor * (value or 0) * (1 + 0.03 * block) for block, value in enumerate(noise(seed, spread=0.003))]


def test_cells_of_one_run_are_compared_block_by_block() -> None:
    # Both double while the run lasts; within each block the difference is plain.
    found = table(cell(drifting(1)), cell(drifting(2, 1.05), delegate="gpu"), apart=("delegate",))
    (one,) = found.comparisons
    assert (one.estimate.design, one.base.n, one.head.n) == ("paired", 10, 10)
    assert one.judgement.verdict is Verdict.SLOWER
    assert one.estimate.ratio == pytest.approx(1.05, abs=0.01)
    assert one.notes == ()


def test_good_processes_that_share_hardly_a_block_are_compared_all_the_same() -> None:
    base = cell([value if block <= 10 else None for block, value in enumerate(noise(1, count=21))])
    head = [value if block >= 10 else None for block, value in enumerate(noise(2, count=21, centre=1100.0))]
    (one,) = table(base, cell(head, delegate="gpu"), apart=("delegate",)).comparisons
    assert (one.estimate.design, one.base.n, one.head.n, one.estimate.n) == ("unpaired", 11, 11, 11)
    # Base counts in the first half of the run, head in the second: the time may make the difference.
    assert (one.judgement.verdict, one.sure) == (Verdict.SUSPECTED, False)
    texts = {note.kind: note.text for note in one.notes}
    assert "count in 1 of 21 blocks" in texts["few_blocks"]
    assert "hardly a block" in texts["suspected"]
    shared = [value if block >= 6 else None for block, value in enumerate(noise(2, count=21))]
    (enough,) = table(base, cell(shared, delegate="gpu"), apart=("delegate",)).comparisons
    assert (enough.estimate.design, enough.estimate.n) == ("paired", 5)
    few = [value if block >= 17 else None for block, value in enumerate(noise(2, count=21))]
    also = [value if block >= 18 else None for block, value in enumerate(noise(3, count=21))]
    (little,) = table(cell(few), cell(also, delegate="gpu"), apart=("delegate",)).comparisons
    assert (little.estimate.design, little.estimate.n) == ("paired", 3), "too few processes either way"


def test_two_runs_share_no_blocks() -> None:
    (one,) = table(cell(drifting(1)), cell(drifting(2, 1.05)), source=TUESDAY).comparisons
    assert one.estimate.design == "unpaired"
    assert one.judgement.verdict is Verdict.INCONCLUSIVE
    assert {note.kind for note in one.notes} == {"not_interleaved", "drift"}
    (calm,) = table(cell(noise(1)), cell(noise(2, centre=1100.0)), source=TUESDAY).comparisons
    assert (calm.judgement.verdict, calm.apparent) == (Verdict.SUSPECTED, Verdict.SLOWER)


def test_cells_of_one_run_that_did_not_take_turns_are_not_paired() -> None:
    # All of base, then all of head, on a phone that warms up meanwhile: nothing differs but the time.
    warming = [(value or 0) * (1 + 0.01 * block) for block, value in enumerate(noise(1, count=20, spread=0.003))]
    base = cell(warming[:10])
    head = [
        replace(one, trial=replace(one.trial, block=10 + one.trial.block)) for one in cell(warming[10:], delegate="gpu")
    ]
    (one,) = table(base, head, apart=("delegate",)).comparisons
    assert one.estimate.design == "unpaired"
    assert one.estimate.drift > 0
    assert one.judgement.verdict is Verdict.INCONCLUSIVE
    assert {note.kind for note in one.notes} == {"not_interleaved", "drift"}


def test_only_blocks_that_both_sides_have_count() -> None:
    base, head = cell(noise(1)), cell([None, None, *noise(2, 8)], delegate="gpu")
    (one,) = table(base, head, apart=("delegate",)).comparisons
    assert (one.estimate.n, one.base.n, one.head.n) == (8, 10, 8)


def test_several_processes_of_a_block_are_one_value() -> None:
    def twice(values: list[float | None], delegate: str) -> list[Result]:
        return cell(values, delegate=delegate) + cell(values, delegate=delegate)

    (one,) = table(twice(noise(1), "cpu"), twice(noise(2), "gpu"), apart=("delegate",)).comparisons
    assert (one.estimate.n, one.base.n) == (10, 20)


def test_a_head_that_fails_has_no_number_and_breaks_a_gate() -> None:
    failed = cell([None] * 10, delegate="gpu", status=Status.FAILED, causes=(Cause.CRASHED,))
    found = table(cell(noise(1)), failed, apart=("delegate",), gate=0.03)
    (one,) = found.comparisons
    assert (one.state, one.estimate.ratio, one.judgement.verdict) == ("unmeasured", None, Verdict.INCONCLUSIVE)
    assert "10 of 10 processes are not ok: crashed" in one.notes[0].text
    assert found.gate_broken
    assert not table(cell(noise(1)), failed, apart=("delegate",)).gate_broken
    # Where base failed too, nothing has become worse.
    both = table(cell([None] * 10, status=Status.FAILED), failed, apart=("delegate",), gate=0.03)
    assert not both.gate_broken


def test_a_side_that_was_not_asked_for_latency_is_not_measured() -> None:
    memory = [result(8.0, purpose=Purpose.MEMORY, block=block) for block in range(3)]
    (one,) = table(cell(noise(1)), memory, source=TUESDAY).comparisons
    assert one.state == "unmeasured"


def test_skipped_and_missing_cells_are_told_apart() -> None:
    skipped = cell([None] * 3, delegate="gpu", status=Status.SKIPPED)
    (one,) = table(cell(noise(1)), skipped, apart=("delegate",)).comparisons
    assert one.state == "skipped"
    assert failed_gate(one, Rules(gate=0.0)), "base measured it and head did not, whatever the reason"
    missing = table(cell(noise(1)), cell(noise(1), delegate="gpu"), source=TUESDAY).comparisons
    assert [one.state for one in missing] == ["missing", "missing"]
    assert {one.notes[0].text for one in missing} == {"BASE has no such cell", "HEAD has no such cell"}


@pytest.mark.parametrize(("metric", "factor"), [(Metric.MEDIAN, 0.9), (Metric.P95, 1.5), (Metric.INIT, 10.0)])
def test_other_metrics(metric: Metric, factor: float) -> None:
    (one,) = table(
        cell([1000.0] * 6), cell([1100.0] * 6, delegate="gpu"), apart=("delegate",), metric=metric
    ).comparisons
    assert one.base.estimate == pytest.approx(1000 * factor)
    assert one.estimate.ratio == pytest.approx(1.1)


def test_a_metric_that_no_output_says_is_no_number() -> None:
    (one,) = table(
        cell(noise(1)), cell(noise(2), delegate="gpu"), apart=("delegate",), metric=Metric.PEAK_MEMORY
    ).comparisons
    assert one.state == "unmeasured"
    assert one.notes[0].kind == "no_value"


def test_five_blocks_are_marked() -> None:
    (one,) = table(cell(noise(1, 5)), cell(noise(2, 5), delegate="gpu"), apart=("delegate",)).comparisons
    assert [note.kind for note in one.notes] == ["level"]


def test_an_interval_beside_a_verdict_is_wider_and_no_sign_of_an_adaptive_run() -> None:
    """Three cells, of which one differs: its interval is the one of 95 % and a third of the miss."""
    base, head = [], []
    for number, (model, factor) in enumerate((("a", 1.3), ("b", 1.005), ("c", 1.005))):
        base += cell(noise(10 + number, spread=0.03), model=model)
        head += cell(noise(20 + number, centre=1000 * factor, spread=0.03), model=model, delegate="gpu")
    found = table(base, head, apart=("delegate",)).comparisons
    assert [one.judgement.verdict for one in found] == [Verdict.SLOWER, *[Verdict.INCONCLUSIVE] * 2]
    assert [one.estimate.level for one in found] == pytest.approx([1 - 0.05 / 3, 0.95, 0.95])
    assert [[note.kind for note in one.notes] for one in found] == [["selected"], [], []]
    alone = table(base[:10], head[:10], apart=("delegate",)).comparisons[0].estimate
    (low, high), (plain_low, plain_high) = bounds(found[0].estimate), bounds(alone)
    assert low < plain_low < plain_high < high
    assert found[0].estimate.p_value == alone.p_value, "of the claim alone; the correction is in the q-value"
    assert found[0].judgement.q_value == pytest.approx(3 * (alone.p_value or 0))


def test_whole_microseconds_are_no_proof_of_sameness() -> None:
    """5.2 us against 5.36 us, both printed as 5."""
    (one,) = table(cell([5.0] * 20), cell([5.0] * 20, delegate="gpu"), apart=("delegate",)).comparisons
    assert one.judgement.verdict is Verdict.INCONCLUSIVE
    assert one.estimate.resolution == pytest.approx(0.21)
    assert bounds(one.estimate) == pytest.approx((1 / 1.21, 1.21))


def test_a_process_ten_times_as_slow_is_set_aside() -> None:
    slow = noise(2, centre=1050.0)
    slow[4] = 10_000.0
    (one,) = table(cell(noise(1)), cell(slow, delegate="gpu"), apart=("delegate",)).comparisons
    assert (one.estimate.set_aside, one.estimate.n, one.judgement.verdict) == (1, 10, Verdict.SLOWER)
    assert (one.estimate.mean_ratio or 0) > 1.5, "but the plain averages have it"


PLAN = AdaptivePlan(min_blocks=5, max_blocks=20, until=0.02)


def test_a_run_that_chose_its_number_of_processes_gets_the_interval_of_a_look() -> None:
    base, head = cell(noise(1, 20)), cell(noise(2, 8, 1030.0), delegate="gpu")
    adaptive = replace(MONDAY, adaptive=PLAN)
    fixed, found = (
        compare(
            pair_cells(group_by_cell(base), group_by_cell(head), apart=("delegate",)),
            source,
            source,
            metric=Metric.INFERENCE_AVG,
            rules=Rules(),
            apart=("delegate",),
        ).comparisons[0]
        for source in (MONDAY, adaptive)
    )
    assert found.estimate.level == 0.97 > fixed.estimate.level == 0.95
    logs = [[math.log(value or 0) for value in values] for values in (noise(1, 20), noise(2, 8, 1030.0))]
    ratios = [theirs - ours for ours, theirs in zip(*logs, strict=False)]
    decided = paired(ratios, level=0.97)
    assert (found.estimate.ci_low, found.estimate.ci_high) == (decided.ci_low, decided.ci_high)
    (low, high), (fixed_low, fixed_high) = (bounds(one.estimate) for one in (found, fixed))
    assert low < fixed_low < fixed_high < high
    assert fixed.estimate.p_value is not None
    assert found.estimate.p_value == repeated_p(fixed.estimate.p_value, 5, 20)
    assert found.estimate.p_value > fixed.estimate.p_value
    assert [note.kind for note in found.notes] == ["adaptive"]
    assert "97 %" in found.notes[0].text
    assert fixed.notes == ()


def test_five_blocks_of_an_adaptive_run_have_the_level_of_a_look_not_that_of_five_blocks() -> None:
    adaptive = replace(MONDAY, adaptive=PLAN)
    pairs = pair_cells(
        group_by_cell(cell(noise(1, 5))), group_by_cell(cell(noise(2, 5), delegate="gpu")), apart=("delegate",)
    )
    (one,) = compare(pairs, adaptive, adaptive, metric=Metric.INIT, rules=Rules(), apart=("delegate",)).comparisons
    assert [note.kind for note in one.notes] == ["adaptive"]


def test_an_adaptive_run_against_another_is_no_better_known() -> None:
    strict = AdaptivePlan(min_blocks=5, max_blocks=60, until=0.02)
    pairs = pair_cells(group_by_cell(cell(noise(1))), group_by_cell(cell(noise(2))))
    levels = []
    for ours, theirs in ((None, None), (PLAN, None), (None, PLAN), (PLAN, strict)):
        (one,) = compare(
            pairs,
            replace(MONDAY, adaptive=ours),
            replace(TUESDAY, adaptive=theirs),
            metric=Metric.INFERENCE_AVG,
            rules=Rules(),
        ).comparisons
        levels.append(one.estimate.level)
        assert ("adaptive" in {note.kind for note in one.notes}) == (ours is not None or theirs is not None)
    assert levels == [0.95, 0.97, 0.97, 0.97]


def test_all_devices_of_an_adaptive_run_have_the_level_of_a_look_too() -> None:
    base = cell(noise(1)) + cell(noise(2), device=OTHER_PHONE.serial)
    head = cell(noise(3, centre=1020.0), delegate="gpu") + cell(
        noise(4, centre=1020.0), delegate="gpu", device=OTHER_PHONE.serial
    )
    pairs = pair_cells(group_by_cell(base), group_by_cell(head), apart=("delegate",))
    found = [
        compare(pairs, source, source, metric=Metric.INFERENCE_AVG, rules=Rules(), apart=("delegate",)).overall[0]
        for source in (MONDAY, replace(MONDAY, adaptive=PLAN))
    ]
    widths = [high / low for low, high in (bounds(one.estimate) for one in found)]
    assert widths[0] < widths[1]
    assert found[1].estimate.level == 0.97
    p_values = [one.estimate.p_value for one in found]
    assert p_values[0] is not None
    assert p_values[1] is not None
    assert p_values[0] < p_values[1]


def test_devices_are_summed_up() -> None:
    base = cell(noise(1)) + cell(noise(2), device=OTHER_PHONE.serial)
    head = cell(noise(3, centre=1050.0), delegate="gpu") + cell(
        noise(4, centre=1030.0), delegate="gpu", device=OTHER_PHONE.serial
    )
    (overall,) = table(base, head, apart=("delegate",)).overall
    assert overall.devices == (PHONE.serial, OTHER_PHONE.serial)
    assert overall.estimate.ratio == pytest.approx(1.04, abs=0.01)
    assert overall.judgement.verdict is Verdict.SLOWER
    assert table(cell(noise(1)), cell(noise(2), delegate="gpu"), apart=("delegate",)).overall == ()


def test_ops_stand_beside_the_cells_and_are_judged_together() -> None:
    def profiled(delegate: str, factor: float) -> list[Result]:
        return [
            result(
                factor * 100.0,
                delegate=delegate,
                purpose=Purpose.PROFILE,
                block=20 + block,
                ops=[op(0, "CONV_2D", "[a]", factor * 60 + 0.01 * block), op(1, "ADD", "[b]", 30.0 + 0.01 * block)],
            )
            for block in range(16)
        ]

    base = cell(noise(1)) + profiled("cpu", 1.0)
    head = cell(noise(2, centre=1500.0), delegate="gpu") + profiled("gpu", 1.5)
    (one,) = table(base, head, apart=("delegate",)).comparisons
    assert one.ops is not None
    assert one.ops.change_us == pytest.approx(50.0)
    assert [j.verdict for j in one.op_judgements if j] == [Verdict.SLOWER, Verdict.SAME]
    once = table(base[:11], head[:11], apart=("delegate",)).comparisons[0]
    assert once.ops is not None
    assert once.op_judgements == (None, None)
