"""Against published values, scipy's own functions, and counts by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.analysis.paired_accuracy import mcnemar_p, paired_test
from harness.analysis.task_accuracy import mean_interval, share_interval

# Student (1908): additional hours of sleep by two drugs, ten patients. R: t.test(extra ~ group, paired = TRUE).
FIRST_DRUG = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
SECOND_DRUG = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])


@pytest.mark.parametrize(("right", "n"), [(0, 1), (1, 1), (0, 10), (8, 10), (439, 450), (440, 450), (450, 450)])
def test_a_share_s_interval_is_clopper_and_pearson_s(right: int, n: int) -> None:
    known = stats.binomtest(right, n).proportion_ci(0.95, method="exact")
    assert share_interval(right, n) == pytest.approx((known.low, known.high), abs=1e-9)


def test_the_rule_of_three() -> None:
    # Nothing wrong in n samples: the exact bound is 1 - (alpha/2)^(1/n).
    assert share_interval(0, 100) == pytest.approx((0, 1 - 0.025 ** (1 / 100)))
    assert share_interval(100, 100) == pytest.approx((0.025 ** (1 / 100), 1))


def test_it_covers_at_least_its_level_whatever_the_share() -> None:
    n = 50
    low, high = np.array([share_interval(right, n) for right in range(n + 1)]).T
    for share in np.linspace(0.01, 0.99, 99):
        covered = stats.binom.pmf(np.arange(n + 1), n, share)[(low <= share) & (share <= high)].sum()
        assert covered >= 0.95


def test_student_s_sleep() -> None:
    assert mean_interval(SECOND_DRUG - FIRST_DRUG) == pytest.approx((0.7001142, 2.4598858), abs=1e-6)
    found = paired_test(SECOND_DRUG, FIRST_DRUG)
    assert (found.test, found.n, found.shown) == ("paired-t", 10, True)
    assert found.difference == pytest.approx(1.58)
    assert found.p_value == pytest.approx(0.002833, abs=5e-7)
    assert paired_test(FIRST_DRUG, SECOND_DRUG).p_value == found.p_value


def test_means_that_cannot_be_judged() -> None:
    assert mean_interval(np.array([1.0])) is None
    assert mean_interval(np.array([2.0, 2.0])) == (2.0, 2.0)
    assert paired_test(np.array([1.5]), np.array([2.5])).p_value is None
    assert not paired_test(np.array([1.5]), np.array([2.5])).shown
    assert paired_test(np.array([1.5]), np.array([1.5])).p_value == 1.0
    assert paired_test(np.array([1.5, 1.5]), np.array([1.0, 1.0])).p_value == 0.0


@pytest.mark.parametrize(
    ("only_first", "only_second", "p"),
    [(0, 0, 1.0), (3, 3, 1.0), (0, 5, 2 / 32), (6, 0, 2 / 64), (1, 5, 2 * 7 / 64), (2, 1, 1.0)],
)
def test_mcnemar_by_hand(only_first: int, only_second: int, p: float) -> None:
    assert mcnemar_p(only_first, only_second) == pytest.approx(p)


def test_mcnemar_on_agresti_s_survey() -> None:
    # Agresti, Categorical Data Analysis (1990), p. 350: 86 and 150 of 1600 changed their mind.
    assert mcnemar_p(86, 150) == pytest.approx(stats.binomtest(86, 236).pvalue)
    assert mcnemar_p(150, 86) == pytest.approx(3.7e-5, rel=0.01)


def test_right_and_wrong_are_counted_by_sample() -> None:
    first = np.array([1, 1, 1, 0, 0, 1], float)
    second = np.array([1, 0, 0, 1, 0, 1], float)
    found = paired_test(first, second)
    assert (found.test, found.only_first, found.only_second, found.n) == ("mcnemar", 2, 1, 6)
    assert found.difference == pytest.approx(1 / 6)
    assert found.p_value == 1.0
    assert paired_test(first, second + 0.5).test == "paired-t"


def test_450_images_cannot_tell_0_978_from_0_976_but_from_0_940() -> None:
    right = np.ones(450)
    a, b, c = right.copy(), right.copy(), right.copy()
    a[:10], b[3:14], c[:27] = 0, 0, 0
    assert not paired_test(a, b).shown
    assert paired_test(a, c).shown


@pytest.mark.parametrize("other", [np.ones(3), np.ones((2, 1)), np.ones(0)])
def test_scores_of_other_samples_are_no_pairs(other: np.ndarray) -> None:
    with pytest.raises(ValueError, match="shapes"):
        paired_test(np.ones(2), other)
    with pytest.raises(ValueError, match="shapes"):
        paired_test(np.ones(0), np.ones(0))
