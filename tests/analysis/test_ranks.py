from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.analysis.ranks import (
    order_for,
    pairwise_differences,
    rank_sum_cdf,
    signed_rank_cdf,
    two_sided_p,
    walsh_averages,
)


def test_the_signed_rank_distribution_of_three() -> None:
    # The eight ways to sign the ranks 1, 2, 3 have the sums 0, 1, 2, 3, 3, 4, 5, 6.
    assert signed_rank_cdf(3) == pytest.approx(np.array([1, 2, 3, 5, 6, 7, 8]) / 8)


def test_the_rank_sum_distribution_of_two_and_two() -> None:
    assert rank_sum_cdf(2, 2) == pytest.approx(np.array([1, 2, 4, 5, 6]) / 6)


@pytest.mark.parametrize("n", [5, 8, 13, 24])
def test_signed_rank_p_values_are_those_of_scipy(n: int) -> None:
    values = np.random.default_rng(n).normal(0.4, 1, (20, n))
    ours = two_sided_p(walsh_averages(values), signed_rank_cdf(n))
    theirs = [stats.wilcoxon(row, method="exact").pvalue for row in values]
    assert ours == pytest.approx(np.array(theirs))


@pytest.mark.parametrize(("n", "m"), [(5, 5), (4, 9), (12, 12)])
def test_rank_sum_p_values_are_those_of_scipy(n: int, m: int) -> None:
    rng = np.random.default_rng(n * m)
    base, head = rng.normal(0, 1, (20, n)), rng.normal(0.7, 1, (20, m))
    ours = two_sided_p(pairwise_differences(base, head), rank_sum_cdf(n, m))
    theirs = [stats.mannwhitneyu(b, h, method="exact").pvalue for b, h in zip(base, head, strict=True)]
    assert ours == pytest.approx(np.array(theirs))


def test_large_samples_use_a_close_approximation() -> None:
    # Both distributions are counted out up to 60; the next one must continue them.
    for exact, approximate in (
        (signed_rank_cdf(60), signed_rank_cdf(61)),
        (rank_sum_cdf(60, 60), rank_sum_cdf(60, 61)),
    ):
        at = int(np.searchsorted(exact, 0.025))
        assert approximate[round(at * len(approximate) / len(exact))] == pytest.approx(0.025, abs=0.003)


def test_walsh_averages_of_three_values() -> None:
    assert walsh_averages(np.array([1.0, 2.0, 4.0])) == pytest.approx([1, 1.5, 2, 2.5, 3, 4])


@pytest.mark.parametrize(
    ("n", "order", "level"), [(6, 0, 0.96875), (7, 2, 0.953125), (8, 3, 0.9609375), (10, 8, 0.951171875)]
)
def test_orders_of_the_interval_are_those_of_the_printed_tables(n: int, order: int, level: float) -> None:
    cdf = signed_rank_cdf(n)
    assert order_for(cdf, 0.05) == order
    assert 1 - 2 * cdf[order] == pytest.approx(level)


def test_too_few_values_have_no_interval() -> None:
    assert order_for(signed_rank_cdf(5), 0.05) is None


def test_ties_with_zero_make_no_difference_significant() -> None:
    assert two_sided_p(walsh_averages(np.zeros(10)), signed_rank_cdf(10)) == 1.0
