from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.analysis.ranks import (
    midranks,
    order_for,
    pairwise_differences,
    rank_sum_cdf,
    signed_rank_cdf,
    walsh_averages,
)


def test_the_signed_rank_distribution_of_three() -> None:
    # The eight ways to sign the ranks 1, 2, 3 have the sums 0, 1, 2, 3, 3, 4, 5, 6.
    assert signed_rank_cdf(3) == pytest.approx(np.array([1, 2, 3, 5, 6, 7, 8]) / 8)


def test_the_rank_sum_distribution_of_two_and_two() -> None:
    assert rank_sum_cdf(2, 2) == pytest.approx(np.array([1, 2, 4, 5, 6]) / 6)


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


@pytest.mark.parametrize(
    ("n", "ways"),
    [
        (1, [1, 1]),
        (2, [1, 1, 1, 1]),
        (4, [1, 1, 1, 2, 2, 2, 2, 2, 1, 1, 1]),
        (5, [1, 1, 1, 2, 2, 3, 3, 3, 3, 3, 3, 2, 2, 1, 1, 1]),
    ],
)
def test_the_signed_rank_distribution_counts_the_ways_to_sign_the_ranks(n: int, ways: list[int]) -> None:
    assert signed_rank_cdf(n) == pytest.approx(np.cumsum(ways) / 2**n)


@pytest.mark.parametrize(
    ("n", "m", "ways"),
    [
        (1, 1, [1, 1]),
        (1, 3, [1, 1, 1, 1]),
        (3, 1, [1, 1, 1, 1]),
        (2, 3, [1, 1, 2, 2, 2, 1, 1]),
        (3, 3, [1, 1, 2, 3, 3, 3, 3, 2, 1, 1]),
    ],
)
def test_the_rank_sum_distribution_counts_the_ways_to_divide_the_ranks(n: int, m: int, ways: list[int]) -> None:
    assert rank_sum_cdf(n, m) == pytest.approx(np.cumsum(ways) / sum(ways))


@pytest.mark.parametrize(
    ("miss", "table"),
    [
        (0.05, {6: 0, 7: 2, 8: 3, 9: 5, 10: 8, 12: 13, 15: 25, 20: 52, 25: 89}),
        (0.01, {8: 0, 9: 1, 10: 3, 12: 7, 15: 15, 20: 37, 25: 68}),
    ],
)
def test_critical_values_of_the_signed_rank_test_are_the_published_ones(miss: float, table: dict[int, int]) -> None:
    """Wilcoxon and Wilcox, Some Rapid Approximate Statistical Procedures (1964), two-sided."""
    assert {n: order_for(signed_rank_cdf(n), miss) for n in table} == table


@pytest.mark.parametrize(
    ("miss", "table"),
    [
        (0.05, {(3, 5): 0, (4, 4): 0, (5, 5): 2, (6, 6): 5, (8, 8): 13, (5, 10): 8, (10, 10): 23, (20, 20): 127}),
        (0.01, {(5, 5): 0, (8, 8): 7, (10, 10): 16, (20, 20): 105}),
    ],
)
def test_critical_values_of_the_rank_sum_test_are_the_published_ones(
    miss: float, table: dict[tuple[int, int], int]
) -> None:
    """Mann and Whitney's U, two-sided, as textbooks print it."""
    assert {sizes: order_for(rank_sum_cdf(*sizes), miss) for sizes in table} == table


def test_up_to_sixty_values_are_counted_out_and_more_approximated() -> None:
    assert signed_rank_cdf(60)[0] == pytest.approx(0.5**60, rel=1e-9)
    # Mean n(n+1)/4 = 945.5, variance n(n+1)(2n+1)/24 = 19382.75.
    approximated = signed_rank_cdf(61)
    assert len(approximated) == 61 * 62 // 2 + 1
    assert approximated[945] == 0.5
    assert approximated[1084] == pytest.approx(stats.norm.cdf(139 / 19382.75**0.5))
    assert rank_sum_cdf(60, 2)[0] == pytest.approx(2 / (62 * 61), rel=1e-9)
    # Mean n m / 2 = 61, variance n m (n + m + 1) / 12 = 650.67.
    for approximated in (rank_sum_cdf(61, 2), rank_sum_cdf(2, 61)):
        assert len(approximated) == 61 * 2 + 1
        assert approximated[61] == pytest.approx(stats.norm.cdf(0.5 / (122 * 64 / 12) ** 0.5))
        assert approximated[0] == pytest.approx(stats.norm.cdf(-60.5 / (122 * 64 / 12) ** 0.5))


def test_averages_and_differences_of_many_experiments_at_once() -> None:
    values = np.array([[4.0, 1.0, 2.0], [-1.0, 0.0, 5.0]])
    assert walsh_averages(values).tolist() == [[1, 1.5, 2, 2.5, 3, 4], [-1, -0.5, 0, 2, 2.5, 5]]
    base, head = np.array([[1.0, 3.0], [0.0, 10.0]]), np.array([[2.0, 7.0, 4.0], [1.0, 1.0, 1.0]])
    assert pairwise_differences(base, head).tolist() == [[-1, 1, 1, 3, 4, 6], [-9, -9, -9, 1, 1, 1]]


def test_an_interval_may_miss_exactly_as_often_as_it_was_asked_to() -> None:
    cdf = np.array([0.125, 0.25, 0.5, 1.0])
    assert [order_for(cdf, miss) for miss in (0.2, 0.25, 0.49, 0.5, 1.0)] == [None, 0, 0, 1, 2]


def test_midranks_are_those_of_scipy_with_and_without_ties() -> None:
    random = np.random.default_rng(5)
    for shape in ((1,), (9,), (4, 30), (3, 5, 12)):
        for values in (
            random.normal(size=shape),
            random.integers(0, 4, size=shape).astype(np.float64),
            np.zeros(shape),
        ):
            np.testing.assert_array_equal(midranks(values), stats.rankdata(values, axis=-1))


def test_midranks_by_hand() -> None:
    assert midranks(np.array([7.0, 1.0, 7.0, 3.0])).tolist() == [3.5, 1.0, 3.5, 2.0]
