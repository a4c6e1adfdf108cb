"""Changes of series whose truth is planted."""

from __future__ import annotations

import importlib
import math
import sys
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from harness.analysis import change_points
from harness.analysis.history_changes import changes_in
from harness.analysis.latest_nights import told_changes
from harness.analysis.level_changes import BUDGETED_SERIES, TELLING_P, level_changes
from harness.analysis.metrics import Metric
from harness.analysis.night_values import nights_of
from harness.errors import SetupError
from harness.records.history import ChangeVerdict, Ground
from tests.analysis.history_nights import NOW, START, first, night, noisy, series, stepped, with_nights, without

STEP = Metric.MEMORY.resolution
"""Megabytes of which memory is printed in multiples."""


def test_a_planted_step_is_found_with_its_night_and_its_size() -> None:
    (change,) = changes_in([series(stepped(60, 40))], now=NOW)
    assert (change.first_bad, change.last_good) == ("run60", "run59")
    assert change.ci_low < 1.05 < change.ci_high
    assert change.ci_high - change.ci_low < 0.02
    assert change.after / change.before == pytest.approx(change.ratio)
    assert (change.verdict, change.kind) == (ChangeVerdict.SUSPECTED, "alert")
    assert change.worse
    assert change.found_at == NOW


def test_the_latest_three_nights_tell_a_step() -> None:
    (change,) = changes_in([series(stepped(60, 3))], now=NOW)
    assert (change.first_bad, change.kind, change.verdict) == ("run60", "tonight", ChangeVerdict.SUSPECTED)


def test_one_bad_night_is_no_change() -> None:
    values = noisy(60)
    values[-1] *= 1.4
    assert changes_in([series(values)], now=NOW) == ()
    values[30] *= 1.4
    assert changes_in([series(values + noisy(20, seed=2))], now=NOW) == ()


def test_three_bad_nights_are_told_and_withdrawn() -> None:
    values = noisy(80)
    for place in (60, 61, 62):
        values[place] *= 1.2
    assert [one.first_bad for one in changes_in([first(series(values), 63)], now=NOW)] == ["run60"]
    assert changes_in([series(values)], now=NOW) == ()


def test_a_step_down_is_an_improvement() -> None:
    (change,) = changes_in([series(stepped(60, 40, by=0.95))], now=NOW)
    assert (change.verdict, change.worse) == (ChangeVerdict.IMPROVED, False)
    assert change.ci_low < 0.95 < change.ci_high


def test_noise_alone_is_no_change() -> None:
    assert changes_in([series(noisy(120, seed=seed)) for seed in range(5)], now=NOW) == ()


def test_a_regression_and_its_repair_are_two_changes() -> None:
    values = stepped(40, 40)
    values[65:] = noisy(15, seed=3)
    found = sorted(changes_in([series(values)], now=NOW), key=lambda one: one.first_bad_at)
    assert [(one.first_bad, one.verdict) for one in found] == [
        ("run40", ChangeVerdict.SUSPECTED),
        ("run65", ChangeVerdict.IMPROVED),
    ]


def test_a_slow_creep_is_found_within_40_nights() -> None:
    values = noisy(100)
    crept = values[:60] + [value * 1.001 ** (place + 1) for place, value in enumerate(values[60:])]
    found = changes_in([series(crept)], now=NOW)
    assert found
    assert all(
        one.verdict is ChangeVerdict.SUSPECTED and one.first_bad_at >= START + timedelta(days=57) for one in found
    )


def test_a_change_stays_where_it_is_while_nights_are_added() -> None:
    plain = series(stepped(60, 60, by=1.04))
    for count in range(63, 121):
        (change,) = changes_in([first(plain, count)], now=NOW)
        assert abs(int(change.first_bad.removeprefix("run")) - 60) <= 1, count
    settled = [changes_in([first(plain, count)], now=NOW)[0].id for count in range(72, 121)]
    assert len(set(settled)) == 1


def test_missed_nights_are_gaps_and_several_runs_of_a_night_are_several_points() -> None:
    plain = series(stepped(60, 40))
    (change,) = changes_in([without(plain, [10, 11, 30, *range(55, 60), 70])], now=NOW)
    assert (change.last_good, change.first_bad) == ("run54", "run60")
    same_night = replace(plain, estimates=tuple(replace(one, at=START) for one in plain.estimates))
    (change,) = changes_in([same_night], now=NOW)
    # Runs that began at the same time follow each other by their ids: run10, run11, ..., run1, ...
    assert change.ratio != 1


