"""Ratios, intervals and p-values against arithmetic by hand, printed tables, and scipy's own tests."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from harness.analysis.ratio_interval import Estimate, paired, unpaired
from harness.analysis.samples import unpaired_many


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
    by_t = stats.ttest_1samp(values, 0, alternative="greater").pvalue
    # Alone, the t-test may use 85 % of the error, and says no less than 4^-n.
    assert found.p_above(0.0) == pytest.approx(max(by_t, 4.0 ** -len(values)) / 0.85)
    assert found.p_value is None, "what is claimed, the verdict says"


def test_five_blocks_may_miss_a_quarter_more_often_six_and_more_a_tenth() -> None:
    # 2 / 2^5 is 6.25 %, allowed; of six the second average would be 2 * 2 / 2^6, as much, and is not. Of eight the fifth misses in
    # 2 * 7 / 2^8, 5.47 %, and is: 1, 1.5, 2, 2.5, 3 and 128, 96, 80, 72, 68.
    five = [0.01, 0.02, 0.04, 0.08, 0.16]
    # Student's, 0.062 +- 2.776 * 0.0610 / sqrt(5), reaches down to -0.0137, beyond the least block. A fifth of 0.08 - 0.02 counts.
    assert ends(paired(five)) == pytest.approx((-0.002, 0.16), abs=1e-9)
    # The eighth of 15 averages: 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.045, 0.05.
    assert math.log(paired(five).ratio or 0) == pytest.approx(0.05)
    six = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32]
    assert ends(paired(six)) == pytest.approx((0.01, 0.32))
    assert ends(paired([float(2**power) for power in range(8)])) == pytest.approx((3, 68))


def test_a_level_takes_its_own_averages() -> None:
    values = [float(2**power) for power in range(10)]
    # Tables: 8 averages outside on each side at 95 %, 3 at 99 %. The smallest: 1, 1.5, 2, 2.5, 3, 4, 4.5, 5, 6;
    # the largest 512, 384, 320, 288, 272, 264, 260, 258, 257.
    assert ends(paired(values)) == pytest.approx((6, 257))
    assert ends(paired(values, level=0.99)) == pytest.approx((2.5, 288))
    assert paired(values, level=0.99).level == 0.99


def test_too_few_for_ranks_two_runs_are_compared_as_welch_does() -> None:
    base, head = [0.0, 0.02, 0.04], [0.10, 0.14, 0.18]
    found = unpaired(base, head, drifts=False)
    welch = stats.ttest_ind(head, base, equal_var=False)
    assert math.log(found.ratio or 0) == pytest.approx(0.12)
    assert ends(found) == pytest.approx(tuple(welch.confidence_interval(0.95)))
    # The rank test's least is 1 / C(6, 3); the larger of both counts.
    assert found.p_above(0.0) == pytest.approx(max(1 / 20, welch.pvalue / 2))
    uneven = unpaired(base[:2], [*head, 0.19], drifts=False)
    welch = stats.ttest_ind([*head, 0.19], base[:2], equal_var=False)
    assert ends(uneven) == pytest.approx(tuple(welch.confidence_interval(0.95)))
    assert (uneven.base_n, uneven.head_n, uneven.n) == (2, 4, 2)
    assert uneven.p_above(0.0) == pytest.approx(max(1 / 15, welch.pvalue / 2))


def test_two_runs_have_the_wider_of_hodges_and_lehmann_s_and_welch_s_interval_at_each_end() -> None:
    base, head = [0.0, 0.01, 0.02, 0.03, 0.04], [0.10, 0.12, 0.15, 0.19, 0.24]
    found = unpaired(base, head, drifts=False)
    # The table of U leaves two of the 25 differences outside on each side: 6, 7 | 8, 8 ... 22 | 23, 24 hundredths.
    # Welch's reaches further down, and not so far up.
    welch = stats.ttest_ind(head, base, equal_var=False).confidence_interval(0.95)
    assert welch.low < 0.08
    assert welch.high < 0.22
    assert ends(found) == pytest.approx((welch.low, 0.22))
    back = unpaired([-value for value in base], [-value for value in head], drifts=False)
    assert ends(back) == pytest.approx((-0.22, -welch.low))
    assert math.log(found.ratio or 0) == pytest.approx(np.median([h - b for h in head for b in base]))
    assert (found.design, found.drift) == ("unpaired", 0.0)


def test_eight_and_more_of_a_run_have_yuen_s_interval_in_welch_s_place() -> None:
    rng = np.random.default_rng(3)
    base, head = rng.normal(0.0, 0.05, 8), rng.normal(0.1, 0.003, 30)
    found = unpaired(list(base), list(head), drifts=False)
    # scipy leaves out int(n / 8) at each end of eight, and int(n / 10) of thirty: a share of 0.125 is one and three.
    yuen = stats.ttest_ind(head, base, equal_var=False, trim=0.125)
    centre = stats.trim_mean(head, 0.1) - stats.trim_mean(base, 0.125)
    half = stats.t.ppf(0.975, yuen.df) * centre / yuen.statistic
    differences = np.sort([h - b for h in head for b in base])
    # So many differences lie outside on each side: of one more, the exact test of scipy would say more than 5.5 %.
    order = next(k for k in range(240) if stats.mannwhitneyu(*_with_u(k), method="exact").pvalue > 0.05 * 1.1) - 1
    assert ends(found) == pytest.approx(
        (min(centre - half, differences[order]), max(centre + half, differences[-1 - order]))
    )
    assert centre + half > differences[-1 - order], "the few of larger spread count"


def _with_u(pairs: int) -> tuple[list[float], list[float]]:
    """Samples of 30 and 8 of which so many pairs are in the other order."""
    full, rest = divmod(pairs, 30)
    thirty = [float(index) for index in range(30)]
    return thirty, [40.0 + index for index in range(8 - full - 1)] + [29.5 - rest] + [
        -1.0 - index for index in range(full)
    ]


def test_drift_widens_both_ends_by_as_much_and_a_smaller_difference_is_none() -> None:
    ramp = [index / 100 for index in range(8)]
    # Variance 6e-4, half the mean square of neighbours 0.5e-4: three deviations of what is left.
    drift = 3 * math.sqrt(5.5e-4)
    far = [value + 0.5 for value in ramp]
    plain, found = unpaired(ramp, far, drifts=False), unpaired(ramp, far)
    assert found.drift == pytest.approx(math.expm1(drift))
    assert ends(found) == pytest.approx((ends(plain)[0] - drift, ends(plain)[1] + drift))
    # Tested is whether the difference is larger than the edge and the drift.
    nearer = [value - drift for value in far]
    assert found.p_above(0.01) == pytest.approx(unpaired(ramp, nearer, drifts=False).p_above(0.01))
    back = unpaired(far, ramp)
    assert back.p_below(-0.01) == pytest.approx(found.p_above(0.01))
    near = unpaired(ramp, [value + 0.9 * drift for value in ramp])
    assert near.p_above(0.0) > 0.5
    # Within 20 % of each other they are only if they are so by more than the drift.
    assert near.p_within(0.2) == pytest.approx(
        unpaired(ramp, far, drifts=False).p_below(0.5 + 0.2 - 1.9 * drift), rel=1e-6
    )
    assert near.p_within(0.999 * drift) == 1.0, "the drift alone may be as much"
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


def test_blocks_without_any_difference_prove_none() -> None:
    assert paired([0.0] * 5).p_above(0.0) == paired([0.0] * 5).p_below(0.0) == pytest.approx(0.5 / 0.85)


@pytest.mark.parametrize("drifts", [True, False])
def test_many_experiments_at_once_are_each_as_alone(drifts: bool) -> None:
    rng = np.random.default_rng(5)
    base, head = rng.normal(0.0, 0.01, (4, 9)).cumsum(axis=-1), rng.normal(0.02, 0.01, (4, 8))
    found = unpaired_many(base, head, drifts=drifts)
    for index, (ours, theirs) in enumerate(zip(base, head, strict=True)):
        alone = unpaired(list(ours), list(theirs), drifts=drifts)
        assert math.log(alone.ratio or 0) == pytest.approx(found.centre[index])
        assert ends(alone) == pytest.approx((found.low[index], found.high[index]))
        assert found.drift is not None
        assert alone.drift == pytest.approx(math.expm1(found.drift[index]))
