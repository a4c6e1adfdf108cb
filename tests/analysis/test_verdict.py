"""Verdicts from estimates whose p-values are told: which claim counts, on which side, and what a table makes of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.analysis.ratio_interval import Estimate, paired, unpaired
from harness.analysis.samples import SAME_FROM, PairedSample
from harness.analysis.verdict import Judgement, Rules, Verdict, judge, judged

_GATES = (math.log1p(0.03), math.log1p(0.125))
"""Edges of the gates in these tests."""


@dataclass(frozen=True, slots=True)
class Told(PairedSample):
    """A sample that says what it is told to. Its interval reaches `half` of the error to either side of the centre."""

    slower: float
    faster: float
    same: float
    gate: float
    centre: float
    low: float
    high: float

    def p_above(self, edge: float) -> float:
        return self.gate if edge in _GATES else self.slower

    def p_below(self, edge: float) -> float:
        return self.faster

    def p_within(self, edge: float) -> float:
        return self.same

    def interval(self, level: float) -> tuple[float, float]:
        wider = 0.05 / (1 - level)
        return self.centre - (self.centre - self.low) * wider, self.centre + (self.high - self.centre) * wider


def estimate(
    ratio: float,
    low: float,
    high: float,
    *,
    slower: float = 1.0,
    faster: float = 1.0,
    same: float = 1.0,
    gate: float = 1.0,
    n: int = SAME_FROM,
    **more: Any,
) -> Estimate:
    values = np.zeros(n)
    sample = Told(values, values, slower, faster, same, gate, math.log(ratio), math.log(low), math.log(high))
    return Estimate(design="paired", base_n=n, head_n=n, ratio=ratio, ci_low=low, ci_high=high, sample=sample, **more)


SLOW = estimate(1.25, 1.125, 1.3, slower=0.001)
NOTHING = estimate(1.0, 0.9, 1.1, slower=0.5, faster=0.6, same=0.4)


def judgement(one: Estimate, **rules: float) -> Judgement:
    (found,) = judge([one], Rules(**rules))
    return found


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (estimate(1.25, 1.125, 1.3, slower=0.01), Verdict.SLOWER),
        (estimate(1.25, 1.125, 1.3, slower=0.0101), Verdict.INCONCLUSIVE),
        (estimate(1.25, 1.0625, 1.3, slower=0.001), Verdict.INCONCLUSIVE),  # the interval touches the region
        (estimate(1.25, 1.0626, 1.3, slower=0.001), Verdict.SLOWER),
        (estimate(0.75, 0.7, 0.9375, faster=0.01), Verdict.FASTER),
        (estimate(0.75, 0.7, 0.9375, faster=0.0101), Verdict.INCONCLUSIVE),
        (estimate(0.75, 0.7, 1 / 1.0625, faster=0.001), Verdict.INCONCLUSIVE),
        (estimate(0.75, 0.7, 1 / 1.0626, faster=0.001), Verdict.FASTER),
        (estimate(1.0, 0.99, 1.01, same=0.01), Verdict.SAME),
        (estimate(1.0, 0.99, 1.01, same=0.0101), Verdict.INCONCLUSIVE),
        (estimate(1.25, 1.125, 1.3, slower=0.001, n=5), Verdict.SLOWER),
        (estimate(1.25, 1.125, 1.3, slower=0.0001, n=4), Verdict.INCONCLUSIVE),  # too few to say anything
        # What is claimed is the side on which the ratio lies.
        (estimate(1.25, 1.125, 1.3, slower=0.001, faster=0.002), Verdict.SLOWER),
        (estimate(0.75, 0.7, 0.9, slower=0.002, faster=0.001), Verdict.FASTER),
        (estimate(1.25, 1.125, 1.3, slower=0.5, faster=0.001), Verdict.INCONCLUSIVE),
    ],
)
def test_verdicts_on_the_edge(one: Estimate, expected: Verdict) -> None:
    assert judgement(one, min_effect=0.0625).verdict is expected


def test_the_same_needs_averages_that_agree() -> None:
    for ratio, expected in (
        (None, Verdict.SAME),
        (1.0, Verdict.SAME),
        (1.0625, Verdict.SAME),
        (0.9412, Verdict.SAME),
        (1.0626, Verdict.INCONCLUSIVE),
        (0.9411, Verdict.INCONCLUSIVE),
    ):
        one = estimate(1.0, 0.99, 1.01, same=0.001, mean_ratio=ratio)
        assert judgement(one, min_effect=0.0625).verdict is expected, ratio
    # A real difference is one, whatever the averages say.
    assert judgement(replace(SLOW, mean_ratio=1.0)).verdict is Verdict.SLOWER


def test_the_same_needs_sixteen_processes_a_side() -> None:
    enough = estimate(1.0, 0.995, 1.005, same=0.001)
    few = estimate(1.0, 0.995, 1.005, same=0.001, n=SAME_FROM - 1)
    assert judgement(enough).verdict is Verdict.SAME
    found = judgement(few)
    assert (found.verdict, found.more_processes, found.same_so_far) == (Verdict.INCONCLUSIVE, 1, True)
    assert found.reasons[0].startswith("`same` needs at least 16 processes a side")
    assert (found.least, found.least_same) == (5, 16)
    # No claim, so it is not picked for it: neither its own interval nor that of a cell with a verdict depends on it.
    slow = estimate(1.25, 1.2, 1.3, slower=0.0001)
    first, *others = judge([slow, *[few] * 9], Rules())
    assert first.level == pytest.approx(0.995)
    assert {one.level for one in others} == {0.95}
    # What the few say must stand by itself, too.
    assert not judgement(replace(few, mean_ratio=1.02)).same_so_far
    assert not judgement(estimate(1.0, 0.98, 1.02, same=0.2, n=10)).same_so_far
    assert judgement(estimate(1.25, 1.2, 1.3, slower=0.001, n=10)).verdict is Verdict.SLOWER


def test_the_claim_beyond_the_region_is_what_is_reported() -> None:
    found = judgement(estimate(1.25, 1.125, 1.3, slower=0.004, faster=0.9, same=0.7))
    assert (found.p_value, found.q_value, found.cells, found.least) == (0.004, 0.004, 1, 5)
    assert (found.reasons, found.more_processes, found.level) == ((), None, 0.95)
    assert judgement(estimate(0.75, 0.7, 0.9, slower=0.9, faster=0.003)).p_value == 0.003


def test_the_rules_of_a_table_without_a_word_of_the_user() -> None:
    assert (Rules().min_effect, Rules().alpha, Rules().gate) == (0.01, 0.01, None)


def test_a_table_of_many_cells_asks_for_more() -> None:
    one = estimate(1.25, 1.2, 1.3, slower=0.0025)
    assert [found.verdict for found in judge([one] * 4, Rules())] == [Verdict.SLOWER] * 4
    assert [found.verdict for found in judge([one] * 5, Rules())] == [Verdict.INCONCLUSIVE] * 5
    first, *_ = judge([one, *[NOTHING] * 3], Rules())
    assert (first.verdict, first.q_value, first.cells) == (Verdict.SLOWER, 0.01, 4)
    # A cell without enough processes is no test and makes no other stricter.
    first, *_ = judge([one, *[estimate(1, 1, 1, n=3)] * 9], Rules())
    assert (first.verdict, first.q_value) == (Verdict.SLOWER, 0.0025)


def test_each_kind_of_claim_has_its_own_correction() -> None:
    """A cell that surely differs says nothing of the others' sameness: `same` is corrected among the claims of that kind."""
    same = estimate(1.0, 0.995, 1.005, slower=0.9, faster=0.9, same=0.005)
    slow = estimate(1.25, 1.2, 1.3, slower=0.005, same=1.0)
    assert [one.verdict for one in judge([same, slow], Rules())] == [Verdict.SAME, Verdict.SLOWER]
    assert judge([same, slow, slow], Rules())[0].verdict is Verdict.INCONCLUSIVE
    # Holm: with the surest out of the way, the next has one cell less against it.
    surest = estimate(1.0, 0.995, 1.005, same=0.001)
    assert judge([same, surest, slow], Rules())[0].verdict is Verdict.SAME


