"""When a comparison is known well enough: a narrow interval, and a verdict where one is near."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.analysis.ranks import Floats
from harness.analysis.ratio_interval import paired
from harness.analysis.required_processes import least_processes
from harness.analysis.sequential import Looks, look_alpha
from harness.analysis.stop_rule import plain_width, settled
from harness.analysis.verdict import Rules, Verdict, judge
from harness.records.adaptive_decisions import AdaptivePlan

PLAN = AdaptivePlan(min_blocks=5, max_blocks=30, until=0.02)
EDGE = math.log(1.01)


def stops(values: Floats, *, cells: int = 1, plan: AdaptivePlan = PLAN, blocks: int | None = None) -> bool:
    return bool(settled(values, blocks=blocks or len(values), plan=plan, cells=cells))


def spaced(centre: float, spread: float, n: int) -> Floats:
    """Values of that mean and that standard deviation, without chance."""
    shape = np.linspace(-1, 1, n)
    return np.asarray(centre + spread * shape / shape.std(ddof=1), dtype=np.float64)


def first_stop(values: Floats, cells: int, plan: AdaptivePlan = PLAN) -> int:
    """The number of blocks after which a run ends that looks after each."""
    return next(n for n in range(plan.min_blocks, len(values) + 1) if stops(values[:n], cells=cells, plan=plan))


def test_the_width_is_that_of_the_narrower_plain_interval() -> None:
    # Of twenty, ranks leave out far more than the twenty averages that one value is in; Student's takes it in.
    skewed = np.array([0.0] * 19 + [0.1])
    assert float(plain_width(skewed)) == 0.0
    # Five: ranks take the whole range, Student 2 * 2.4559 * s / sqrt 5.
    uniform = np.array([0.0, 0.01, 0.02, 0.03, 0.04])
    assert float(plain_width(uniform)) == pytest.approx(
        math.expm1(2 * stats.t.ppf(0.965, 4) * uniform.std(ddof=1) / math.sqrt(5)), rel=1e-9
    )
    two = np.array([0.0, 0.01])
    assert float(plain_width(two)) == pytest.approx(math.expm1(2 * stats.t.ppf(0.965, 1) * 0.005), rel=1e-9)
    assert float(plain_width(np.array([-1e6, 1e6]))) == math.expm1(700.0), "as wide as a number can be"
    many = np.random.default_rng(1).normal(0, 0.01, (3, 9))
    assert plain_width(many).tolist() == [float(plain_width(one)) for one in many]


def test_what_is_within_the_region_stops_at_the_least_number_whatever_the_table() -> None:
    for cells in (1, 8, 40, 400):
        assert stops(spaced(0.0, 0.002, 5), cells=cells)
        assert stops(spaced(0.005, 0.002, 5), cells=cells)
        assert stops(spaced(-0.005, 0.002, 5), cells=cells)


def test_steps_of_the_printed_values_count_as_in_the_verdict() -> None:
    def coarse(values: Floats, slack: float) -> bool:
        return bool(settled(values, blocks=len(values), plan=PLAN, cells=40, slack=slack))

    # Within the region, but not with the steps: five blocks could give no verdict in such a table, so it goes on.
    near_the_edge = spaced(0.007, 0.001, 5)
    assert coarse(near_the_edge, 0.0)
    assert not coarse(near_the_edge, 0.002)
    # Beyond the region, and decided; with the steps it is not yet.
    beyond = spaced(0.018, 0.002, 9)
    assert coarse(beyond, 0.0)
    assert not coarse(beyond, 0.006)


def test_it_never_stops_while_it_is_wide() -> None:
    for centre in (0.0, 0.02, 1.0):
        assert not stops(spaced(centre, 0.03, 9))
        assert not stops(spaced(centre, 0.03, 30))


@pytest.mark.parametrize(("slack", "found"), [(1e-9, True), (-1e-9, False)])
def test_as_wide_as_was_asked_for_is_narrow(slack: float, found: bool) -> None:
    values = spaced(0.0, 0.002, 8)
    until = float(plain_width(values)) + slack
    assert stops(values, plan=AdaptivePlan(min_blocks=5, max_blocks=30, until=until)) is found


@pytest.mark.parametrize(("cells", "blocks"), [(1, 5), (2, 6), (8, 7), (40, 9)])
@pytest.mark.parametrize("ratio", [2.0, 0.5, 1.1])
def test_a_plain_difference_goes_on_until_a_verdict_is_possible(ratio: float, cells: int, blocks: int) -> None:
    """0.2 % of noise and a ratio of 2: five narrow blocks, and no verdict in a table of many cells."""
    assert blocks == least_processes(cells, 0.01, looks=((5, 30),))
    values = math.log(ratio) + np.random.default_rng(2).normal(0, 0.002 * math.sqrt(2), 30)
    assert first_stop(values, cells) == blocks
    for n, verdict in ((blocks, {Verdict.SLOWER, Verdict.FASTER}), (blocks - 1, {Verdict.INCONCLUSIVE})):
        estimate = Looks((PLAN,)).corrected(paired(list(values[:n]), level=0.97))
        (found, *_) = judge([estimate] + [paired([0.0] * 9)] * (cells - 1), Rules())
        if n >= 5:
            assert found.verdict in verdict


@pytest.mark.parametrize("noise", [0.001, 0.002, 0.003])
@pytest.mark.parametrize("cells", [1, 8])
def test_three_per_cent_are_found_on_a_calm_phone(noise: float, cells: int) -> None:
    """Before, a run of little noise stopped at five blocks and found nothing: 0 % at 0.1 % of noise, 3 % at 0.2 %."""
    rng = np.random.default_rng(3)
    found = blocks = 0
    for _ in range(40):
        values = rng.normal(math.log(1.03), noise * math.sqrt(2), 30)
        n = first_stop(values, cells)
        estimate = Looks((PLAN,)).corrected(paired(list(values[:n]), level=0.97))
        found += judge([estimate, *[paired([0.0] * 9)] * (cells - 1)], Rules())[0].verdict is Verdict.SLOWER
        blocks += n
    assert found == 40
    assert blocks < 40 * 10, "fewer than ten fixed processes"


def test_a_ratio_on_the_edge_is_not_waited_for() -> None:
    for centre in (EDGE, -EDGE, 0.9 * EDGE):
        assert stops(spaced(centre, 0.003, 12), cells=8)
    assert stops(spaced(1.05 * EDGE, 0.003, 12), cells=8), "a verdict would take hundreds"


def test_up_to_ten_blocks_anything_beyond_the_region_is_worth_another() -> None:
    # At nine blocks only a hair beyond the edge, and far from any verdict; at ten it must be near.
    for n, found in ((8, False), (9, False), (10, True), (11, True)):
        assert stops(spaced(1.05 * EDGE, 0.003, n)) is found
    short = AdaptivePlan(min_blocks=5, max_blocks=8, until=0.02)
    assert not stops(spaced(1.05 * EDGE, 0.003, 7), plan=short)
    assert stops(spaced(1.05 * EDGE, 0.003, 8), plan=short), "no block is left to wait for"


def test_beyond_ten_a_verdict_must_be_a_few_blocks_away() -> None:
    """Eight more are worth it in a table of one cell, one more for each doubling, by the t-test's half of the corrected error."""
    for cells, patience in ((1, 8), (2, 9), (8, 11), (40, 13)):
        single = look_alpha(0.01 / cells, 5, 30)
        spread, n = 0.004, 12
        values = spaced(0.0, spread, n)
        error = stats.t.ppf(1 - single * 0.5, n + patience - 1) * spread / math.sqrt(n + patience)
        assert not stops(values + EDGE + error * 1.001, cells=cells)
        assert stops(values + EDGE + error * 0.999, cells=cells)
        assert not stops(-values - EDGE - error * 1.001, cells=cells)


