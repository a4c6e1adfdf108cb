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
    exact = unpaired([0.0] * 10, [math.log(1.1)] * 10)
    found = allowing_for(BetweenRuns(deviation=0.01, runs=6), exact)
    assert found.ratio == pytest.approx(1.1)
    assert math.log((found.ci_high or 0) / 1.1) == pytest.approx(2.5706 * math.sqrt(2) * 0.01, rel=1e-4)
    assert math.log(1.1 / (found.ci_low or 1)) == pytest.approx(2.5706 * math.sqrt(2) * 0.01, rel=1e-4)
    # (log 1.1 - log 1.01) / 0.01414 = 6.04: with 5 degrees of freedom a chance of 0.0009.
    assert found.p_above(math.log(1.01)) == pytest.approx(0.0009, abs=1e-4)
    assert found.p_within(math.log(1.2)) > exact.p_within(math.log(1.2))
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
        claims += min(found.p_above(0.0), found.p_below(0.0)) <= 0.005
    assert covered >= 930
    assert claims <= 20
