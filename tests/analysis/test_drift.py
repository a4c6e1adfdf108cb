from __future__ import annotations

import math

import numpy as np
import pytest

from harness.analysis.drift import DEVIATIONS, P_MOVED, rank_ratio_p, slow_movement


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
