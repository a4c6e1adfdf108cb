from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.analysis.failure_rates import LEVEL, fails_more_p
from harness.analysis.multiple_claims import holm


@pytest.mark.parametrize(
    ("base", "head"),
    [((0, 10), (9, 10)), ((0, 10), (6, 10)), ((3, 10), (5, 12)), ((7, 20), (1, 5)), ((0, 5), (0, 5)), ((4, 4), (4, 4))],
)
def test_it_is_fishers_exact_test(base: tuple[int, int], head: tuple[int, int]) -> None:
    table = np.array([[head[0], head[1] - head[0]], [base[0], base[1] - base[0]]])
    assert fails_more_p(*base, *head) == pytest.approx(stats.fisher_exact(table, alternative="greater").pvalue)


def test_by_hand() -> None:
    # All six failures of twenty processes in head: (10 choose 6) of (20 choose 6) ways.
    assert fails_more_p(0, 10, 6, 10) == pytest.approx(210 / 38760)


def test_alike_sides_are_said_to_fail_more_in_at_most_one_table_of_a_hundred() -> None:
    rng = np.random.default_rng(11)
    for rate in (0.1, 0.3, 0.6):
        failed = rng.binomial(10, rate, size=(2000, 5, 2))
        wrong = sum(min(holm([fails_more_p(b, 10, h, 10) for b, h in table])) <= LEVEL for table in failed.tolist())
        assert wrong / 2000 <= LEVEL
