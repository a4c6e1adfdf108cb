from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.procedures import peek
from harness.analysis.ratio_interval import paired_many
from harness.analysis.sequential import Plan, levels_for, look, repeated_p
from harness.analysis.verdict import Verdict

PLAN = Plan(min_blocks=5, max_blocks=12, until=0.02)


def test_one_look_spends_everything_and_more_looks_share_it() -> None:
    single, several = levels_for(10, 10), levels_for(5, 12)
    assert single.interval == pytest.approx(0.95, abs=0.006)
    assert 0.007 <= single.alpha <= 0.011
    assert 0.96 < several.interval < 0.999
    assert 0.0005 < several.alpha < single.alpha
    assert levels_for(5, 12) is several


def test_before_the_agreed_minimum_nothing_stops_it() -> None:
    found = look([0.5, 0.5, 0.5, 0.5], Plan(min_blocks=5, stop_when_decided=True))
    assert (found.stop, found.reason, found.verdict) == (False, "go_on", Verdict.INCONCLUSIVE)


def test_a_narrow_interval_stops_it() -> None:
    found = look([0.030, 0.031, 0.029, 0.030, 0.0305, 0.0295, 0.030, 0.0301], PLAN)
    assert (found.stop, found.reason, found.verdict) == (True, "narrow", Verdict.SLOWER)
    assert found.estimate.level == levels_for(5, 12).interval


def test_a_verdict_stops_it_only_where_that_was_agreed() -> None:
    wide = [-1.00, -1.10, -0.90, -1.05, -0.95, -1.02, -0.98, -1.08]
    assert not look(wide, PLAN).stop
    decided = look(wide, Plan(min_blocks=5, max_blocks=12, stop_when_decided=True))
    assert (decided.stop, decided.reason, decided.verdict) == (True, "decided", Verdict.FASTER)


def test_limits_of_blocks_and_of_time_stop_it() -> None:
    noise = [0.2 * (-1) ** index for index in range(12)]
    assert look(noise, PLAN).reason == "max_blocks"
    assert look(noise[:6], PLAN, out_of_time=True).reason == "max_device_time"
    assert look(noise[:3], PLAN, out_of_time=True).stop
    with pytest.raises(ValueError, match="the plan ends at 12"):
        look([*noise, 0.0], PLAN)


@pytest.mark.parametrize(
    "wrong", [{"min_blocks": 3}, {"min_blocks": 9, "max_blocks": 8}, {"max_blocks": 999}, {"until": 0.0}]
)
def test_impossible_plans_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"does not hold|not between"):
        Plan(**wrong)  # type: ignore[arg-type]  # whole numbers and fractions mixed on purpose


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
    level = levels_for(20, 60).interval
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
    alpha = levels_for(5, 20).alpha
    assert repeated_p(alpha, 5, 20) == pytest.approx(0.01, rel=0.02)
