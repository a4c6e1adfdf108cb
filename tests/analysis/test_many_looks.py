"""What many looks at one experiment are worth, against an independent simulation and against what can be counted out."""

from __future__ import annotations

import numpy as np
import pytest

from harness.analysis.one_sided import paired_p
from harness.analysis.ranks import Floats
from harness.analysis.sequential import repeated_p

EXPERIMENTS = 20_000
DEVIATIONS = 4
"""Two simulations of `EXPERIMENTS` each differ by less than so many standard deviations of their difference."""


def within(share: float) -> float:
    return DEVIATIONS * float(np.sqrt(2 * share * (1 - share) / EXPERIMENTS))


@pytest.fixture(scope="module")
def noise() -> Floats:
    """Experiments on the edge, of another seed than the harness's own."""
    return np.random.default_rng(77).standard_normal((EXPERIMENTS, 12))


@pytest.mark.parametrize(
    ("least", "most", "edge"), [(5, 12, 0.0), (8, 12, 0.0), (2, 6, 0.0), (5, 5, 0.0), (5, 12, 3.0), (5, 12, -3.0)]
)
def test_a_p_value_after_many_looks_is_the_share_of_experiments_that_ever_show_it(
    least: int, most: int, edge: float, noise: Floats
) -> None:
    smallest = np.min([paired_p(noise[:, :n] + edge, edge) for n in range(least, most + 1)], axis=0)
    for p_value in (0.3, 0.1, 0.03, 0.01):
        share = min(float((smallest <= p_value).mean()), p_value * (most - least + 1))
        assert repeated_p(p_value, least, most) == pytest.approx(max(p_value, share), abs=within(share))


def test_either_direction_errs_alike(noise: Floats) -> None:
    looks = range(5, 13)
    up, down = (np.min([paired_p(sign * noise[:, :n], 0.0) for n in looks], axis=0) for sign in (1, -1))
    for p_value in (0.05, 0.01):
        shares = [float((one <= p_value).mean()) for one in (up, down)]
        assert shares[0] == pytest.approx(shares[1], abs=within(shares[0]))
        assert repeated_p(p_value, 5, 12) == pytest.approx(shares[1], abs=within(shares[1]))


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
