from __future__ import annotations

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
