from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.procedures import peek
from harness.analysis.ratio_interval import paired, paired_many
from harness.analysis.sequential import Looks, look_level, repeated_p
from harness.records.adaptive_decisions import AdaptivePlan


def test_one_look_spends_everything_and_more_looks_share_it() -> None:
    assert look_level(10, 10) == pytest.approx(0.95, abs=0.006)
    assert look_level(10, 10) < look_level(5, 12) < look_level(5, 60) < 0.999


def test_the_level_of_a_look_is_found_once() -> None:
    assert look_level(5, 12) is look_level(5, 12)


def test_the_strictest_of_several_plans_counts() -> None:
    short, long = (AdaptivePlan(min_blocks=5, max_blocks=most, until=0.02) for most in (12, 60))
    assert Looks(()).level == 0.95
    assert Looks((short, long)).level == look_level(5, 60)
    estimate = paired([0.03, 0.05, 0.04, 0.06, 0.02, 0.05])
    assert estimate.p_value is not None
    assert Looks(()).corrected(estimate) is estimate
    worst = max(repeated_p(estimate.p_value, 5, most) for most in (12, 60))
    assert Looks((short, long)).corrected(estimate) == replace(estimate, p_value=worst)
    assert worst > estimate.p_value


def test_an_estimate_without_a_p_value_has_nothing_to_correct() -> None:
    one = paired([0.03])
    assert Looks((AdaptivePlan(min_blocks=5, max_blocks=12, until=0.02),)).corrected(one) is one


def test_peeking_does_not_make_errors_more_frequent_than_agreed() -> None:
    # Noise of 6 %, so large that the region of indifference is no help, from a normal and from a long-tailed distribution.
    for seed, tails in enumerate(("normal", "long")):
        rng = np.random.default_rng(seed)
        shape = (2000, 12)
        noise = 0.06 * (rng.standard_normal(shape) if tails == "normal" else rng.standard_t(3, shape))
        found = peek(noise, min_blocks=5, until=0.02, effect=0.0, controlled=True, stop_when_decided=True)
        careless = peek(noise, min_blocks=5, until=0.02, effect=0.0, controlled=False, stop_when_decided=True)
        assert found.differs.mean() <= 0.01 + 2 * 0.0022
        assert found.covered.mean() >= 0.95 - 2 * 0.005
        assert careless.differs.mean() > 2 * found.differs.mean()


def test_a_real_change_is_found_with_fewer_blocks_than_the_limit() -> None:
    log_ratios = np.random.default_rng(3).normal(np.log(1.05), 0.014, (500, 20))
    found = peek(log_ratios, min_blocks=5, until=0.02, effect=0.05, controlled=True, stop_when_decided=True)
    assert found.differs.mean() > 0.95
    assert found.blocks.mean() < 9


def test_it_may_end_after_any_block_however_many_there_may_be() -> None:
    """Two cells may end for each other's sake or for want of time, so the interval must hold after every block, also late ones."""
    shape = (2000, 60)
    noise = 0.06 * np.random.default_rng(4).standard_normal(shape)
    level = look_level(20, 60)
    ever_missed = np.zeros(2000, dtype=np.bool_)
    for n in range(20, 61):
        found = paired_many(noise[:, :n], level=level)
        ever_missed |= (found.low > 0) | (found.high < 0)
    assert ever_missed.mean() <= 0.05 + 2 * 0.005
    assert ever_missed.mean() > 0.02  # not bought with intervals that say nothing


def test_the_p_value_of_many_looks_is_one_that_can_be_corrected_for_many_cells() -> None:
    rng = np.random.default_rng(6)
    shape = (4000, 20)
    for noise in (rng.standard_normal(shape), rng.standard_t(3, shape)):
        smallest = np.min([paired_many(noise[:, :n]).p_value for n in range(5, 21)], axis=0)
        worth = np.asarray([repeated_p(float(p), 5, 20) for p in smallest])
        for share in (0.3, 0.05, 0.01):
            assert (worth <= share).mean() <= share + 3 * math.sqrt(share / 4000)
    assert repeated_p(1.0, 5, 20) == 1.0
    assert repeated_p(1e-9, 5, 20) == pytest.approx(16e-9)
    assert repeated_p(0.004, 9, 9) >= 0.004
