from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from harness.analysis.one_sided import paired_p
from harness.analysis.ratio_interval import paired
from harness.analysis.sequential import LOOK_LEVEL, Looks, allowing_for, look_alpha, repeated_p
from harness.records.adaptive_decisions import AdaptivePlan

SHORT, LONG = (AdaptivePlan(min_blocks=5, max_blocks=most, until=0.02) for most in (12, 60))


def test_a_run_that_looks_has_the_interval_of_a_look() -> None:
    assert Looks(()).level == 0.95
    assert Looks((SHORT,)).level == Looks((SHORT, LONG)).level == LOOK_LEVEL == 0.97


def test_an_estimate_remembers_how_often_was_looked() -> None:
    estimate = paired([0.03, 0.05, 0.04, 0.06, 0.02, 0.05])
    assert Looks(()).corrected(estimate) == estimate
    assert Looks((SHORT, LONG)).corrected(estimate) == replace(estimate, looks=((5, 12), (5, 60)))
    assert Looks(()).corrected(replace(estimate, looks=((5, 12),))).looks == ()


def test_the_strictest_of_several_plans_counts() -> None:
    for p_value in (0.001, 0.01, 0.2):
        assert allowing_for((), p_value) == p_value
        short, long = (repeated_p(p_value, 5, most) for most in (12, 60))
        assert (
            allowing_for(((5, 12), (5, 60)), p_value) == allowing_for(((5, 60), (5, 12)), p_value) == max(short, long)
        )
        assert long > short > p_value


@pytest.mark.parametrize(("least", "most"), [(5, 12), (5, 30), (10, 10)])
@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.001])
def test_the_level_of_a_look_is_the_largest_that_stands_after_all_of_them(least: int, most: int, alpha: float) -> None:
    found = look_alpha(alpha, least, most)
    assert 0 < found <= alpha
    assert repeated_p(found, least, most) <= alpha < repeated_p(found * (1 + 1e-6) + 1e-12, least, most)
    assert look_alpha(alpha, least, most) is found, "it is found once"


def test_more_looks_leave_less_for_each() -> None:
    levels = [look_alpha(0.01, 5, most) for most in (5, 8, 12, 30)]
    assert levels == sorted(levels, reverse=True)
    assert len(set(levels)) == 4
    assert look_alpha(0.0, 5, 12) == 0.0


def test_the_p_value_of_many_looks_is_one_that_can_be_corrected_for_many_cells() -> None:
    rng = np.random.default_rng(6)
    shape = (4000, 20)
    # Noise in two modes is what the floor of 4^-n is for.
    for noise in (
        rng.standard_normal(shape),
        rng.standard_t(3, shape),
        rng.integers(0, 2, shape) - rng.integers(0, 2, shape),
    ):
        smallest = np.min([paired_p(noise[:, :n].astype(np.float64), 0.0) for n in range(5, 21)], axis=0)
        worth = np.asarray([repeated_p(float(p), 5, 20) for p in smallest])
        for share in (0.3, 0.05, 0.01):
            assert (worth <= share).mean() <= share + 3 * math.sqrt(share / 4000)
    assert repeated_p(1.0, 5, 20) == 1.0
    assert repeated_p(1e-9, 5, 20) == pytest.approx(16e-9)
    assert repeated_p(0.004, 9, 9) >= 0.004


def test_a_share_of_experiments_counts_the_one_that_was_made_too() -> None:
    """Of 100,000 experiments and the one at hand: never 0, and 1 for a p-value that each of them has."""
    for p_value in (0.01, 0.0213, 0.1, 0.4):
        of = repeated_p(p_value, 5, 12) * 100_001
        assert of == pytest.approx(round(of), abs=1e-6)
        assert of > 100_001 * p_value
    assert repeated_p(1.0, 5, 12) == 1.0
    assert repeated_p(1.0, 5, 61) == 1.0
    many = repeated_p(0.1, 5, 61) * 20_001
    assert many == pytest.approx(round(many), abs=1e-6)


def test_where_no_experiment_can_tell_the_number_of_looks_corrects() -> None:
    assert repeated_p(1e-9, 5, 12) == pytest.approx(8e-9)
    assert repeated_p(1e-9, 10, 10) == pytest.approx(1e-9)
    assert repeated_p(0.0, 5, 12) == 0.0


def test_a_single_look_needs_hardly_any_correction() -> None:
    assert repeated_p(0.05, 10, 10) == pytest.approx(0.05, abs=0.003)
    assert look_alpha(0.05, 10, 10) == pytest.approx(0.05, abs=0.003)
