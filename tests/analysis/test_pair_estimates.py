"""Estimates of pairs: differences where a metric may be zero, ratios within and between runs, each with numbers known beforehand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from harness.analysis.between_runs import BetweenRuns
from harness.analysis.cell_selection import Pair
from harness.analysis.cells import group_by_cell
from harness.analysis.control import Controls
from harness.analysis.metrics import Metric
from harness.analysis.pair_estimates import Estimator, PairEstimate
from harness.analysis.predecessors import sequence_of
from harness.analysis.ratio_interval import Estimate, paired, unpaired
from harness.analysis.sequential import Looks
from harness.analysis.sides import RunContext
from harness.analysis.verdict import Rules
from harness.records import Conditions, Memory, Result
from harness.records.adaptive_decisions import AdaptivePlan
from tests.analysis.made_up import BEGAN, cell, ran, result

MONDAY = RunContext(run_id="monday")


def grown(values: Sequence[float | None], *, delegate: str = "cpu", from_block: int = 0) -> list[Result]:
    """Processes whose memory grew by so many megabytes."""
    made = []
    for block, value in enumerate(values, start=from_block):
        one = result(1000.0, block=block, delegate=delegate)
        assert one.measurement is not None
        made.append(replace(one, measurement=replace(one.measurement, memory=Memory(overall_delta_mb=value))))
    return made


def pair(base: list[Result], head: list[Result]) -> Pair:
    (ours,), (theirs,) = group_by_cell(base), group_by_cell(head)
    return Pair(base=ours, head=theirs)


def estimated(
    one: Pair,
    metric: Metric = Metric.INFERENCE_AVG,
    *,
    same_run: bool = True,
    rules: Rules | None = None,
    looks: Looks | None = None,
    spread: BetweenRuns | None = None,
) -> PairEstimate:
    head = MONDAY if same_run else RunContext(run_id="tuesday")
    assert one.base is not None
    assert one.head is not None
    controls = Controls(replace(MONDAY, cells=(one.base,)), replace(head, cells=(one.head,)), metric)
    return Estimator(
        metric=metric,
        rules=rules or Rules(),
        looks=looks or Looks(()),
        controls=controls,
        same_run=same_run,
        spread=lambda _: spread,
    ).estimate(one)


BASE_MB = [0.0, 20.0, 20.0, 20.0, 20.0, 30.0]
HEAD_MB = [3.0, 22.0, 22.0, 24.0, 22.0, 32.0]
"""Differences of 2, 2, 2, 2, 3 and 4: of the 21 means of two of them ten are 2 and four are 2.5, so the eleventh is 2.5."""


def test_memory_that_did_not_grow_is_compared_by_differences() -> None:
    found = estimated(pair(grown(BASE_MB), grown(HEAD_MB, delegate="gpu")), Metric.MEMORY)
    assert (found.signed, found.sure, found.control, found.spread) == (True, True, None, None)
    assert found.edge == pytest.approx(0.2), "1 % of the 20 MB that base takes"
    assert found.unit == pytest.approx(0.2 / math.log(1.01))
    shown, difference = found.shown(found.judged)
    assert difference is not None
    assert difference.value == pytest.approx(2.5)
    assert difference.edge == pytest.approx(0.2)
    # Of six blocks no mean of two is left out of the interval.
    assert difference.low == pytest.approx(2.0)
    assert difference.high == pytest.approx(4.0)
    assert (shown.ratio, shown.ci_low, shown.ci_high, shown.mean_ratio) == (None, None, None, None)
    assert (shown.drift, shown.resolution, shown.gate_edge) == (0.0, 0.0, None)


def test_the_edge_of_a_difference_is_that_of_the_ratio_it_is_judged_as() -> None:
    found = estimated(pair(grown([0.0, *[20.0] * 9]), grown([0.2, *[20.2] * 9], delegate="gpu")), Metric.MEMORY)
    assert found.judged.ratio == pytest.approx(1.01)
    halved = estimated(
        pair(grown([0.0, *[20.0] * 9]), grown([1.0, *[21.0] * 9], delegate="gpu")),
        Metric.MEMORY,
        rules=Rules(min_effect=0.05, gate=0.1),
    )
    assert halved.edge == pytest.approx(1.0)
    assert halved.judged.ratio == pytest.approx(1.05)
    assert halved.judged.gate_edge == pytest.approx(2.0 / (1.0 / math.log(1.05))), "a tenth of 20 MB is the gate"


def test_a_difference_below_what_tables_show_is_none() -> None:
    found = estimated(pair(grown([0.0] * 6), grown([0.1] * 6, delegate="gpu")), Metric.MEMORY, rules=Rules(gate=0.5))
    assert found.edge == pytest.approx(0.1)
    assert found.judged.ratio == pytest.approx(1.01)
    assert found.judged.gate_edge == pytest.approx(math.log(1.01)), "half of nothing is nothing: 0.1 MB stands for it"


def test_shrinking_memory_has_a_level_above_zero() -> None:
    found = estimated(pair(grown([-20.0] * 6), grown([-18.0] * 6, delegate="gpu")), Metric.MEMORY)
    assert found.edge == pytest.approx(0.2)
    _, difference = found.shown(found.judged)
    assert difference is not None
    assert difference.value == pytest.approx(2.0)


def test_a_side_without_any_value_leaves_the_smallest_difference_as_edge() -> None:
    found = estimated(pair(grown([None] * 6), grown([0.0] * 6, delegate="gpu")), Metric.MEMORY)
    assert found.edge == pytest.approx(0.1)
    _, difference = found.shown(found.judged)
    assert difference is not None
    assert (difference.value, difference.low, difference.high) == (None, None, None)


def test_no_difference_is_a_plain_zero() -> None:
    found = estimated(pair(grown([0.0] * 6), grown([0.0] * 6, delegate="gpu")), Metric.MEMORY)
    _, difference = found.shown(found.judged)
    assert difference is not None
    assert str(difference.value) == "0.0"


def test_memory_that_grew_everywhere_has_a_ratio() -> None:
    found = estimated(pair(grown([20.0] * 6), grown([22.0] * 6, delegate="gpu")), Metric.MEMORY)
    assert not found.signed
    assert found.judged.ratio == pytest.approx(1.1)
    shown, difference = found.shown(found.judged)
    assert (shown, difference) == (found.judged, None)
    for odd in (0.0, -1.0):
        assert estimated(pair(grown([20.0] * 6), grown([odd] * 6, delegate="gpu")), Metric.MEMORY).signed
        assert estimated(pair(grown([odd] * 6), grown([20.0] * 6, delegate="gpu")), Metric.MEMORY).signed


def test_a_latency_of_zero_is_no_reason_for_differences() -> None:
    found = estimated(pair(cell([1000.0, 0.0] * 5), cell([1100.0] * 10, delegate="gpu")))
    assert not found.signed
    assert (found.judged.design, found.judged.n) == ("paired", 5)


def test_differences_of_two_runs_are_suspected_at_most() -> None:
    one = pair(grown(BASE_MB), grown(HEAD_MB))
    assert not estimated(one, Metric.MEMORY, same_run=False).sure
    assert estimated(one, Metric.MEMORY, same_run=False).judged.design == "unpaired"


def same(found: Estimate, wanted: Estimate) -> bool:
    return replace(found, sample=None) == replace(wanted, sample=None)


BASE = [1000.0, 1003.0, 1001.0, 1004.0, 1002.0, 9000.0, 1003.0, 1001.0, 1000.5, 1002.0]
HEAD = [1050.0, 1051.0, 1052.0, 1049.0, 1050.0, 9450.0, 1052.0, 1050.0, 1051.0, 1053.0]


def logs(values: Sequence[float]) -> list[float]:
    return [math.log(value) for value in values]


def test_within_a_run_the_log_ratios_of_blocks_are_estimated() -> None:
    found = estimated(pair(cell(BASE), cell(HEAD, delegate="gpu"))).judged
    ours, theirs = logs(BASE), logs(HEAD)
    wanted = paired(
        [head - base for base, head in zip(ours, theirs, strict=True)],
        means=[(base + head) / 2 for base, head in zip(ours, theirs, strict=True)],
        resolution=found.resolution,
    )
    assert same(found, wanted)
    assert found.set_aside == 1
    centre = sum(BASE) / 10, sum(HEAD) / 10
    assert found.resolution == pytest.approx((1 + 0.05 / centre[0]) * (1 + 0.5 / centre[1]) - 1)


def test_processes_of_one_block_are_averaged_by_their_logarithms() -> None:
    twice = [one for value in (1000.0, 1210.0) for one in cell([value] * 6)]
    found = estimated(pair(twice, cell([1100.0] * 6, delegate="gpu"))).judged
    assert (found.design, found.n) == ("paired", 6)
    assert found.ratio == pytest.approx(1.0)


def test_between_runs_processes_are_two_samples_in_the_order_of_blocks() -> None:
    found = estimated(pair(cell(BASE)[::-1], cell(HEAD)), same_run=False)
    assert same(found.judged, unpaired(logs(BASE), logs(HEAD), resolution=found.judged.resolution))
    assert (found.sure, found.spread) == (False, None)
    spread = BetweenRuns(deviation=0.02, runs=4)
    known = estimated(pair(cell(BASE), cell(HEAD)), same_run=False, spread=spread)
    assert (known.sure, known.spread) == (True, spread)
    assert (known.judged.ci_high or 0) > (found.judged.ci_high or 0)
    within = estimated(pair(cell(BASE), cell(HEAD, delegate="gpu")), spread=spread)
    assert (within.spread, within.sure) == (None, True)


def test_a_control_is_sure_and_widens_by_the_steps_of_all_four() -> None:
    def timed(values: Sequence[float], us: float) -> list[Result]:
        return [result(value, block=block, conditions=Conditions(canary_us=us)) for block, value in enumerate(values)]

    calm = [1000.0, 1003.0, 1001.0, 1004.0, 1002.0, 1001.0]
    spread = BetweenRuns(deviation=0.02, runs=4)
    found = estimated(pair(timed(calm, 100.0), timed(calm, 110.0)), same_run=False, spread=spread)
    assert found.control is not None
    assert (found.sure, found.spread, found.control.name) == (True, None, "canary")
    assert found.judged.ratio == pytest.approx(1 / 1.1)
    assert found.judged.drift == 0.0
    mean = sum(calm) / 6
    assert found.judged.resolution == pytest.approx((1 + 0.5 / mean) ** 2 - 1)


def test_a_control_printed_in_coarse_steps_adds_them() -> None:
    """Cells in whole microseconds of 1000, controls in whole microseconds of 50: half a step of each on both sides."""
    sides = [[*cell([1000.0] * 6, model="n"), *cell([50.0] * 6)] for _ in range(2)]
    grouped = [group_by_cell(side) for side in sides]
    ours, theirs = (
        RunContext(run_id=name, cells=tuple(cells), control={"model": "m"})
        for name, cells in zip(("monday", "tuesday"), grouped, strict=True)
    )
    base, head = (next(one for one in cells if one.key.model == "n") for cells in grouped)
    found = Estimator(
        metric=Metric.INFERENCE_AVG,
        rules=Rules(),
        looks=Looks(()),
        controls=Controls(ours, theirs, Metric.INFERENCE_AVG),
        same_run=False,
        spread=lambda _: None,
    ).estimate(Pair(base=base, head=head))
    assert found.control is not None
    assert found.judged.resolution == pytest.approx((1 + 0.5 / 1000) ** 2 * (1 + 0.5 / 50) ** 2 - 1)


def in_turns(logs_by_process: Sequence[float], *, before: bool = True, again: Sequence[Result] = ()) -> PairEstimate:
    """cpu and gpu, which take turns: AB BA BA AB BA ..., as `HEAD_FIRST` says."""
    order = [(block, number) for block, first in enumerate(HEAD_FIRST) for number in (first, 1 - first)]
    results = [*ran(order, logs_by_process), *again]
    cells = group_by_cell(results)
    base, head = (next(one for one in cells if one.key.delegate == name) for name in ("cpu", "gpu"))
    run = replace(MONDAY, cells=tuple(cells))
    return Estimator(
        metric=Metric.INFERENCE_AVG,
        rules=Rules(),
        looks=Looks(()),
        controls=Controls(run, run, Metric.INFERENCE_AVG),
        same_run=True,
        spread=lambda _: None,
        before=sequence_of(cells) if before else {},
    ).estimate(Pair(base=base, head=head))


HEAD_FIRST = [0, 1, 1, 0, 1, 0, 1, 0, 1, 0]
WARMED = [
    math.log(1000.0) + 0.05 * (place > 0 and was == 1) + 0.0001 * (place % 3)
    for place, was in enumerate([0, *(n for first in HEAD_FIRST for n in (first, 1 - first))][:-1])
]
"""Whatever follows gpu is 5 % slower. The first block and the third have sides that follow different cells."""


def test_blocks_with_unlike_predecessors_are_set_aside_where_the_order_is_known() -> None:
    known = in_turns(WARMED).judged
    assert (known.unlike_before, known.set_aside, known.n) == (2, 2, 10)
    assert known.ratio == pytest.approx(1.0, abs=0.0005)
    assert in_turns(WARMED, before=False).judged.unlike_before == 0


def test_where_a_block_holds_several_processes_of_a_cell_what_ran_before_is_not_told() -> None:
    twice = replace(result(1000.0, delegate="gpu", block=4), started_at=BEGAN + timedelta(seconds=99))
    twice = replace(twice, trial=replace(twice.trial, trial_id="f" * 16))
    assert in_turns(WARMED, again=[twice]).judged.unlike_before == 0


def test_without_a_level_of_base_the_least_step_is_the_edge_whatever_the_region() -> None:
    found = estimated(
        pair(grown([None] * 6), grown([0.0] * 6, delegate="gpu")), Metric.MEMORY, rules=Rules(min_effect=0.3)
    )
    assert found.edge == pytest.approx(0.1)


def test_a_measured_side_against_a_modelled_one_has_a_bare_ratio() -> None:
    modelled = [replace(one, synthetic=True) for one in cell(HEAD, delegate="gpu")]
    found = estimated(pair(cell(BASE), modelled))
    assert found.judged.ratio == pytest.approx(1.05, abs=0.01)
    assert (found.judged.ci_low, found.judged.ci_high, found.judged.sample, found.judged.drift) == (None, None, None, 0)


def test_a_run_that_looks_again_and_again_has_its_level_and_its_looks() -> None:
    looks = Looks((AdaptivePlan(min_blocks=5, max_blocks=12, until=0.02),))
    for metric in (Metric.INFERENCE_AVG, Metric.MEMORY):
        found = estimated(pair(grown([0.0] * 10), grown([0.0] * 10, delegate="gpu")), metric, looks=looks)
        assert (found.judged.looks, found.judged.level) == (((5, 12),), looks.level)
