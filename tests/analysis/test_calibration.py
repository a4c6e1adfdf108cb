from __future__ import annotations

import math

import numpy as np
import pytest

from harness.analysis.calibration import calibrate
from harness.analysis.verdict import Rules


def test_a_calm_phone_detects_little_changes() -> None:
    found = calibrate(list(np.random.default_rng(1).normal(7, 0.01, 40)), processes=(4, 5, 10, 20))
    assert found is not None
    assert (found.blocks, found.pairs) == (40, 20)
    assert found.false_positive_rate <= 0.01
    assert found.same_rate > 0.3
    assert found.spread == pytest.approx(0.01, rel=0.35)
    changes = dict(found.detectable)
    assert changes[4] is None
    assert changes[5] is not None
    assert changes[10] is not None
    assert changes[20] is not None
    assert 0.01 < changes[20] < changes[10] < changes[5] < 0.12
    assert changes[10] == pytest.approx(0.028, abs=0.008)


def test_a_noisy_phone_detects_only_large_ones() -> None:
    found = calibrate(list(np.random.default_rng(2).normal(7, 0.10, 40)), processes=(10,))
    assert found is not None
    assert found.false_positive_rate <= 0.015
    assert found.detectable[0][1] == pytest.approx(0.22, abs=0.1)


def test_slow_drift_does_not_count_as_spread() -> None:
    rng = np.random.default_rng(3)
    found = calibrate(list(np.linspace(0, 0.2, 40) + rng.normal(0, 0.002, 40)), processes=(10,))
    assert found is not None
    assert found.spread < 0.01


def test_a_larger_region_of_indifference_costs_detection() -> None:
    values = list(np.random.default_rng(4).normal(7, 0.01, 30))
    strict, loose = (calibrate(values, processes=(10,), rules=Rules(min_effect=effect)) for effect in (0.01, 0.05))
    assert strict is not None
    assert loose is not None
    assert (loose.detectable[0][1] or 0) > (strict.detectable[0][1] or 1)


def test_few_processes_calibrate_nothing() -> None:
    assert calibrate([1.0] * 9, processes=(10,)) is None


def test_the_same_values_give_the_same_answer() -> None:
    values = list(np.random.default_rng(5).normal(7, 0.03, 20))
    assert calibrate(values, processes=(10,)) == calibrate(values, processes=(10,))


def test_the_spread_is_that_of_a_process_not_of_a_difference_of_two() -> None:
    """Neighbours that differ by `d` throughout are processes with a deviation of `d` over the root of 2."""
    found = calibrate([0.0, 0.02] * 6, processes=())
    assert found is not None
    assert found.spread == pytest.approx(0.02 / math.sqrt(2), rel=1e-12)
    normal = calibrate(list(np.random.default_rng(7).normal(0, 0.01, 100)), processes=())
    assert normal is not None
    assert normal.spread == pytest.approx(0.01, rel=0.2)


def test_an_outlier_does_not_widen_the_spread() -> None:
    found = calibrate([*[0.0, 0.02] * 9, 5.0, 0.02], processes=())
    assert found is not None
    assert found.spread == pytest.approx(0.02 / math.sqrt(2), rel=1e-12)


def test_ten_processes_are_the_least_and_an_odd_one_is_left_over() -> None:
    for count, pairs in ((10, 5), (11, 5), (12, 6)):
        found = calibrate([0.0, 0.01, 0.02] * 3 + [0.0] * (count - 9), processes=())
        assert found is not None
        assert (found.blocks, found.pairs, found.experiments) == (count, pairs, 2000)


def test_processes_that_are_all_alike_differ_never_and_are_the_same_always() -> None:
    found = calibrate([7.0] * 10, processes=(5,))
    assert found is not None
    assert (found.false_positive_rate, found.same_rate, found.spread) == (0.0, 1.0, 0.0)
    [(count, change)] = found.detectable
    assert count == 5
    assert change == pytest.approx(0.01, rel=0.02), "the least that is no longer within the region of indifference"


def test_what_no_factor_of_eleven_shows_is_not_detectable() -> None:
    wild = list(np.random.default_rng(8).normal(0, 5.0, 20))
    found = calibrate(wild, processes=(5,))
    assert found is not None
    assert found.detectable == ((5, None),)
