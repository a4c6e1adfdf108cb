"""The numbers of each side and what is missing there, named word by word."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from harness.analysis.cell_selection import Pair
from harness.analysis.cells import CellResults, group_by_cell
from harness.analysis.comparability import Note
from harness.analysis.metrics import Metric
from harness.analysis.odd_values import OddValues, kind_of, odd_values, value_notes
from harness.analysis.shared_blocks import blocks_to_pair, few_blocks_note
from harness.analysis.sides import (
    Incomplete,
    RunContext,
    SideSummary,
    by_block,
    failure_notes,
    incomplete_sides,
    summary_of_side,
    took_turns,
)
from harness.records import Purpose, Result, Status
from harness.records.causes import Cause
from tests.analysis.made_up import cell, result

AVERAGE = Metric.INFERENCE_AVG
RUN = RunContext(run_id="r")


def only(results: list[Result]) -> CellResults:
    (found,) = group_by_cell(results)
    return found


def side(values: list[float | None], **more: object) -> SideSummary:
    return replace(summary_of_side(only(cell(values)), AVERAGE, RUN), **more)  # type: ignore[arg-type]


def test_only_positive_numbers_have_a_place_unless_signs_count() -> None:
    one = only(cell([1.0, 0.0, -2.0, math.nan, math.inf, None, 3.0]))
    assert by_block(one, AVERAGE) == {0: [1.0], 6: [3.0]}
    assert by_block(one, AVERAGE, signed=True) == {0: [1.0], 1: [0.0], 2: [-2.0], 6: [3.0]}
    assert by_block(None, AVERAGE) == {}


def test_a_summary_counts_like_the_blocks_do() -> None:
    one = only(cell([1.0, 0.0, -2.0, 3.0]))
    plain, signed = (summary_of_side(one, AVERAGE, RUN, signed=signed) for signed in (False, True))
    assert (plain.n, plain.estimate, plain.total) == (2, 2.0, 4)
    assert (signed.n, signed.estimate) == (4, 0.5)
    assert summary_of_side(one, AVERAGE, RUN) == plain


def test_a_side_without_the_cell_is_empty_but_for_what_never_ran() -> None:
    wanted = only(cell([1.0]))
    trials = [one.trial for one in cell([1.0] * 3)]
    elsewhere = [result(1.0, delegate="gpu").trial, result(1.0, purpose=Purpose.PROFILE).trial]
    source = RunContext(run_id="r", left=(*trials, *elsewhere))
    found = summary_of_side(None, AVERAGE, source, wanted=wanted.key)
    assert found == SideSummary(key=None, mask=None, n=0, estimate=None, statuses={}, causes=(), left=3)
    assert (found.total, found.synthetic, found.odd) == (0, False, OddValues())
    assert summary_of_side(None, AVERAGE, RUN, wanted=wanted.key).left == 0
    there = summary_of_side(wanted, AVERAGE, source)
    assert (there.left, there.total) == (3, 1)
    assert summary_of_side(wanted, AVERAGE, RUN).left == 0


def notes(ours: SideSummary, theirs: SideSummary) -> list[Note]:
    return list(failure_notes(ours, theirs, AVERAGE))


def test_what_a_side_lacks_is_noted_for_the_side() -> None:
    good = side([1.0] * 5)
    missing = summary_of_side(None, AVERAGE, RUN)
    assert notes(good, good) == []
    assert notes(missing, good) == [Note("missing", "BASE has no such cell", False)]
    assert notes(good, missing) == [Note("missing", "HEAD has no such cell", False)]
    assert notes(side([1.0] * 5, statuses={"ok": 4, "failed": 1}), good) == [
        Note("failures", "BASE: 1 of 5 processes are not ok", False)
    ]
    causes = (str(Cause.TIMEOUT), str(Cause.CRASHED))
    assert notes(good, side([1.0] * 5, statuses={"failed": 5}, causes=causes)) == [
        Note("failures", "HEAD: 5 of 5 processes are not ok: timeout, crashed", False)
    ]
    assert notes(side([1.0] * 5, left=3), good) == [Note("interrupted", "BASE: 3 of 8 processes never ran", False)]
    assert notes(good, side([None] * 5)) == [Note("no_value", "HEAD holds no value of this metric", False)]


def test_odd_values_are_named_by_kind_with_their_number() -> None:
    odd = odd_values(only(cell([0.0, 0.0, -1.0, math.nan, math.inf, -math.inf, 5.0, None])), AVERAGE)
    assert odd == OddValues(processes=8, values=7, kinds={"0": 2, "negative": 1, "NaN": 1, "infinite": 2})
    assert odd.no_number == 3
    assert list(value_notes("BASE", odd, AVERAGE)) == [
        Note("odd_values", "BASE: 2 of 7 values of average latency are 0", False),
        Note("odd_values", "BASE: 1 of 7 values of average latency is negative", False),
        Note("odd_values", "BASE: 1 of 7 values of average latency is NaN", False),
        Note("odd_values", "BASE: 2 of 7 values of average latency are infinite", False),
        Note("no_value", "BASE: 1 of 8 processes that are ok report no average latency", False),
    ]
    assert odd_values(None, AVERAGE) == OddValues() == OddValues(processes=0, values=0)
    assert list(value_notes("BASE", OddValues(processes=3, values=0), AVERAGE)) == []
    assert list(value_notes("BASE", OddValues(processes=3, values=3), AVERAGE)) == []
    assert [note.kind for note in notes(side([0.0] * 5), side([1.0]))] == ["odd_values"]


@pytest.mark.parametrize(
    ("value", "kind"),
    [(0.0, "0"), (-0.0, "0"), (-1e-300, "negative"), (1e-300, None), (math.nan, "NaN"), (-math.inf, "infinite")],
)
def test_the_kind_of_a_value(value: float, kind: str | None) -> None:
    assert kind_of(value) == kind


def test_sides_that_share_a_block_took_turns() -> None:
    early, late = only(cell([1.0] * 3)), only(cell([1.0] * 5)[3:])
    one = only(cell([1.0] * 4)[3:])
    assert took_turns(Pair(base=early, head=early))
    assert not took_turns(Pair(base=early, head=late))
    assert took_turns(Pair(base=one, head=late))
    assert not took_turns(Pair(base=early, head=None))
    assert not took_turns(Pair(base=None, head=early))


def test_a_run_that_did_not_finish_is_named_once() -> None:
    trials = tuple(one.trial for one in cell([1.0] * 3))
    torn = RunContext(run_id="torn", left=trials, planned=7)
    whole = RunContext(run_id="whole", planned=7)
    assert list(incomplete_sides(torn, whole)) == [Incomplete(side="BASE", left=3, planned=7)]
    assert list(incomplete_sides(whole, torn)) == [Incomplete(side="HEAD", left=3, planned=7)]
    assert list(incomplete_sides(torn, torn)) == [Incomplete(side="HEAD", left=3, planned=7)]
    assert list(incomplete_sides(whole, whole)) == []


@pytest.mark.parametrize(
    ("ours", "theirs", "shared"),
    [
        (range(5), range(5), [0, 1, 2, 3, 4]),
        (range(9), range(4, 9), [4, 5, 6, 7, 8]),
        (range(9), range(5, 10), []),
        # Four processes a side are too few however they are compared.
        (range(4), range(4), [0, 1, 2, 3]),
        (range(9), range(4), [0, 1, 2, 3]),
        (range(4), range(9), [0, 1, 2, 3]),
        (range(5), range(1, 6), []),
        (range(3), range(3, 6), []),
    ],
)
def test_five_shared_blocks_pair_or_all_there_are(ours: range, theirs: range, shared: list[int]) -> None:
    assert blocks_to_pair({block: [1.0] for block in ours}, {block: [1.0] for block in theirs}) == shared


def test_several_processes_of_a_block_count_as_processes_not_as_blocks() -> None:
    twice = {block: [1.0, 2.0] for block in range(3)}
    assert blocks_to_pair(twice, twice) == []


def test_the_note_on_few_shared_blocks_counts_both_sides_blocks() -> None:
    text = (
        "both sides count in 2 of 9 blocks, too few to compare within blocks: compared as if measured apart, "
        "so a drift may look like a difference"
    )
    assert few_blocks_note(range(6), range(4, 9)) == Note("few_blocks", text, False)


def test_skipped_processes_have_no_cause_of_their_own_purpose() -> None:
    skipped = replace(result(None, status=Status.SKIPPED), causes=(Cause.TIMEOUT,))
    assert summary_of_side(only([skipped]), AVERAGE, RUN).causes == ("timeout",)


def test_units_and_the_smallest_difference_that_tables_show() -> None:
    for metric in Metric:
        memory = metric in (Metric.MEMORY, Metric.PEAK_MEMORY)
        assert (metric.unit, metric.resolution) == (("mb", 0.1) if memory else ("us", 1.0))
        assert metric.may_be_zero is (metric is Metric.MEMORY)
