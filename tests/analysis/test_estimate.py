"""What an estimate knows beside its ratio: blocks set aside, resolution, averages, other levels."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.analysis.one_sided import mean_p, paired_p
from harness.analysis.ratio_interval import Estimate, paired, unpaired
from harness.analysis.samples import PairedSample, UnpairedSample
from harness.analysis.verdict import Rules, Verdict, judge
from tests.analysis.test_ratio_by_hand import ends

EDGE = math.log(1.01)
CALM = [0.000, 0.010, 0.004, 0.012, 0.002, 0.009, 0.001, 0.011, 0.003, 0.010]
RATIOS = [0.050, 0.052, 0.049, 0.051, 0.048, 0.053, 0.050, 0.047, 0.051, 0.050]


def test_a_spoilt_block_counts_as_run_and_not_for_the_ratio() -> None:
    for jump in (2.3, -2.3):
        means, ratios = CALM.copy(), RATIOS.copy()
        means[3] += jump / 2
        ratios[3] += jump
        found = paired(ratios, means=means)
        kept = paired([*ratios[:3], *ratios[4:]])
        assert ends(found) == pytest.approx(ends(kept))
        assert (found.base_n, found.head_n, found.n, found.values, found.set_aside) == (10, 10, 10, 10, 1)
        assert isinstance(found.sample, PairedSample)
        assert (len(found.sample.kept), len(found.sample.everything)) == (9, 10)
        assert found.p_above(EDGE) == pytest.approx(kept.p_above(EDGE))
        assert paired(ratios).set_aside == 0, "without the means nothing is known of blocks"


def test_one_process_ten_times_as_slow_does_not_hide_a_difference() -> None:
    (plain,) = judge([paired(RATIOS, means=CALM)], Rules())
    assert plain.verdict is Verdict.SLOWER
    for side in (0.5, -0.5):  # head's process, or base's
        means, ratios = CALM.copy(), RATIOS.copy()
        means[3] += math.log(10) / 2
        ratios[3] += 2 * side * math.log(10)
        found = paired(ratios, means=means)
        low, high = ends(found)
        assert high - low < 0.01
        assert judge([found], Rules())[0].verdict is Verdict.SLOWER


def test_the_ratio_of_averages_by_hand() -> None:
    # Base 1, 1; head 1, 4: in logarithms ratios 0 and ln 4, means 0 and ln 2.
    found = paired([0.0, math.log(4)], means=[0.0, math.log(2)])
    assert found.mean_ratio == pytest.approx(5 / 2)
    assert paired([0.0, math.log(4)]).mean_ratio is None
    apart = unpaired([0.0, math.log(3)], [math.log(2)] * 3)
    assert apart.mean_ratio == pytest.approx(2 / 2)
    assert unpaired([700.0, 700.0], [701.0, 701.0]).mean_ratio == pytest.approx(math.e), "however large"


def test_a_step_of_the_values_widens_and_takes_part_in_every_test() -> None:
    plain, stepped = paired(RATIOS), paired(RATIOS, resolution=0.02)
    step = math.log(1.02)
    assert ends(stepped) == pytest.approx((ends(plain)[0] - step, ends(plain)[1] + step))
    assert stepped.resolution == 0.02
    assert stepped.slack == pytest.approx(step)
    assert stepped.p_above(0.03) == pytest.approx(plain.p_above(0.03 + step)) != pytest.approx(plain.p_above(0.03))
    assert stepped.p_below(0.07) == pytest.approx(plain.p_below(0.07 - step)) != pytest.approx(plain.p_below(0.07))
    assert stepped.p_within(0.07) == pytest.approx(plain.p_within(0.07 - step)) != pytest.approx(plain.p_within(0.07))
    assert stepped.p_within(step) == 1.0
    assert ends(stepped.at(0.99)) == pytest.approx((ends(plain.at(0.99))[0] - step, ends(plain.at(0.99))[1] + step))
    apart = unpaired(CALM, [value + 0.1 for value in CALM], drifts=False, resolution=0.02)
    still = unpaired(CALM, [value + 0.1 for value in CALM], drifts=False)
    assert ends(apart) == pytest.approx((ends(still)[0] - step, ends(still)[1] + step))
    assert ends(apart.at(0.9)) == pytest.approx((ends(still.at(0.9))[0] - step, ends(still.at(0.9))[1] + step))


def test_another_level_is_what_it_would_have_been() -> None:
    assert ends(paired(RATIOS).at(0.99)) == pytest.approx(ends(paired(RATIOS, level=0.99)))
    assert paired(RATIOS).at(0.99).level == 0.99
    ramp = [index / 100 for index in range(8)]
    found = unpaired(ramp, [value + 0.5 for value in ramp])
    assert found.drift > 0
    assert ends(found.at(0.99)) == pytest.approx(ends(unpaired(ramp, [value + 0.5 for value in ramp], level=0.99)))
    assert found.at(0.99).drift == found.drift
    assert found.at(0.95) is found
    without = Estimate(design="paired", base_n=9, head_n=9, ratio=1.1)
    assert without.at(0.99) is without


def test_what_has_no_values_proves_nothing() -> None:
    for one in (
        paired([]),
        paired([0.5]),
        unpaired([0.1], [0.2]),
        Estimate(design="paired", base_n=9, head_n=9, ratio=2.0),
    ):
        assert (one.p_above(0.0), one.p_below(0.0), one.p_within(1.0)) == (1.0, 1.0, 1.0)
        assert one.sample is None
    assert (paired([0.5]).values, unpaired([0.1] * 3, [0.2]).values) == (1, 1)
    assert unpaired([0.1] * 3, [0.2] * 7).values == 3


def test_being_within_is_the_worse_of_both_edges_and_of_ranks_and_averages() -> None:
    values = np.array([0.002, 0.001, 0.003, 0.002, 0.004, 0.000, 0.001, 0.002, 0.003])
    found = paired(list(values))
    assert found.p_within(EDGE) == pytest.approx(max(found.p_above(-EDGE), found.p_below(EDGE)))
    assert found.p_within(EDGE) == pytest.approx(float(paired_p(-values, -EDGE))), "the nearer edge"
    assert paired([0.02] * 9).p_within(EDGE) == 1.0
    means = [0.0] * 9
    means[4] = 5.0
    spoilt = values.copy()
    spoilt[4] = 0.3
    # Its ranks do not count the block, its average does: 0.035.
    far = PairedSample(np.delete(spoilt, 4), spoilt)
    assert far.p_above(-EDGE) < 0.01
    assert far.p_within(EDGE) == pytest.approx(float(mean_p(-spoilt, -EDGE)))
    assert far.p_within(EDGE) > 0.5


def test_two_samples_are_within_by_welch_s_test_too() -> None:
    base = np.array([0.000, 0.001, 0.002, 0.001, 0.000, 0.002, 0.001, 0.001, 0.0])
    head = base.copy()
    assert UnpairedSample(base, head).p_within(EDGE) < 0.001
    head[4] = 0.5
    assert UnpairedSample(base, head).p_above(-EDGE) < 0.001
    assert UnpairedSample(base, head).p_below(EDGE) < 0.01, "neither ranks nor trimmed means mind one of nine"
    assert UnpairedSample(base, head).p_within(EDGE) > 0.5
    assert UnpairedSample(head, base).p_within(EDGE) > 0.5
    flat = np.zeros(6)
    assert UnpairedSample(flat, flat).p_within(EDGE) == pytest.approx(1 / 924), "ranks of six and six"
    assert UnpairedSample(flat, flat + EDGE).p_within(EDGE) == 1.0


@pytest.mark.parametrize("interleaved", [True, False])
def test_a_slow_mode_that_became_more_frequent_is_not_the_same(interleaved: bool) -> None:
    """5 % of base's processes are 20 % slower, and 20 % of head's; `same` in 26 to 64 % by ranks alone."""
    rng = np.random.default_rng(6)
    same = by_ranks = 0
    for _ in range(200):
        noise = rng.normal(0, 0.002, (2, 30))
        base, head = noise + math.log(1.2) * (rng.random((2, 30)) < [[0.05], [0.20]])
        pairs, apart = paired(list(head - base), means=list((base + head) / 2)), unpaired(list(base), list(head))
        one = pairs if interleaved else apart
        same += judge([one], Rules())[0].verdict is Verdict.SAME
        by_ranks += max(one.p_above(-EDGE), one.p_below(EDGE)) <= 0.01
    assert by_ranks > 20, "else this shows nothing"
    assert same <= 4
