"""Ratios, intervals and p-values against arithmetic by hand, printed tables, and scipy's own tests."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from harness.analysis.ratio_interval import Design, Estimate, paired, pooled, unpaired, unpaired_many

EIGHT = [0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 5.0]


def ends(one: Estimate) -> tuple[float, float]:
    """Of the interval, as logarithms."""
    assert one.ci_low is not None
    assert one.ci_high is not None
    return math.log(one.ci_low), math.log(one.ci_high)


@pytest.mark.parametrize(
    ("values", "t"),
    [([0.1, 0.3], 12.7062), ([0.01, 0.02, 0.03], 4.30265), ([0.01, 0.02, 0.03, 0.04], 3.18245)],
)
def test_up_to_four_blocks_have_student_s_interval(values: list[float], t: float) -> None:
    found = paired(values)
    mean, error = float(np.mean(values)), stats.sem(values)
    assert math.log(found.ratio or 0) == pytest.approx(mean)
    assert ends(found) == pytest.approx((mean - t * error, mean + t * error), rel=1e-4)
    # Alone, the t-test may use 85 % of the error.
    assert found.p_value == pytest.approx(stats.ttest_1samp(values, 0).pvalue / 0.85)


def test_five_blocks_may_miss_a_little_more_often_six_and_more_never() -> None:
    # 2 / 2^5 is 6.25 %, allowed; of six the second average would be 2 * 2 / 2^6, as much, and is not.
    five = [0.01, 0.02, 0.04, 0.08, 0.16]
    assert ends(paired(five)) == pytest.approx((0.01, 0.16))
    # The eighth of 15 averages: 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.045, 0.05.
    assert math.log(paired(five).ratio or 0) == pytest.approx(0.05)
    six = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32]
    assert ends(paired(six)) == pytest.approx((0.01, 0.32))


def test_a_level_takes_its_own_averages() -> None:
    values = [float(2**power) for power in range(10)]
    # Tables: 8 averages outside on each side at 95 %, 3 at 99 %. The smallest: 1, 1.5, 2, 2.5, 3, 4, 4.5, 5, 6;
    # the largest 512, 384, 320, 288, 272, 264, 260, 258, 257.
    assert ends(paired(values)) == pytest.approx((6, 257))
    assert ends(paired(values, level=0.99)) == pytest.approx((2.5, 288))
    assert paired(values, level=0.99).level == 0.99


def test_the_rank_test_counts_from_eight_blocks_on() -> None:
    # All of one sign: 2 / 2^8, of which the rank test may use 80 %. The outlier leaves the t-test nothing to say.
    assert paired(EIGHT).p_value == pytest.approx(2 / 2**8 / 0.8)
    assert paired(EIGHT[1:]).p_value == pytest.approx(stats.ttest_1samp(EIGHT[1:], 0).pvalue / 0.85)


def test_of_two_tests_the_better_counts_with_its_share() -> None:
    values = [0.010, 0.011, 0.012, 0.009, 0.008, 0.013, 0.007, 0.010]
    by_t = max(stats.ttest_1samp(values, 0).pvalue, 2 / 4**8)
    assert by_t / 0.2 < 2 / 2**8 / 0.8
    assert paired(values).p_value == pytest.approx(by_t / 0.2)
    assert paired([0.01, -0.01] * 4).p_value == 1.0


def test_too_few_for_ranks_two_runs_are_compared_as_welch_does() -> None:
    base, head = [0.0, 0.02, 0.04], [0.10, 0.14, 0.18]
    found = unpaired(base, head, drifts=False)
    welch = stats.ttest_ind(head, base, equal_var=False)
    assert math.log(found.ratio or 0) == pytest.approx(0.12)
    assert ends(found) == pytest.approx(tuple(welch.confidence_interval(0.95)))
    # The rank test: 2 / C(6, 3); its share is 80 %. The t-test's is 20 %, and it says no less than 2 / 2^6.
    assert found.p_value == pytest.approx(min(0.1 / 0.8, max(welch.pvalue, 2 / 2**6) / 0.2))
    uneven = unpaired(base[:2], [*head, 0.19], drifts=False)
    welch = stats.ttest_ind([*head, 0.19], base[:2], equal_var=False)
    assert ends(uneven) == pytest.approx(tuple(welch.confidence_interval(0.95)))
    assert (uneven.base_n, uneven.head_n, uneven.n) == (2, 4, 2)
    assert uneven.p_value == pytest.approx(min(2 / 15 / 0.8, max(welch.pvalue, 2 / 2**6) / 0.2))


def test_two_runs_have_hodges_and_lehmann_s_interval() -> None:
    base, head = [0.0, 0.01, 0.02, 0.03, 0.04], [0.10, 0.12, 0.15, 0.19, 0.24]
    found = unpaired(base, head, drifts=False)
    # The table of U leaves two of the 25 differences outside on each side: 6, 7 | 8, 8 ... 22 | 23, 24 hundredths.
    assert ends(found) == pytest.approx((0.08, 0.22))
    assert math.log(found.ratio or 0) == pytest.approx(np.median([h - b for h in head for b in base]))
    assert (found.design, found.drift) == ("unpaired", 0.0)


def test_the_modes_of_two_runs_bound_the_p_value() -> None:
    # Six in one mode, six in the other: 2 / 2^12 by tossing, with the t-test's share of 20 %.
    assert unpaired([0.0] * 6, [1.0] * 6, drifts=False).p_value == pytest.approx(2 / 2**12 / 0.2)
    assert unpaired([0.0] * 4, [1.0] * 6, drifts=False).p_value == pytest.approx(2 / 210 / 0.8, rel=0.3)
    assert unpaired([0.0] * 4, [1.0] * 6, drifts=False).p_value == pytest.approx(2 / 2**10 / 0.2)


def test_drift_widens_both_ends_by_as_much_and_a_smaller_difference_is_none() -> None:
    ramp = [index / 100 for index in range(8)]
    # Variance 6e-4, half the mean square of neighbours 0.5e-4: three deviations of what is left.
    drift = 3 * math.sqrt(5.5e-4)
    far = [value + 0.5 for value in ramp]
    plain, found = unpaired(ramp, far, drifts=False), unpaired(ramp, far)
    assert found.drift == pytest.approx(math.expm1(drift))
    assert ends(found) == pytest.approx((ends(plain)[0] - drift, ends(plain)[1] + drift))
    # Tested is whether the difference is larger than the drift.
    nearer = [value - drift for value in far]
    assert found.p_value == pytest.approx(unpaired(ramp, nearer, drifts=False).p_value)
    back = unpaired(far, ramp)
    assert back.p_value == pytest.approx(found.p_value)
    assert unpaired(ramp, [value + 0.9 * drift for value in ramp]).p_value == 1.0
    calm = [0.0, 0.01] * 4
    assert unpaired(calm, far).drift == unpaired(far, calm).drift == pytest.approx(found.drift), "either side's"


def test_one_process_has_a_ratio_and_no_more() -> None:
    found = unpaired([0.1], [0.3, 0.5, 0.9])
    assert math.log(found.ratio or 0) == pytest.approx(0.4)
    assert (found.base_n, found.head_n, found.ci_low, found.p_value) == (1, 3, None, None)
    assert unpaired([], [0.3]).ratio is None


def test_what_is_beyond_numbers_is_the_last_number() -> None:
    assert paired([800.0, 800.0]).ratio == math.exp(700)
    assert paired([-800.0, -800.0]).ratio == math.exp(-700)


def device(log_ratio: float, half: float, n: int, design: Design = "paired", level: float = 0.95) -> Estimate:
    """An estimate whose interval reaches `half` to either side, as logarithms."""
    low, high = math.exp(log_ratio - half), math.exp(log_ratio + half)
    return Estimate(
        design=design, base_n=n, head_n=n, ratio=math.exp(log_ratio), ci_low=low, ci_high=high, p_value=0.5, level=level
    )


@pytest.mark.parametrize(
    ("first", "second", "errors", "freedom"),
    [
        # By table t_9 = 2.26216 and t_4 = 2.77645.
        (device(0.10, 0.02, 10), device(0.02, 0.04, 5), (0.02 / 2.26216, 0.04 / 2.77645), (9, 4)),
        # Two samples of 6 have 10 degrees of freedom, t_10 = 2.22814.
        (device(0.10, 0.02, 10), device(0.02, 0.04, 6, "unpaired"), (0.02 / 2.26216, 0.04 / 2.22814), (9, 10)),
        # At 99 %, t_9 = 3.24984.
        (device(0.10, 0.02, 10, level=0.99), device(0.02, 0.04, 5), (0.02 / 3.24984, 0.04 / 2.77645), (9, 4)),
    ],
)
def test_devices_are_pooled_as_satterthwaite_says(
    first: Estimate, second: Estimate, errors: tuple[float, float], freedom: tuple[int, int]
) -> None:
    squares = [error**2 for error in errors]
    error = math.sqrt(sum(squares)) / 2
    effective = sum(squares) ** 2 / sum(s**2 / f for s, f in zip(squares, freedom, strict=True))
    for level in (0.95, 0.99):
        found = pooled([first, second], level=level)
        half = stats.t.ppf(0.5 + level / 2, effective) * error
        assert math.log(found.ratio or 0) == pytest.approx(0.06)
        assert ends(found) == pytest.approx((0.06 - half, 0.06 + half), rel=1e-4)
        assert found.p_value == pytest.approx(2 * stats.t.sf(0.06 / error, effective), rel=1e-3)
        assert (found.design, found.base_n, found.head_n, found.level) == (
            "pooled",
            first.base_n + second.base_n,
            first.head_n + second.head_n,
            level,
        )


def test_devices_without_any_spread_are_alike_or_not() -> None:
    sure = pooled([device(0.1, 0.0, 5), device(0.3, 0.0, 5)], level=0.99)
    assert ends(sure) == pytest.approx((0.2, 0.2))
    assert (sure.p_value, sure.level, sure.base_n, sure.head_n) == (0.0, 0.99, 10, 10)
    assert pooled([device(0.0, 0.0, 5)]).p_value == 1.0


@pytest.mark.parametrize("lacking", [device(0.1, 0.01, 4), Estimate(design="paired", base_n=9, head_n=9, ratio=1.1)])
def test_a_device_without_a_sound_interval_leaves_nothing_to_pool(lacking: Estimate) -> None:
    found = pooled([device(0.1, 0.01, 5), lacking])
    assert (found.ratio, found.ci_low, found.p_value) == (None, None, None)
    assert found.base_n == found.head_n == 5 + lacking.base_n
    assert pooled([device(0.1, 0.01, 5)]).ratio is not None, "five are enough"


def test_blocks_without_any_difference_prove_none() -> None:
    assert paired([0.0] * 5).p_value == 1.0


@pytest.mark.parametrize("drifts", [True, False])
def test_many_experiments_at_once_are_each_as_alone(drifts: bool) -> None:
    rng = np.random.default_rng(5)
    base, head = rng.normal(0.0, 0.01, (4, 9)).cumsum(axis=-1), rng.normal(0.02, 0.01, (4, 8))
    found = unpaired_many(base, head, drifts=drifts)
    for index, (ours, theirs) in enumerate(zip(base, head, strict=True)):
        alone = unpaired(list(ours), list(theirs), drifts=drifts)
        assert math.log(alone.ratio or 0) == pytest.approx(found.centre[index])
        assert ends(alone) == pytest.approx((found.low[index], found.high[index]))
        assert alone.p_value == pytest.approx(found.p_value[index])
