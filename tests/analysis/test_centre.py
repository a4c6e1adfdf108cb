from __future__ import annotations

import statistics

import pytest

from harness.analysis.centre import Spread, centre, spread


def test_five_processes_at_10_ms_and_five_at_15_ms_lie_at_12_and_a_half() -> None:
    assert centre([10_000.0] * 5 + [15_000.0] * 5) == 12_500.0


def test_of_an_odd_number_it_is_the_value_in_the_middle_exactly() -> None:
    assert centre([0.3, 0.1, 0.2]) == 0.2


def test_zeros_and_negative_growth_have_a_centre() -> None:
    assert centre([0.0, 0.0, 3.0]) == 0.0
    assert centre([-1.0, 0.0]) == -0.5


def test_nothing_has_no_centre() -> None:
    with pytest.raises(statistics.StatisticsError):
        centre([])
    assert spread([]) is None


def test_the_spread_is_the_range_over_the_centre() -> None:
    found = spread(value for value in (12.0, 10.0, 8.0))
    assert found == Spread(centre=10.0, low=8.0, high=12.0, count=3)
    assert found is not None
    assert found.relative == pytest.approx(0.4)


def test_a_single_value_and_a_centre_of_zero_have_no_relative_spread() -> None:
    assert Spread(centre=3.0, low=3.0, high=3.0, count=1).relative is None
    assert Spread(centre=0.0, low=-1.0, high=1.0, count=2).relative is None
    two = spread([3.0, 3.0])
    assert two is not None
    assert two.relative == 0.0