def test_an_interval_beside_a_verdict_is_wider_for_being_picked_out() -> None:
    one = estimate(1.25, 1.2, 1.3, slower=0.0001)
    first, *others = judge([one, *[NOTHING] * 9], Rules())
    assert first.level == pytest.approx(0.995)
    assert {other.level for other in others} == {0.95}
    shown = judged(one, first)
    assert (shown.level, shown.p_value) == (first.level, 0.0001)
    assert (shown.ci_low, shown.ci_high) == pytest.approx((1.25 * (1.2 / 1.25) ** 10, 1.25 * (1.3 / 1.25) ** 10))
    assert judged(NOTHING, others[0]) == replace(NOTHING, p_value=0.5)
    # Picked with it: two of ten; all of them: the plain level.
    assert judge([one, one, *[NOTHING] * 8], Rules())[0].level == pytest.approx(0.99)
    assert [found.level for found in judge([one] * 10, Rules())] == [0.95] * 10
    same = estimate(1.0, 0.999, 1.001, same=0.0001)
    assert judge([one, same, *[NOTHING] * 8], Rules())[1].level == pytest.approx(0.99)


def test_the_interval_shown_never_contradicts_the_verdict() -> None:
    # At 99.5 % it reaches ten times as far: from 1.25 down to 1.21 would be to 0.9.
    one = estimate(1.25, 1.21, 1.3, slower=0.0001)
    assert judgement(one).verdict is Verdict.SLOWER
    assert judge([one, *[NOTHING] * 9], Rules())[0].verdict is Verdict.INCONCLUSIVE
    assert judgement(replace(one, ci_low=None, ci_high=None)).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("low", "gate", "broken"),
    [(1.125, 0.001, False), (1.126, 0.001, True), (1.126, 0.01, True), (1.126, 0.0101, False)],
)
def test_a_gate_is_broken_beyond_it_not_on_it(low: float, gate: float, broken: bool) -> None:
    assert judgement(estimate(1.5, low, 1.6, gate=gate), gate=0.125).gate_broken is broken
    assert not judgement(estimate(1.5, low, 1.6, gate=gate)).gate_broken, "no gate was asked for"


