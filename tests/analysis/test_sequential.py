from __future__ import annotations

import numpy as np
import pytest

from benchmarks.procedures import peek
from harness.analysis.sequential import Plan, levels_for, look, looks
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


def test_looks_grow_apart() -> None:
    assert looks(5, 20) == (5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20)
    assert looks(20, 30) == (20, 22, 24, 26, 28, 30)
    assert looks(7, 7) == (7,)
    assert len(looks(5, 200)) < 45
    between = look([0.030] * 21, Plan(min_blocks=20, max_blocks=30, until=0.5))
    assert (between.stop, between.verdict) == (False, Verdict.INCONCLUSIVE)
