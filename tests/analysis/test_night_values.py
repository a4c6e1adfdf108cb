"""The values of nights and their errors, by hand."""

from __future__ import annotations

import math

import pytest

from harness.analysis.night_values import nights_of
from tests.analysis.history_nights import series, with_nights


def test_an_error_of_memory_is_its_interval_and_the_usual_one_where_there_is_none() -> None:
    one = series([5.0, 5.0, 5.0, 5.0, 5.0], metric="memory")
    one = with_nights(one, [0], ci_low=4.0, ci_high=6.0)
    one = with_nights(one, [1], ci_low=3.0, ci_high=7.0)
    one = with_nights(one, [2], ci_low=2.0, ci_high=8.0)
    one = with_nights(one, [3], ci_low=4.0)
    nights = nights_of(one, one.estimates, min_effect=0.01)
    assert nights.errors == pytest.approx([1 / 1.96, 2 / 1.96, 3 / 1.96, 2 / 1.96, 2 / 1.96])


def test_errors_of_memory_without_any_interval_are_unknown() -> None:
    one = series([5.0, 6.0], metric="memory")
    assert list(nights_of(one, one.estimates, min_effect=0.01).errors) == [0.0, 0.0]


def test_an_error_of_a_time_is_its_spread_joined_with_the_usual_one() -> None:
    """The usual spread counts as much as four more processes."""
    one = with_nights(series([100.0] * 5), range(5), processes=7, spread=0.02)
    one = with_nights(one, [4], spread=0.08)
    errors = nights_of(one, one.estimates, min_effect=0.01).errors
    assert errors[0] == pytest.approx(math.sqrt(math.pi / 2) * 0.02 / math.sqrt(7))
    assert errors[4] == pytest.approx(
        math.sqrt(math.pi / 2) * math.sqrt((6 * 0.08**2 + 4 * 0.02**2) / 10) / math.sqrt(7)
    )