def test_a_gate_is_corrected_for_the_table_and_tested_on_its_own_edge() -> None:
    one = estimate(1.5, 1.4, 1.6, slower=0.0001, gate=0.004)
    assert [found.gate_broken for found in judge([one, NOTHING], Rules(gate=0.03))] == [True, False]
    first, *_ = judge([one, NOTHING, NOTHING], Rules(gate=0.03))
    assert (first.gate_broken, first.verdict) == (False, Verdict.SLOWER), "surely slower, not surely by 3 %"


def test_looks_are_allowed_for_in_every_claim() -> None:
    def looking(one: Estimate) -> Estimate:
        return replace(one, looks=((5, 30),))

    for verdict, one in (
        (Verdict.SLOWER, estimate(1.25, 1.2, 1.3, slower=0.008)),
        (Verdict.FASTER, estimate(0.75, 0.7, 0.8, faster=0.008)),
        (Verdict.SAME, estimate(1.0, 0.995, 1.005, same=0.008)),
    ):
        assert judgement(one).verdict is verdict
        assert judgement(looking(one)).verdict is Verdict.INCONCLUSIVE
    gate = estimate(1.25, 1.2, 1.3, gate=0.008)
    assert judgement(gate, gate=0.03).gate_broken
    assert not judgement(looking(gate), gate=0.03).gate_broken
    sure = looking(estimate(1.25, 1.2, 1.3, slower=0.0001))
    assert judgement(sure).verdict is Verdict.SLOWER
    assert (judgement(sure).p_value or 0) > 0.0001


