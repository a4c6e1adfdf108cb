from __future__ import annotations

import math

import numpy as np
import pytest

from harness.analysis.between_runs import BetweenRuns, allowing_for, between_runs
from harness.analysis.ratio_interval import Estimate, unpaired


def test_the_standard_deviation_of_the_centres() -> None:
    found = between_runs([1.0, 2.0, 3.0])
    assert found == BetweenRuns(deviation=1.0, runs=3)
    assert found is not None
    assert found.freedom == 2
    assert between_runs([1.0]) is None


def test_two_runs_differ_by_the_spread_of_both() -> None:
    # Within the runs nothing varies: the interval is Student's t alone, times the spread of a difference of two runs.
    exact = Estimate(design="unpaired", base_n=10, head_n=10, ratio=1.1, ci_low=1.1, ci_high=1.1, p_value=0.0)
    found = allowing_for(BetweenRuns(deviation=0.01, runs=6), exact)
    assert found.ratio == 1.1
    assert math.log((found.ci_high or 0) / 1.1) == pytest.approx(2.5706 * math.sqrt(2) * 0.01, rel=1e-4)
    assert math.log(1.1 / (found.ci_low or 1)) == pytest.approx(2.5706 * math.sqrt(2) * 0.01, rel=1e-4)
    assert 0 < (found.p_value or 0) < 0.05
    bare = Estimate(design="unpaired", base_n=1, head_n=1, ratio=1.1)
    assert allowing_for(BetweenRuns(deviation=0.01, runs=6), bare) == bare


def test_it_covers_the_truth_where_runs_differ() -> None:
    rng = np.random.default_rng(8)
    covered = claims = 0
    for _ in range(1000):
        spread = between_runs(list(rng.normal(0, 0.01, 5) + rng.normal(0, 0.005, (5, 10)).mean(axis=1)))
        assert spread is not None
        base, head = (rng.normal(rng.normal(0, 0.01), 0.005, 10) for _ in range(2))
        found = allowing_for(spread, unpaired(base.tolist(), head.tolist(), drifts=False))
        covered += (found.ci_low or 0) <= 1 <= (found.ci_high or 0)
        claims += (found.p_value or 0) <= 0.01
    assert covered >= 930
    assert claims <= 20
