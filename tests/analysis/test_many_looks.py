"""What many looks at one experiment are worth, against an independent simulation and against what can be counted out."""

from __future__ import annotations

import numpy as np
import pytest

from harness.analysis.ranks import Floats
from harness.analysis.ratio_interval import paired_many
from harness.analysis.sequential import look_level, repeated_p

EXPERIMENTS = 20_000
DEVIATIONS = 4
"""Two simulations of `EXPERIMENTS` each differ by less than so many standard deviations of their difference."""


def within(share: float) -> float:
    return DEVIATIONS * float(np.sqrt(2 * share * (1 - share) / EXPERIMENTS))


@pytest.fixture(scope="module")
def noise() -> Floats:
    """Experiments without a difference, of another seed than the harness's own."""
    return np.random.default_rng(77).standard_normal((EXPERIMENTS, 12))


@pytest.mark.parametrize(("least", "most"), [(5, 12), (2, 6), (8, 12), (12, 12)])
def test_intervals_at_the_level_of_a_look_miss_as_often_as_one_may(least: int, most: int, noise: Floats) -> None:
    level = look_level(least, most)
    missed = np.zeros(EXPERIMENTS, dtype=np.bool_)
    for n in range(least, most + 1):
        found = paired_many(noise[:, :n], level=level)
        missed |= (found.low > 0) | (found.high < 0)
    # A level moves by steps where ranks decide: it may be a little stricter than asked, never laxer.
    assert 0.035 < missed.mean() <= 0.05 + within(0.05)


@pytest.mark.parametrize(("least", "most"), [(5, 12), (8, 12), (5, 5)])
def test_a_p_value_after_many_looks_is_the_share_of_experiments_that_ever_show_it(
    least: int, most: int, noise: Floats
) -> None:
    smallest = np.min([paired_many(noise[:, :n]).p_value for n in range(least, most + 1)], axis=0)
    for p_value in (0.3, 0.1, 0.03, 0.01):
        share = min(float((smallest <= p_value).mean()), p_value * (most - least + 1))
        assert repeated_p(p_value, least, most) == pytest.approx(max(p_value, share), abs=within(share))


def test_where_simulation_cannot_tell_looks_are_counted() -> None:
    assert repeated_p(1e-7, 5, 12) == pytest.approx(8e-7)
    assert repeated_p(1e-7, 12, 12) == pytest.approx(1e-7)
    assert repeated_p(0.0, 5, 12) == 0.0


def test_a_p_value_never_becomes_smaller_and_never_more_than_one() -> None:
    found = [repeated_p(p_value, 5, 12) for p_value in (0.001, 0.01, 0.1, 0.5, 0.9, 1.0)]
    assert found == sorted(found)
    assert found[-1] == 1.0
    assert all(0 < after <= 1 for after in found)
    assert found[0] >= 0.001