def test_too_few_processes_say_how_many_are_missing() -> None:
    single = Estimate(design="paired", base_n=1, head_n=1, ratio=1.2)
    found = judgement(single)
    assert (found.verdict, found.more_processes, found.q_value) == (Verdict.INCONCLUSIVE, 4, None)
    assert found.reasons == ("1 processes a side, a verdict needs at least 5 (`same`: 16)",)
    # In a table of forty such cells five would not do, and nobody should run them in vain.
    found = judge([single] * 40, Rules())[0]
    assert (found.more_processes, found.least, found.cells) == (6, 7, 40)
    assert found.reasons == ("1 processes a side, a verdict in a table of 40 cells needs at least 7 (`same`: 16)",)
    apart = replace(single, design="unpaired")
    assert judge([apart] * 40, Rules())[0].more_processes == 7
    # Those that have enough count with it, those without any number do not.
    empty = Estimate(design="paired", base_n=0, head_n=9, ratio=None)
    few, *_ = judge([single, *[NOTHING] * 8, *[empty] * 30], Rules())
    assert (few.least, few.cells) == (6, 9)
    assert judge([], Rules()) == []


def test_a_cell_without_any_ratio_lacks_what_one_cell_needs() -> None:
    [alone] = judge([paired([])], Rules())
    assert (alone.cells, alone.least, alone.more_processes) == (1, 5, 5)
    empty, few, _ = judge([paired([]), paired([0.1] * 3), paired([0.1] * 9)], Rules())
    assert (empty.cells, few.cells) == (2, 2), "those that have a ratio"


def test_seven_pairs_in_a_table_of_a_hundred_and_forty_say_what_they_lack() -> None:
    alike, slow = paired([0.0] * 7), paired([0.7] * 7)
    first, *_ = judge([slow, *[alike] * 139], Rules())
    assert first.verdict is Verdict.INCONCLUSIVE
    assert first.reasons == ("7 processes a side, a verdict in a table of 140 cells needs at least 8 (`same`: 16)",)
    assert first.more_processes == 1


def test_what_cannot_be_judged_leaves_the_others_alone() -> None:
    without = Estimate(design="paired", base_n=12, head_n=12, ratio=1.2)
    first, second = judge([without, SLOW], Rules())
    assert (first.verdict, first.q_value, first.more_processes) == (Verdict.INCONCLUSIVE, None, None)
    assert (second.verdict, second.q_value, second.cells) == (Verdict.SLOWER, 0.001, 1)


BLOCKS = st.lists(st.floats(-0.2, 0.2), min_size=5, max_size=12)
MIRRORED = {Verdict.SLOWER: Verdict.FASTER, Verdict.FASTER: Verdict.SLOWER}


@settings(max_examples=60)
@given(st.lists(BLOCKS, min_size=1, max_size=4), st.sampled_from([-0.5, 0.0, 0.1]), st.floats(0.001, 1.0))
def test_swapping_the_sides_swaps_the_verdicts(cells: list[list[float]], shift: float, calm: float) -> None:
    table = [[shift + calm * value for value in one] for one in cells]
    here = judge([paired(one) for one in table], Rules())
    there = judge([paired([-value for value in one]) for one in table], Rules())
    for ours, theirs in zip(here, there, strict=True):
        assert MIRRORED.get(ours.verdict, ours.verdict) is theirs.verdict
        assert ours.p_value == pytest.approx(theirs.p_value)
        assert ours.q_value == pytest.approx(theirs.q_value)
    apart = judge([unpaired(one, [value + 0.3 for value in one]) for one in table], Rules())
    back = judge([unpaired([value + 0.3 for value in one], one) for one in table], Rules())
    assert [MIRRORED.get(one.verdict, one.verdict) for one in apart] == [one.verdict for one in back]


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(-0.1, 0.1), st.floats(-0.1, 0.1)), min_size=5, max_size=12), st.integers(-3, 3))
def test_the_unit_does_not_matter(blocks: list[tuple[float, float]], unit: int) -> None:
    """Microseconds or seconds: both sides move by the same logarithm. A power of two, so that no digit is lost."""

    def table(moved: float) -> list[Estimate]:
        base, head = ([round(side * 2**20) / 2**20 + moved for side in one] for one in zip(*blocks, strict=True))
        means = [(ours + theirs) / 2 for ours, theirs in zip(base, head, strict=True)]
        pairs = paired([theirs - ours for ours, theirs in zip(base, head, strict=True)], means=means)
        return [pairs, unpaired(base, head)]

    for here, there in zip(judge(table(0.0), Rules()), judge(table(8.0 * unit), Rules()), strict=True):
        assert here.verdict is there.verdict
        assert here.p_value == pytest.approx(there.p_value)