def test_blocks_that_are_set_aside_count_as_run() -> None:
    values = spaced(1.05 * EDGE, 0.003, 9)
    assert not stops(values, blocks=9)
    assert stops(values, blocks=10)


def test_where_no_number_of_blocks_gives_a_verdict_all_that_may_run_do() -> None:
    """What lies beyond the region goes on until a verdict is possible: here that is never, so to the last block."""
    never = Rules(alpha=1e-310)
    assert least_processes(1, never.alpha, looks=((5, 30),)) is None
    for n, found in ((28, False), (29, False), (30, True)):
        assert bool(settled(spaced(0.5, 0.001, n), blocks=n, plan=PLAN, cells=1, rules=never)) is found


def test_a_table_of_no_cell_is_one_of_one() -> None:
    for values in (spaced(0.0, 0.002, 5), spaced(0.05, 0.004, 5), spaced(1.05 * EDGE, 0.003, 11)):
        assert stops(values, cells=0) == stops(values, cells=1)


def test_the_region_of_the_user_counts() -> None:
    values = spaced(math.log(1.03), 0.003, 5)
    assert not stops(values, cells=8)
    assert settled(values, blocks=5, plan=PLAN, cells=8, rules=Rules(min_effect=0.05))


def test_many_experiments_at_once_are_each_as_alone() -> None:
    values = np.random.default_rng(5).normal(0.01, 0.01, (200, 8))
    found = settled(values, blocks=8, plan=PLAN, cells=8)
    assert set(found.tolist()) == {True, False}
    assert found.tolist() == [stops(one, cells=8) for one in values]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(-0.02, 0.02), min_size=5, max_size=14), st.sampled_from([1, 8, 40]), st.floats(0, 0.05))
def test_both_directions_are_alike(noise: list[float], cells: int, shift: float) -> None:
    values = np.array(noise) / 4 + shift
    assert stops(values, cells=cells) == stops(-values, cells=cells)