def test_nights_may_come_in_any_order() -> None:
    plain = series(stepped(60, 40))
    turned = replace(plain, estimates=tuple(reversed(plain.estimates)))
    assert changes_in([turned], now=NOW) == changes_in([plain], now=NOW)


def test_noisy_nights_count_less() -> None:
    values = noisy(63, noise=0.004)
    values[60:] = [value * 1.03 for value in values[60:]]
    (change,) = changes_in([series(values)], now=NOW)
    assert change.first_bad == "run60"
    unsure = with_nights(series(values), [60, 61, 62], spread=0.2, processes=3)
    assert changes_in([unsure], now=NOW) == ()


def test_more_series_ask_for_surer_changes() -> None:
    step = series(stepped(60, 3, by=1.025, seed=4))
    nights = nights_of(step, step.estimates, min_effect=0.005)
    assert [one.first_bad for one in level_changes(nights, series=BUDGETED_SERIES)] == [60]
    assert [one.first_bad for one in level_changes(nights, series=100 * BUDGETED_SERIES)] == [60]
    assert level_changes(nights, series=1000 * BUDGETED_SERIES) == ()


def test_a_change_too_small_to_act_on_is_none() -> None:
    small = series(stepped(60, 40, by=1.004, noise=0.0005))
    assert changes_in([with_nights(small, range(100), spread=0.0005)], now=NOW) == ()
    found = changes_in([with_nights(small, range(100), spread=0.0005)], now=NOW, min_effect=0.002)
    assert [one.first_bad for one in found] == ["run60"]


def test_growth_of_memory_may_be_zero_or_less() -> None:
    before = [0.0, 0.1, -0.1, 0.0, 0.05, 0.0, -0.05, 0.1, 0.0, 0.0, 0.1, -0.1]
    (change,) = changes_in([series([*before, 8.0, 8.1, 7.9, 8.0, 8.0], metric="memory")], now=NOW)
    assert (change.first_bad, change.unit, change.verdict) == ("run12", "mb", ChangeVerdict.SUSPECTED)
    assert change.before == pytest.approx(0.0, abs=0.1)
    assert change.after == pytest.approx(8.0, abs=0.1)
    assert change.ratio > 1
    assert any("zero, less, or hardly more" in note for note in change.notes)
    (change,) = changes_in([series([*[8.0, 8.1, 7.9, 8.0] * 3, -1.0, -0.9, -1.1, -1.0], metric="memory")], now=NOW)
    assert (change.first_bad, change.worse) == ("run12", False)
    assert 0 < change.ci_low <= change.ratio <= change.ci_high < 1


@pytest.mark.parametrize(
    ("before", "after", "ratio"),
    [
        (2.0, 3.0, 1.5),
        (0.0, 4.0, 2.0),
        (4.0, 0.0, 0.5),
        (-1.0, 4.0, 2.25),
        (0.0, STEP / 2, 1.5),
        (STEP, 4 * STEP, 1.75),
        (4 * STEP, STEP, 1 / 1.75),
    ],
)
def test_what_stands_for_a_ratio_of_growth(before: float, after: float, ratio: float) -> None:
    """With a level of the size of a step or less there is no ratio: the difference is held against the larger level, or against a step."""
    grown = series([0.0, 1.0], metric="memory")
    nights = nights_of(grown, grown.estimates, min_effect=0.01)
    assert nights.ratio(before, after - before) == pytest.approx(ratio)


def test_a_level_of_one_step_has_no_ratio_and_says_so() -> None:
    (change,) = changes_in([series([STEP] * 20 + [40 * STEP] * 20, metric="memory")], now=NOW)
    assert change.ratio == pytest.approx(1 + 39 / 40)
    assert any("zero, less, or hardly more" in note for note in change.notes)
    (change,) = changes_in([series([2 * STEP] * 20 + [40 * STEP] * 20, metric="memory")], now=NOW)
    assert change.ratio == pytest.approx(20)
    assert not any("zero, less, or hardly more" in note for note in change.notes)


def test_a_latency_of_zero_is_left_out_and_named() -> None:
    one = with_nights(series(stepped(60, 40)), [20], value=0.0)
    (change,) = changes_in([one], now=NOW)
    assert "1 night left out: no such value can be" in change.notes


