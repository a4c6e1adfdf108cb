from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from harness.analysis.between_runs import BetweenRuns, allowing_for, between_runs, pooled_between_runs
from harness.analysis.ratio_interval import Estimate, unpaired


def test_the_standard_deviation_of_the_centres() -> None:
    found = between_runs([1.0, 2.0, 3.0])
    assert found == BetweenRuns(deviation=1.0, runs=3)
    assert found is not None
    assert found.freedom == 2
    assert between_runs([1.0]) is None


def test_groups_share_their_spread_not_their_levels() -> None:
    # Sums of squares 2 and 0.5, with 2 and 1 degrees of freedom.
    found = pooled_between_runs([[1.0, 2.0, 3.0], [10.0, 11.0], [50.0]])
    assert found == BetweenRuns(deviation=math.sqrt(2.5 / 3), runs=4)
    assert pooled_between_runs([[1.0], [2.0]]) is None


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


BASE, HEAD = [0.0, 0.01, 0.02, 0.03, 0.04, 0.05], [0.104, 0.113, 0.127, 0.131, 0.149, 0.151]
SPREAD = BetweenRuns(deviation=0.02, runs=4)


def test_the_error_within_and_that_between_add_as_squares_and_both_take_the_freedom_of_the_spread() -> None:
    plain = unpaired(BASE, HEAD, drifts=False)
    found = allowing_for(SPREAD, plain)
    centre = math.log(plain.ratio or 0)
    for edge, plain_edge in ((found.ci_low, plain.ci_low), (found.ci_high, plain.ci_high)):
        error = abs(math.log(plain_edge or 0) - centre) / stats.t.ppf(0.975, 10)
        reach = stats.t.ppf(0.975, 3) * math.sqrt(error**2 + 2 * 0.02**2)
        assert abs(math.log(edge or 0) - centre) == pytest.approx(reach)
    half = (math.log(plain.ci_high or 0) - math.log(plain.ci_low or 0)) / 2 / stats.t.ppf(0.975, 10)
    error = math.sqrt(half**2 + 2 * 0.02**2)
    for away in (0.08, 0.05, 0.1):
        assert found.p_above(centre - away) == pytest.approx(stats.t.sf(away / error, 3))
        assert found.p_below(centre + away) == pytest.approx(stats.t.sf(away / error, 3))


def test_no_claim_is_surer_for_a_spread_of_nothing() -> None:
    plain = unpaired(BASE, HEAD, drifts=False)
    calm = allowing_for(BetweenRuns(deviation=0.0, runs=100), plain)
    assert calm.p_above(0.05) >= plain.p_above(0.05)
    assert calm.p_below(0.15) >= plain.p_below(0.15)


def test_where_nothing_varies_a_claim_is_right_or_wrong() -> None:
    still = allowing_for(BetweenRuns(deviation=0.0, runs=4), unpaired([0.0] * 6, [0.1] * 6))
    least = 1 / math.comb(12, 6)
    assert still.p_above(0.05) == pytest.approx(least)
    assert still.p_above(0.1) == still.p_above(0.15) == 1.0
    assert still.p_below(0.15) == pytest.approx(least)
    assert still.p_below(0.1) == still.p_below(0.05) == 1.0


def test_two_runs_are_enough_to_have_a_spread() -> None:
    found = between_runs([0.0, 0.02])
    assert found is not None
    assert found.deviation == pytest.approx(0.02 / math.sqrt(2))
    assert found.runs == 2
