from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.outlying_blocks import outlying
from harness.analysis.ranks import Floats

CALM = np.array([0.000, 0.010, 0.004, 0.012, 0.002, 0.009, 0.001, 0.011, 0.003, 0.010])


def chosen(values: Floats) -> list[int]:
    return [int(index) for index in np.nonzero(outlying(values))[0]]


@pytest.mark.parametrize("at", [0, 1, 4, 8, 9])
@pytest.mark.parametrize("jump", [2.3, -2.3])
def test_one_slow_or_fast_block_is_set_aside_wherever_it_is(at: int, jump: float) -> None:
    values = CALM.copy()
    values[at] += jump
    assert chosen(values) == [at]


def test_a_calm_run_keeps_all_its_blocks() -> None:
    assert chosen(CALM) == []


def test_fewer_than_eight_blocks_are_all_kept() -> None:
    values = CALM[:8].copy()
    values[3] = 2.0
    assert chosen(values) == [3]
    assert chosen(np.delete(values, 7)) == []
    assert outlying(np.array([])).shape == (0,)
    assert outlying(np.zeros((3, 5))).shape == (3, 5)


def test_a_block_is_an_outlier_from_six_robust_deviations_on() -> None:
    """Steps of 0.01 up and down: a robust deviation is 1.4826 * 0.01 / sqrt 2, six of them are 0.0629."""
    up_and_down = np.array([0.0, 0.01] * 5)
    for jump, found in ((0.0628, []), (0.0630, [4])):
        values = up_and_down.copy()
        # The median of its neighbours and itself (0, 0.01, x, 0.01, 0) is 0.01.
        values[4] = 0.01 + jump
        assert chosen(values) == found


def test_a_drift_is_no_outlier() -> None:
    assert chosen(CALM + np.linspace(0, 3.0, 10)) == []
    assert chosen(CALM + np.linspace(3.0, 0, 10)) == []


def test_a_throttled_phase_is_no_outlier() -> None:
    for first, last in ((0, 5), (3, 7), (6, 10)):
        values = CALM.copy()
        values[first:last] += 0.5
        assert chosen(values) == []


def with_pairs(count: int) -> tuple[Floats, list[int]]:
    """Two of every five blocks are far away, each pair farther than the one before; and which they are."""
    values = np.resize([0.0, 0.01, 0.003, 0.012, 0.001], count).astype(np.float64)
    far = [at for first in range(3, count - 4, 5) for at in (first, first + 1)]
    values[far] += [1.0 + 0.1 * (index // 2) for index in range(len(far))]
    return values, far


@pytest.mark.parametrize("count", range(45, 200))
def test_at_most_a_third_is_set_aside_the_farthest_first(count: int) -> None:
    values, far = with_pairs(count)
    assert len(far) > count // 3
    found = chosen(values)
    assert len(found) == count // 3
    assert set(far[1 - len(found) :]) < set(found) < set(far)
    assert chosen(-values) == found


def test_more_far_blocks_than_usual_ones_are_a_habit() -> None:
    values = CALM.copy()
    values[1::2] += 2.0
    assert chosen(values) == []
    values = np.resize(CALM, 16).copy()
    values[1::3] += 2.0
    assert chosen(values) == [], "ten of fifteen steps are large: that is the usual step"


def test_values_that_never_move_tell_nothing_of_outliers() -> None:
    assert chosen(np.array([0.0] * 9 + [3.0])) == []
    assert chosen(np.zeros(10)) == []


def test_the_direction_of_time_does_not_matter() -> None:
    """Both ends are mirrored alike. Steps that differ from each other, so that no tie decides."""
    values = np.random.default_rng(2).standard_t(1.2, (400, 9))
    found = outlying(values)
    assert found[:, [0, 1, -2, -1]].any(axis=0).all()
    assert outlying(values[:, ::-1]).tolist() == found[:, ::-1].tolist()


def test_many_experiments_at_once_are_each_as_alone() -> None:
    values = np.random.default_rng(1).standard_t(1.5, (50, 12))
    found = outlying(values)
    assert found.any()
    for one, alone in zip(values, found, strict=True):
        assert outlying(one).tolist() == alone.tolist()


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(-3, 3)), min_size=8, max_size=20), st.floats(-5, 5))
def test_the_choice_is_blind_to_the_side_and_to_the_unit(blocks: list[tuple[float, float]], unit: float) -> None:
    base, head = np.array(blocks).T
    found = outlying((base + head) / 2)
    assert found.sum() <= len(blocks) // 3
    # Swapping the sides of any blocks leaves the means, so the choice, as they are.
    flip = np.arange(len(blocks)) % 2 == 0
    assert outlying((np.where(flip, head, base) + np.where(flip, base, head)) / 2).tolist() == found.tolist()
    assert outlying(-(base + head) / 2).tolist() == found.tolist()
    rounded = np.round((base + head) / 2 * 1024) / 1024
    assert outlying(rounded + round(unit * 1024) / 1024).tolist() == outlying(rounded).tolist()
