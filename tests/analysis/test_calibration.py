from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from harness.analysis.calibration import Calibration, Detectable, calibrate
from harness.analysis.one_sided import paired_p
from harness.analysis.verdict import Rules


def calibrated(values: list[float], *processes: int, rules: Rules | None = None) -> Calibration:
    found = calibrate(values, processes=processes, rules=rules)
    assert found is not None
    return found


def known(one: Detectable) -> tuple[float, float, float]:
    assert one.change is not None
    assert one.low is not None
    assert one.high is not None
    return one.low, one.change, one.high


def test_a_calm_phone_detects_little_changes() -> None:
    found = calibrated(list(np.random.default_rng(1).normal(7, 0.01, 40)), 4, 5, 10, 20)
    assert found.blocks == 40
    assert found.spread == pytest.approx(0.01, rel=0.35)
    assert found.detectable[0] == Detectable(processes=4, change=None), "four never give a verdict"
    assert [one.processes for one in found.detectable] == [4, 5, 10, 20]
    five, ten, twenty = (known(one)[1] for one in found.detectable[1:])
    assert 0.01 < twenty < ten < five < 0.12
    assert ten == pytest.approx(0.028, abs=0.008)


def test_the_detectable_change_is_found_in_nine_of_ten_new_experiments() -> None:
    """With normal noise of the spread that was measured, and with the test that a verdict rests on."""
    found = calibrated(list(np.random.default_rng(9).normal(7, 0.01, 400)), 10)
    change = known(found.detectable[0])[1]
    noise = np.random.default_rng(10).normal(0, found.spread * math.sqrt(2), (20_000, 10))
    power = float((paired_p(noise + math.log1p(change), math.log(1.01)) <= 0.01).mean())
    assert power == pytest.approx(0.9, abs=0.03)
    # Student's alone needs no less: its non-central distribution says so.
    enough = stats.nct.sf(stats.t.ppf(0.99, 9), 9, math.log((1 + change) / 1.01) / (found.spread * math.sqrt(2 / 10)))
    assert enough >= power


def test_a_noisy_phone_detects_only_large_ones() -> None:
    found = calibrated(list(np.random.default_rng(2).normal(7, 0.10, 40)), 10)
    assert found.detectable[0].change == pytest.approx(0.22, abs=0.1)


def test_the_interval_of_the_change_holds_it_and_narrows_with_what_is_known() -> None:
    widths = []
    for count in (12, 40, 400):
        found = calibrated(list(np.random.default_rng(3).normal(7, 0.02, count)), 10)
        low, change, high = known(found.detectable[0])
        assert 0.01 < low <= change <= high
        widths.append((high - low) / change)
    assert min(widths[:2]) > 2 * widths[2]


def test_the_interval_of_the_change_covers() -> None:
    """The change that ten processes with 1 % of noise really find, in nine of ten intervals at the least: simulated, 95 %."""
    truth = known(calibrated(list(np.random.default_rng(0).normal(0, 0.01, 5000)), 10).detectable[0])[1]
    held = 0
    for seed in range(60):
        low, _, high = known(calibrated(list(np.random.default_rng(100 + seed).normal(0, 0.01, 30)), 10).detectable[0])
        held += low <= truth <= high
    assert held >= 54


def test_slow_drift_does_not_count_as_spread() -> None:
    rng = np.random.default_rng(3)
    found = calibrated(list(np.linspace(0, 0.2, 40) + rng.normal(0, 0.002, 40)), 10)
    assert found.spread < 0.01


def test_a_larger_region_of_indifference_costs_detection() -> None:
    values = list(np.random.default_rng(4).normal(7, 0.01, 30))
    strict, loose = (calibrated(values, 10, rules=Rules(min_effect=effect)) for effect in (0.01, 0.05))
    assert known(loose.detectable[0])[1] > known(strict.detectable[0])[1] + 0.035
    assert known(loose.detectable[0])[0] > 0.05


def test_a_stricter_table_costs_detection() -> None:
    values = list(np.random.default_rng(4).normal(7, 0.01, 30))
    one, many = (calibrated(values, 10, rules=Rules(alpha=alpha)) for alpha in (0.01, 0.001))
    assert known(many.detectable[0])[1] > known(one.detectable[0])[1]


def test_few_processes_calibrate_nothing() -> None:
    assert calibrate([1.0] * 9, processes=(10,)) is None
    assert calibrated([1.0] * 10).blocks == 10


def test_the_same_values_give_the_same_answer() -> None:
    values = list(np.random.default_rng(5).normal(7, 0.03, 20))
    assert calibrate(values, processes=(10,)) == calibrate(values, processes=(10,))


def test_the_spread_is_that_of_a_process_not_of_a_difference_of_two() -> None:
    """Neighbours that differ by `d` throughout are processes with a deviation of `d` over the root of 2."""
    assert calibrated([0.0, 0.02] * 6).spread == pytest.approx(0.02 / math.sqrt(2), rel=1e-12)
    normal = calibrated(list(np.random.default_rng(7).normal(0, 0.01, 100)))
    assert normal.spread == pytest.approx(0.01, rel=0.2)


def test_an_outlier_does_not_widen_the_spread() -> None:
    found = calibrated([*[0.0, 0.02] * 9, 5.0, 0.02])
    assert found.spread == pytest.approx(0.02 / math.sqrt(2), rel=1e-12)


def test_processes_that_are_all_alike_detect_all_that_is_beyond_the_region() -> None:
    found = calibrated([7.0] * 10, 5)
    assert found.spread == 0.0
    low, change, high = known(found.detectable[0])
    assert change == pytest.approx(0.01, rel=0.02), "the least that is no longer within the region of indifference"
    assert low == change == high, "nothing to be unsure of"


def test_what_no_factor_of_eleven_shows_is_not_detectable() -> None:
    wild = list(np.random.default_rng(8).normal(0, 5.0, 20))
    assert calibrated(wild, 5).detectable == (Detectable(processes=5, change=None),)


def smallest(size: float, count: int = 12) -> float | None:
    return calibrated([0.0, size] * 12, count).detectable[0].change


def test_changes_beyond_a_factor_of_eleven_are_not_looked_for() -> None:
    """Noise that grows by 2 % at a time: what is found grows along, up to ten times more, and beyond that nothing is found."""
    found = [smallest(1.5 * 1.02**step, 8) for step in range(60)]
    known = [change for change in found if change is not None]
    assert found == [*known, *[None] * (len(found) - len(known))]
    assert 0 < len(known) < len(found)
    assert 9.0 < max(known) <= 10.0


def test_a_change_is_found_to_within_two_percent() -> None:
    """Noise a twentieth larger needs a change that is larger by as much beyond the region of indifference."""
    at = [0.05 * 1.05**step for step in range(8)]
    beyond = [math.log1p(smallest(size) or 0) - math.log(1.01) for size in at]
    assert [each / size for each, size in zip(beyond, at, strict=True)] == pytest.approx(
        [beyond[0] / at[0]] * 8, rel=0.03
    )


def test_the_interval_of_the_change_is_that_of_the_spread_beyond_the_region() -> None:
    """Of normal noise the spread of 40 differences, of which 20 count as independent, has a standard error of about a fifth."""
    low, change, high = known(calibrated(list(np.random.default_rng(6).normal(0, 0.05, 41)), 10).detectable[0])
    below, above = ((end - 0.01) / (change - 0.01) for end in (low, high))
    assert 0.45 < below < 0.8
    assert 1.2 < above < 1.75
