"""Whatever a series holds, its changes are whole: finite, in order, and of nights that are there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.analysis.history_changes import changes_in
from harness.analysis.latest_nights import RecentChange, told_changes
from harness.analysis.stable_level import NightSpread, level_of, levels_of, variance_of_mean
from harness.records.history import Series
from tests.analysis.history_nights import NOW, START, night, noisy, series, stepped

PLACES = st.sampled_from([1.0, 1.0, 1.0, 1.01, 2.0, 1e-300, 5e-324, 1e308, 0.0, -3.0, 1e-9, 1e9])
SPREADS = st.sampled_from([None, 0.0, 0.01, 5.0, 1e300])


@st.composite
def hostile(draw: st.DrawFn) -> Series:
    metric = draw(st.sampled_from(["inference_avg", "memory", "peak_memory"]))
    values = draw(st.lists(PLACES | st.floats(-1e300, 1e300), max_size=40))
    values = draw(st.sampled_from([values, [3.0] * 20 + values, values * 2]))
    nights = []
    for place, value in enumerate(values):
        low = draw(st.sampled_from([None, value, value - 1, -1e308]))
        nights.append(
            night(
                place,
                value,
                at=START + timedelta(days=place // draw(st.integers(1, 3))),
                spread=draw(SPREADS),
                processes=draw(st.sampled_from([1, 2, 10])),
                ci_low=low,
                ci_high=None if low is None else draw(st.sampled_from([value, 1e308])),
                synthetic=draw(st.integers(0, 9)) == 0,
            )
        )
    return replace(series([], metric=metric), estimates=tuple(nights))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(hostile())
def test_changes_of_any_series_are_whole(one: Series) -> None:
    runs = {each.run_id: each for each in one.estimates}
    found = changes_in([one], now=NOW)
    assert len({change.id for change in found}) == len(found)
    for change in found:
        assert all(map(math.isfinite, (change.before, change.after, change.ratio, change.ci_low, change.ci_high)))
        assert change.ci_low <= change.ratio <= change.ci_high
        assert change.ratio > 0
        assert runs[change.last_good].at <= runs[change.first_bad].at
        assert runs[change.last_good].synthetic is runs[change.first_bad].synthetic


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(20, 70), st.sampled_from([0.97, 1.0, 1.03, 1.2]))
def test_what_was_told_on_a_night_does_not_depend_on_later_nights(seed: int, place: int, by: float) -> None:
    """Only the night of a change may move, by `MOVES` and until it is settled; and it may be withdrawn by then."""
    values = np.log(stepped(place, 80 - place, by=by, seed=seed))
    everything = told(values)
    for count in (30, 50, 70):
        early = [one.told for one in told(values[:count]) if one.told < count - 10]
        assert early == [one.told for one in everything if one.told < count - 10]


def told(values: Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float64]], p: float = 6e-4) -> list[RecentChange]:
    logs = np.asarray(values, dtype=np.float64)
    return told_changes(logs, np.zeros(len(logs)), least_spread=5e-4, least_effects=0.005, p=p)


def test_three_nights_after_the_five_that_a_level_needs_tell_a_change() -> None:
    quiet = [0.001, -0.001, 0.0, 0.0005, -0.0005]
    assert told([*quiet, 0.2, 0.2]) == []
    assert [(one.first_bad, one.told, one.up) for one in told([*quiet, 0.2, 0.2, 0.2])] == [(5, 7, True)]


def test_the_p_value_of_three_far_nights_by_hand() -> None:
    """Each counts as three deviations, and may be bad by chance. A level of 40 nights adds 3/40 of a night's variance."""
    bad = 0.5 / (40 + 1)
    chance = 2 * sum(
        math.comb(3, spoilt)
        * bad**spoilt
        * (1 - bad) ** (3 - spoilt)
        * NormalDist().cdf(-3 * (3 - spoilt) / math.sqrt(max(3 - spoilt, 0.5 * 3 / 40) * (1 + 3 / 40)))
        for spoilt in range(4)
    )
    values = [0.001, -0.001] * 20 + [0.2] * 3
    # Three nights may use 4.2 times the p-value.
    assert [one.told for one in told(values, p=1.001 * chance / 4.2)] == [42]
    assert told(values, p=0.999 * chance / 4.2) == []


def test_a_change_after_a_withdrawn_one_is_told_as_soon_as_any() -> None:
    values = np.log(stepped(72, 20, by=1.2))
    values[60:63] += math.log(1.2)
    first, second = told(values)
    assert (first.first_bad, first.withdrawn) == (60, 66)
    assert (second.first_bad, second.told, second.withdrawn) == (72, 74, None)


@settings(max_examples=25, deadline=None)
@given(st.floats(1e-3, 1e9), st.integers(0, 100))
def test_the_unit_does_not_matter(factor: float, seed: int) -> None:
    values = stepped(40, 20, by=1.1, seed=seed)
    plain = changes_in([series(values)], now=NOW)
    scaled = changes_in([series([factor * value for value in values])], now=NOW)
    assert [one.id for one in scaled] == [one.id for one in plain]
    assert [one.ratio for one in scaled] == pytest.approx([one.ratio for one in plain], rel=1e-6)


def test_levels_of_every_night_are_those_of_the_nights_until_then() -> None:
    values = np.log(noisy(30))
    errors = np.full(30, 0.004)
    every = levels_of(values, errors, least=5e-4)
    for place in (4, 11, 29):
        alone = level_of(values[: place + 1], errors[: place + 1], least=5e-4)
        for field in ("level", "between", "memory", "nights", "freedom"):
            assert getattr(every, field)[place] == pytest.approx(getattr(alone, field)[0], rel=1e-9), field


def test_a_level_by_hand() -> None:
    found = level_of(np.array([1.0, 2.0, 3.0, 2.0, 1.0, 3.0]), np.zeros(6), least=1e-3)
    assert found.level[0] == pytest.approx(2.0)
    assert found.between[0] == pytest.approx(
        0.8 / 0.9775, rel=1e-3
    )  # nothing clipped: the variance, corrected for clipping
    far = level_of(np.array([1.0, 2.0, 3.0] * 5 + [100.0]), np.zeros(16), least=1e-3)
    assert far.level[0] < 2.3
    assert (far.far_above[0], far.far_below[0]) == (1, 0)


def test_the_spread_of_earlier_nights_counts() -> None:
    few = np.array([1.0, 1.001, 0.999])
    alone = level_of(few, np.zeros(3), least=1e-4)
    known = level_of(few, np.zeros(3), least=1e-4, before=NightSpread(0.01, 50.0))
    assert alone.between[0] < 1e-5
    assert known.between[0] == pytest.approx(0.01, rel=0.05)
    assert known.freedom[0] == 52


@pytest.mark.parametrize("memory", [0.0, 0.3, 0.8])
@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_the_variance_of_a_mean_is_the_sum_of_all_covariances(count: int, memory: float) -> None:
    places = np.arange(count)
    covariances = memory ** np.abs(places[:, None] - places[None, :]).astype(float)
    assert float(variance_of_mean(float(count), memory)) == pytest.approx(covariances.mean())