def test_values_that_never_change_have_no_changes_but_a_step() -> None:
    assert changes_in([series([50.0] * 100)], now=NOW) == ()
    (change,) = changes_in([series([50.0] * 40 + [52.0] * 5, metric="peak_memory")], now=NOW)
    assert change.first_bad == "run40"


@pytest.mark.parametrize("count", range(11))
def test_few_nights_say_nothing_wrong(count: int) -> None:
    assert changes_in([series(noisy(count))], now=NOW) == ()


def test_eight_nights_and_four_slow_ones_are_a_change() -> None:
    (change,) = changes_in([series(stepped(8, 4, by=1.4, noise=0.03))], now=NOW)
    assert (change.first_bad, change.verdict) == ("run8", ChangeVerdict.SUSPECTED)


def test_the_possible_nights_are_days_or_runs_of_one_day() -> None:
    """Which it is depends on the dates alone."""
    plain = series(stepped(8, 4, by=1.4, noise=0.03))
    one_day = replace(
        plain, estimates=tuple(replace(e, at=START + timedelta(minutes=n)) for n, e in enumerate(plain.estimates))
    )
    said = [
        note
        for one in (plain, one_day)
        for note in changes_in([one], now=NOW)[0].notes
        if "first night after it" in note
    ]
    assert said == [
        "the first night after it lies between 2026-01-08 and 2026-01-10",
        "the first night after it lies between run run7 and run run9",
    ]


def test_one_process_a_night_is_enough() -> None:
    one = series(stepped(60, 40))
    (change,) = changes_in([with_nights(one, range(100), processes=1, spread=None)], now=NOW)
    assert change.first_bad == "run60"


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ruptures", None)
    with pytest.raises(SetupError, match=r"litert-device-harness\[history\]"):
        importlib.reload(change_points)
    monkeypatch.undo()
    importlib.reload(change_points)


def test_change_points_by_hand() -> None:
    values = np.array([0.0, 0.1] * 6 + [5.0, 5.1] * 6)
    assert change_points.change_points(values, np.zeros(24), change_points.ALERT_PENALTY) == [12]
    assert change_points.change_points(values[:5], np.zeros(5), change_points.HINT_PENALTY) == []
    assert change_points.change_points(np.ones(20), np.zeros(20), change_points.HINT_PENALTY) == []


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e3])
def test_change_points_are_the_same_in_any_unit(unit: float) -> None:
    noise = np.random.default_rng(3).normal(0, 0.1, 28)
    short, long = noise.copy(), noise.copy()
    short[12:16] += 5.0
    long[10:] += 5.0
    errors = np.full(28, 0.1)
    assert change_points.change_points(unit * short, unit * errors, change_points.HINT_PENALTY) == []
    assert change_points.change_points(unit * long, unit * errors, change_points.HINT_PENALTY) == [10]


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e3])
def test_noisy_nights_move_no_change_point_in_any_unit(unit: float) -> None:
    random = np.random.default_rng(2)
    values = random.normal(0, 0.1, 60)
    values[30:] += 0.3
    noisy = np.arange(60) % 3 == 1
    values[noisy] += random.normal(0, 2, 60)[noisy]
    errors = np.where(noisy, 2.0, 0.05)
    assert change_points.change_points(unit * values, unit * errors, change_points.HINT_PENALTY) == [32]


def test_a_small_change_that_no_night_showed_is_found_in_the_whole_series() -> None:
    step = series(stepped(60, 60, by=1.008))
    (change,) = level_changes(nights_of(step, step.estimates, min_effect=0.005), series=1)
    assert (change.first_bad, change.kind) == (64, "hint")
    assert (change.earliest, change.latest) == (62, 66)
    assert change.low < math.log(1.008) < change.high


def test_of_two_changes_the_one_that_later_nights_speak_against_is_dropped() -> None:
    step = series(stepped(60, 60, by=1.008, seed=28))
    nights = nights_of(step, step.estimates, min_effect=0.005)
    shown = told_changes(
        nights.values, nights.errors, least_spread=nights.least_spread, least_effects=math.log(1.005), p=TELLING_P
    )
    assert [(one.first_bad, one.told, one.withdrawn) for one in shown] == [(61, 89, None), (109, 111, None)]
    assert [one.first_bad for one in level_changes(nights, series=1)] == [61]


def test_a_run_of_its_own_is_no_series() -> None:
    assert changes_in([replace(series([]), estimates=(night(0, 5.0, ground=Ground()),))], now=NOW) == ()
    assert changes_in([], now=NOW) == ()
