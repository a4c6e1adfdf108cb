"""P-values of two independent samples against those of scipy, where ranks, trimmed means and plain means part."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.analysis.ranks import Floats
from harness.analysis.samples import PairedSample, UnpairedSample, paired_many, unpaired_many

CALM = np.array([0.0, 0.001, -0.001, 0.002, -0.002, 0.0005, -0.0005, 0.0015, -0.0015, 0.0002])
WILD = np.append(CALM + 0.0001, [0.09, 0.0003, -0.0003, 0.0007])
"""One process in fourteen is 9 % slower: ranks and trimmed means leave it out, the plain mean does not."""


def welch(sample: Floats, other: Floats, edge: float) -> float:
    return max(
        float(stats.ttest_ind(one - edge, two, equal_var=False, alternative="less").pvalue)
        for one, two in ((sample, other), (other, sample))
    )


@pytest.mark.parametrize("edge", [0.01, 0.02])
def test_sameness_of_two_samples_is_as_sure_as_their_plain_means_by_welch(edge: float) -> None:
    for base, head in ((CALM, WILD), (WILD, CALM), (CALM - 0.03, WILD - 0.03)):
        sample = UnpairedSample(base, head)
        wanted = welch(head, base, edge)
        assert wanted > max(sample.p_above(-edge), sample.p_below(edge)), "the plain means decide"
        assert sample.p_within(edge) == pytest.approx(wanted)


def test_two_samples_without_any_spread_are_the_same_within_the_edge_only() -> None:
    zeros, moved = np.zeros(6), np.full(6, 0.01)
    for base, head in ((zeros, moved), (moved, zeros)):
        sample = UnpairedSample(base, head)
        assert sample.p_within(0.02) == pytest.approx(1 / 924)
        assert sample.p_within(0.01) == 1.0
        assert sample.p_within(0.005) == 1.0


def test_sameness_of_pairs_is_as_sure_as_the_mean_of_all_blocks() -> None:
    kept = np.array([0.0, 0.001, -0.001, 0.002, -0.002, 0.0005, -0.0005, 0.0015, -0.0015])
    for sign in (1, -1):
        everything = np.append(kept, sign * 0.08)
        sample = PairedSample(kept, everything)
        wanted = float(stats.ttest_1samp(sign * everything, 0.01, alternative="less").pvalue)
        assert wanted > 0.05
        assert sample.p_within(0.01) == pytest.approx(wanted)


def test_fewer_than_five_blocks_that_are_left_of_five_claim_nothing() -> None:
    four, five = (np.array([0.0, 0.0001, -0.0001, 0.0002, -0.0002])[:n] for n in (4, 5))
    left, whole, never_more = PairedSample(four, five), PairedSample(five, five), PairedSample(four, four)
    assert (left.p_within(0.01), left.p_above(-0.01), left.p_below(0.01)) == (1.0, 1.0, 1.0)
    assert max(whole.p_within(0.01), never_more.p_within(0.01)) < 0.1


def test_sizes_are_those_of_the_values_that_are_used() -> None:
    assert (PairedSample(CALM[:8], CALM).size, PairedSample(CALM[:8], CALM).paired) == (8, True)
    assert (UnpairedSample(CALM, WILD).size, UnpairedSample(WILD, CALM).size) == (10, 10)
    assert not UnpairedSample(CALM, WILD).paired


def test_pairs_too_few_for_the_level_have_student_s_interval() -> None:
    values = np.array([0.01, 0.02, 0.04, 0.05])
    found = paired_many(values, level=0.95)
    low, high = stats.t.interval(0.95, 3, values.mean(), stats.sem(values))
    assert (float(found.centre), float(found.low), float(found.high)) == pytest.approx((0.03, low, high))


def test_two_samples_too_few_for_the_level_have_welch_s_interval() -> None:
    base, head = np.array([0.0, 0.01, 0.03]), np.array([0.10, 0.12])
    found = unpaired_many(base, head, level=0.95, drifts=False)
    known = stats.ttest_ind(head, base, equal_var=False).confidence_interval(0.95)
    assert (float(found.low), float(found.high)) == pytest.approx((known.low, known.high))
    assert float(found.centre) == pytest.approx(head.mean() - base.mean())
    assert float(found.drift if found.drift is not None else 1.0) == 0.0