@settings(max_examples=60)
@given(st.lists(BLOCKS, min_size=1, max_size=4), BLOCKS)
@example(cells=[[0.0, 0.125, 0.125, 0.125, 0.125, 0.125]], another=[0.0] * 5)
def test_another_cell_makes_no_claim_surer(cells: list[list[float]], another: list[float]) -> None:
    estimates = [paired(one) for one in cells]
    before = judge(estimates, Rules())
    after = judge([*estimates, paired(another)], Rules())
    for one, then, now in zip(estimates, before, after, strict=False):
        assert (now.q_value or 0) >= (then.q_value or 0)
        if now.level is None or then.level is None or now.level < then.level:
            continue  # it is picked otherwise
        here, there = one.at(then.level), one.at(now.level)
        # Of two intervals the longer one is taken. With ties that may be another one at another level, and not hold the shorter.
        holds = (there.ci_low or 0) <= (here.ci_low or 0) and (there.ci_high or 0) >= (here.ci_high or 0)
        assert now.verdict is then.verdict or now.verdict is Verdict.INCONCLUSIVE or not holds


def test_a_wider_level_may_have_another_interval_where_values_tie() -> None:
    """The verdict of one cell is withheld there, which is the safe side: 0 lies in the interval of 95 %, and not in that of 97.5 %."""
    tied = paired([0.0, 0.125, 0.125, 0.125, 0.125, 0.125])
    assert judge([tied], Rules())[0].verdict is Verdict.INCONCLUSIVE
    assert tied.at(0.95).ci_low == 1.0
    assert (tied.at(0.975).ci_low or 0) > 1.0


def test_a_claim_that_is_just_as_sure_as_was_asked_for_stands() -> None:
    rules = Rules(alpha=0.01, gate=0.03)
    slower = judge([estimate(1.1, 1.05, 1.15, slower=0.01, gate=0.01)], rules)[0]
    assert (slower.verdict, slower.gate_broken) == (Verdict.SLOWER, True)
    assert judge([estimate(0.9, 0.85, 0.95, faster=0.01)], rules)[0].verdict is Verdict.FASTER
    assert judge([estimate(1.0, 0.999, 1.001, same=0.01, n=20)], rules)[0].verdict is Verdict.SAME
    above = math.nextafter(0.01, 1)
    missed = judge([estimate(1.1, 1.05, 1.15, slower=above, gate=above)], rules)[0]
    assert (missed.verdict, missed.gate_broken) == (Verdict.INCONCLUSIVE, False)


def test_of_two_cells_the_one_that_just_stands_has_the_wider_interval() -> None:
    picked, other = judge([estimate(1.1, 1.05, 1.15, slower=0.005), estimate(1.0, 0.9, 1.1)], Rules(alpha=0.01))
    assert picked.level == pytest.approx(0.975)
    assert other.level == pytest.approx(0.95)


def test_few_processes_look_the_same_when_just_as_sure_as_was_asked_for() -> None:
    one = paired([0.001, -0.001, 0.0005, -0.0005, 0.0002, -0.0002, 0.0008, -0.0008])
    p_value = one.p_within(math.log(1.01))
    assert 0 < p_value < 0.05
    for alpha, looks_same in ((p_value, True), (p_value * 0.999, False)):
        [found] = judge([one], Rules(alpha=alpha))
        assert (found.verdict, found.same_so_far, found.looks_same) == (Verdict.INCONCLUSIVE, looks_same, looks_same)
