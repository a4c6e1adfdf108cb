from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analysis.ratio_interval import paired, unpaired
from harness.analysis.resolution import ratio_resolution
from harness.analysis.verdict import Rules, Verdict, judge


def test_whole_microseconds_move_each_side_by_half_of_one() -> None:
    # 5 stands for 4.5 to 5.5: each side may be off by a tenth, their ratio by 1.1 * 1.1.
    assert ratio_resolution([5.0, 5.0], [5.0]) == pytest.approx(0.21)
    assert ratio_resolution([500.0], [250.0]) == pytest.approx(1.001 * 1.002 - 1)


def test_the_finest_digit_of_a_side_is_its_step() -> None:
    """Base may be of a tool that printed whole microseconds, head of one that prints more."""
    assert ratio_resolution([5.0, 5.25], [5.25]) == pytest.approx((1 + 0.005 / 5.125) * (1 + 0.005 / 5.25) - 1)
    assert ratio_resolution([5.0], [5.2]) == pytest.approx((1 + 0.5 / 5.0) * (1 + 0.05 / 5.2) - 1)


@pytest.mark.parametrize("value", [1e6, 1234567.0, 120_000.0])
def test_trailing_noughts_before_the_point_are_digits(value: float) -> None:
    assert ratio_resolution([value], [value]) == 0.0, "half a microsecond of a tenth of a second: nothing"


@pytest.mark.parametrize(("value", "found"), [(10_000.0, 1e-4), (10_002.0, 0.0)])
def test_less_than_a_hundredth_of_a_per_cent_is_left_out(value: float, found: float) -> None:
    assert ratio_resolution([value], [value]) == pytest.approx(found, rel=1e-3)


def test_what_has_no_ratio_has_no_resolution() -> None:
    assert ratio_resolution([0.0], [5.0]) == 0.0
    assert ratio_resolution([5.0], [-5.0]) == 0.0
    assert ratio_resolution([], []) == 0.0
    assert ratio_resolution([5.0], []) == pytest.approx(0.1)
    assert ratio_resolution([math.inf], [5.0]) >= 0.0
    assert ratio_resolution([math.nan], [5.0]) == 0.0


def test_digits_in_powers_of_ten_count() -> None:
    assert ratio_resolution([1.5e-05], [1.5e-05]) == pytest.approx((1 + 0.5e-6 / 1.5e-5) ** 2 - 1)


@given(
    st.lists(st.integers(1, 10_000).map(float), min_size=1, max_size=9),
    st.lists(st.integers(1, 10_000).map(float), min_size=1, max_size=9),
)
def test_it_does_not_depend_on_the_side(base: list[float], head: list[float]) -> None:
    assert ratio_resolution(base, head) == pytest.approx(ratio_resolution(head, base))


@pytest.mark.parametrize("interleaved", [True, False])
def test_three_per_cent_of_five_microseconds_are_never_the_same(interleaved: bool) -> None:
    """5.2 us and 5.36 us are both printed as 5, in every process."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        base, head = np.round([[5.2], [5.356]] * np.exp(rng.normal(0, 0.01, (2, 30))))
        resolution = ratio_resolution(list(base), list(head))
        ours, theirs = np.log(base), np.log(head)
        if interleaved:
            one = paired(list(theirs - ours), means=list((ours + theirs) / 2), resolution=resolution)
        else:
            one = unpaired(list(ours), list(theirs), resolution=resolution)
        (found,) = judge([one], Rules())
        assert found.verdict is Verdict.INCONCLUSIVE
        assert one.ci_low is not None
        assert one.ci_high is not None
        assert one.ci_low <= 1 / 1.2
        assert one.ci_high >= 1.2


def test_a_difference_larger_than_the_step_is_found() -> None:
    ours, theirs = [math.log(5.0)] * 10, [math.log(8.0)] * 10
    one = paired([h - b for b, h in zip(ours, theirs, strict=True)], resolution=ratio_resolution([5.0], [8.0]))
    (found,) = judge([one], Rules())
    assert found.verdict is Verdict.SLOWER
