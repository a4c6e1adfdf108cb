from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.ratio_interval import paired, unpaired


def logs(*percent: float) -> list[float]:
    return [math.log1p(value / 100) for value in percent]


def test_five_blocks_give_their_whole_range() -> None:
    found = paired(logs(2.0, 3.0, 2.5, 3.5, 4.0))
    assert found.ci_low == pytest.approx(1.02)
    assert found.ci_high == pytest.approx(1.04)
    assert found.ratio == pytest.approx(1.03, abs=1e-3)
    assert found.p_above(0.0) < 0.01


def test_one_outlier_of_twelve_does_not_move_the_interval_far() -> None:
    calm = logs(3.0, 3.1, 2.9, 3.2, 2.8, 3.05, 2.95, 3.15, 2.85, 3.0, 3.1, 2.9)
    wild = paired([*calm[:-1], math.log(20)])
    assert wild.ci_low is not None
    assert wild.ci_high is not None
    assert 1.028 < wild.ci_low < wild.ci_high < 1.04


@pytest.mark.parametrize("count", [0, 1])
def test_without_two_values_there_is_no_interval(count: int) -> None:
    for found in (paired([0.5] * count), unpaired([0.0] * count, [0.5] * count)):
        assert (found.ci_low, found.ci_high, found.p_value) == (None, None, None)
        assert found.ratio == (pytest.approx(math.exp(0.5)) if count else None)


def test_identical_sides_are_exactly_alike() -> None:
    values = logs(*range(10))
    same = paired([0.0] * 10)
    assert (same.ratio, same.ci_low, same.ci_high, same.p_value) == (1.0, 1.0, 1.0, None)
    assert same.p_above(0.0) == same.p_below(0.0) == 1.0
    constant = unpaired([1.0] * 6, [1.0] * 6)
    assert (constant.ratio, constant.ci_low, constant.ci_high) == (1.0, 1.0, 1.0)
    assert constant.p_above(0.0) == constant.p_below(0.0) == 1.0
    assert unpaired(values, values).ratio == 1.0


@settings(max_examples=60)
@given(
    st.lists(st.floats(-0.5, 0.5), min_size=5, max_size=15),
    st.lists(st.floats(-0.5, 0.5), min_size=5, max_size=15),
)
def test_swapping_the_sides_turns_everything_round(base: list[float], head: list[float]) -> None:
    count = min(len(base), len(head))
    log_ratios = [h - b for b, h in zip(base, head, strict=False)]
    for there, back in (
        (paired(log_ratios), paired([-value for value in log_ratios])),
        (unpaired(base[:count], head[:count]), unpaired(head[:count], base[:count])),
    ):
        assert there.ratio == pytest.approx(1 / back.ratio) if back.ratio else False
        assert there.ci_low == pytest.approx(1 / back.ci_high) if back.ci_high else False
        assert there.p_above(0.01) == pytest.approx(back.p_below(-0.01))
        assert there.p_within(0.01) == pytest.approx(back.p_within(0.01))
        assert there.at(0.99).ci_low == pytest.approx(1 / (back.at(0.99).ci_high or math.inf))


@settings(max_examples=60)
@given(st.lists(st.floats(-0.5, 0.5), min_size=2, max_size=15))
def test_the_estimate_lies_within_its_interval(log_ratios: list[float]) -> None:
    found = paired(log_ratios)
    assert found.ratio is not None
    assert found.ci_low is not None
    assert found.ci_high is not None
    assert found.ci_low <= found.ratio * (1 + 1e-12)
    assert found.ratio <= found.ci_high * (1 + 1e-12)


def test_drift_within_separate_runs_widens_the_interval() -> None:
    steady = [0.001 * (-1) ** index for index in range(10)]
    warming = [0.01 * index + noise for index, noise in enumerate(steady)]
    calm, drifted = unpaired(steady, [value + 0.08 for value in steady]), unpaired(steady, [v + 0.03 for v in warming])
    assert calm.drift == 0
    # Three standard deviations of 0, 1, ... 9 hundredths, less what neighbours differ by.
    assert drifted.drift == pytest.approx(math.expm1(3 * 0.0303), abs=0.005)
    assert calm.ci_low is not None
    assert calm.ci_low > 1.05
    assert drifted.ci_low is not None
    assert drifted.ci_low < 1
    assert unpaired(steady, warming, drifts=False).drift == 0
