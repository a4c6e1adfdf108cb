from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from harness.analysis.drift import DEVIATIONS, P_MOVED, _variance_over_orders, rank_ratio_p, slow_movement
from harness.analysis.ranks import Floats


def test_a_ramp_and_a_step_in_the_middle_have_moved() -> None:
    ramp = np.arange(12) / 100
    step = np.asarray([0.0] * 4 + [0.1] * 4 + [0.0] * 4) + np.arange(12) % 2 * 1e-4
    assert slow_movement(ramp) == pytest.approx(DEVIATIONS * math.sqrt(ramp.var(ddof=1) - 1e-4 / 2))
    assert slow_movement(step) == pytest.approx(DEVIATIONS * 0.0389, abs=0.001)


def test_what_goes_up_and_down_all_the_time_has_not() -> None:
    assert slow_movement(np.arange(12) % 2 / 100) == 0


def test_few_processes_count_as_moved_by_whatever_they_show() -> None:
    values = np.asarray([0.0, 0.03, 0.01, 0.05, 0.02])
    assert rank_ratio_p(values) > P_MOVED
    fast = np.square(np.diff(values)).mean() / 2
    assert slow_movement(values) == pytest.approx(DEVIATIONS * math.sqrt(max(0.0, values.var(ddof=1) - fast)))
    assert slow_movement(np.asarray([0.0, 0.02])) >= 0


@pytest.mark.parametrize("n", [8, 10, 20, 40])
def test_chance_alone_moves_as_often_as_it_is_said_to(n: int) -> None:
    values = np.random.default_rng(4).standard_t(3, (20_000, n))
    assert (rank_ratio_p(values) <= P_MOVED).mean() == pytest.approx(P_MOVED, abs=0.03)


def test_the_rank_ratio_by_hand() -> None:
    """Eight values: ranks 0..7, whose variance is n(n^2-1)/12 = 42; variance of the ratio 4*6*295 / (5*8*9*49)."""
    deviation = math.sqrt(4 * 6 * 295 / (5 * 8 * 9 * 49))
    ramp: Floats = np.arange(8.0) / 2
    assert rank_ratio_p(ramp) == pytest.approx(stats.norm.cdf((7 / 42 - 2) / deviation))
    assert rank_ratio_p(ramp) == pytest.approx(0.0019, abs=5e-5)
    # Neighbours as unlike as can be: 7 + 6 + ... squared is 140.
    assert rank_ratio_p(np.array([0, 7, 1, 6, 2, 5, 3, 4])) == pytest.approx(stats.norm.cdf((140 / 42 - 2) / deviation))
    both = rank_ratio_p(np.stack([ramp, ramp[::-1]]))
    assert both == pytest.approx(np.array([float(rank_ratio_p(ramp))] * 2)), "either direction, many runs at once"


def test_from_eight_processes_on_chance_is_told_apart() -> None:
    calm = np.array([0.0, 2.0, 1.0, 3.0, 2.0, 1.0, 3.0, 1.5])
    assert rank_ratio_p(calm) > P_MOVED
    assert slow_movement(calm) == 0
    few = np.array([0.0, 1.0, 0.0, 0.0, 2.0, 2.0, 2.0])
    # Mean 1, squares 1+0+1+1+1+1+1 = 6 over 6; differences 1, -1, 0, 2, 0, 0: 6 over 6, halved.
    assert slow_movement(few) == pytest.approx(3 * math.sqrt(1 - 0.5))


def test_what_moves_less_than_its_neighbours_differ_has_no_slow_part() -> None:
    assert slow_movement(np.array([0.0, 2.0, 0.0, 2.0])) == 0


def test_two_processes_by_hand() -> None:
    # Of two values the variance is half the square of their difference, and so is the fast part.
    assert slow_movement(np.array([0.0, 2.0])) == pytest.approx(0)


def test_runs_are_told_apart_row_by_row() -> None:
    ramp, zigzag = np.arange(8.0), np.array([0.0, 7.0, 1.0, 6.0, 2.0, 5.0, 3.0, 4.0])
    moved = slow_movement(np.stack([ramp, zigzag]))
    assert moved == pytest.approx([3 * math.sqrt(6 - 0.5), 0])


def test_the_variance_is_that_over_all_orders() -> None:
    """Six values with ties: all 720 orders."""
    ranks = np.array([-2.0, -2.0, 0.0, 1.0, 1.0, 2.0])
    every = np.array(list(itertools.permutations(ranks)))
    sums = np.square(np.diff(every, axis=-1)).sum(axis=-1)
    second, fourth = (np.asarray((ranks**power).sum()) for power in (2, 4))
    assert sums.mean() == pytest.approx(2 * float(second))
    assert _variance_over_orders(6, second, fourth) == pytest.approx(sums.var())


@pytest.mark.parametrize("levels", [2, 3, 5])
def test_rounded_values_are_no_drift(levels: int) -> None:
    values: Floats = np.random.default_rng(6).integers(0, levels, (20_000, 12)).astype(np.float64)
    assert (rank_ratio_p(values) <= P_MOVED).mean() == pytest.approx(P_MOVED, abs=0.06)


def test_equal_values_have_not_moved_and_a_step_between_two_levels_has() -> None:
    assert rank_ratio_p(np.full(10, 5.0)) == 1
    assert slow_movement(np.full(10, 5.0)) == 0
    assert slow_movement(np.array([5.2] * 6 + [5.3] * 6)) > 0


def test_seven_processes_count_as_moved_where_eight_would_not() -> None:
    """Both may be chance by their ranks; with seven, chance cannot be told, so what moved counts."""
    seven, eight = np.array([1.0, 3.0, 4.0, 3.0, 4.0, 3.0, 3.0]), np.array([0.0, 3.0, 2.0, 4.0, 3.0, 4.0, 4.0, 0.0])
    assert rank_ratio_p(seven) > P_MOVED
    assert rank_ratio_p(eight) > P_MOVED
    # Mean 3, squares 4+0+1+0+1+0+0 = 6 over 6; differences 2, 1, -1, 1, -1, 0: 8 over 6, halved.
    assert slow_movement(seven) == pytest.approx(3 * math.sqrt(1 - 2 / 3))
    assert slow_movement(eight) == 0
