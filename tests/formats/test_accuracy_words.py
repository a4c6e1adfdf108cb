from __future__ import annotations

import numpy as np
import pytest

from harness.analysis.paired_accuracy import paired_test
from harness.formats.accuracy_words import against_words, number, paired_words, value_words
from harness.models.evaluation import Evaluation, summary_of
from harness.models.task_metric import task_metric


def top1(wrong: slice, n: int = 450) -> Evaluation:
    scores = np.ones(n)
    scores[wrong] = 0
    return summary_of(task_metric("top1"), scores)


def words(this: Evaluation, other: Evaluation) -> tuple[str, str]:
    paired = paired_test(this.per_sample, other.per_sample)
    return against_words(this, other, paired), paired_words(paired)


def test_too_few_samples_show_nothing() -> None:
    said, test = words(top1(slice(0, 10)), top1(slice(3, 14)))
    assert said == "0.978 against 0.976: no difference shown with 450 samples"
    assert test == "p = 1.00, McNemar's exact test: 4 samples right only here, 3 only there"


def test_a_difference_that_is_shown_says_which_way() -> None:
    said, test = words(top1(slice(0, 60)), top1(slice(0, 10)))
    assert said == "0.867 against 0.978: lower by 0.111, which is worse, with 450 samples"
    assert test == "p < 0.0001, McNemar's exact test: 0 samples right only here, 50 only there"
    errors = summary_of(task_metric("mae"), np.linspace(1, 2, 20))
    better = summary_of(task_metric("mae"), np.linspace(1, 2, 20) * 0.9)
    assert words(better, errors)[0] == "1.350 against 1.500: lower by 0.150, which is better, with 20 samples"
    assert words(better, errors)[1] == "p < 0.0001, Student's paired test of each sample's difference"


def test_equal_models_are_said_to_be_the_same() -> None:
    assert words(top1(slice(0, 10)), top1(slice(0, 10)))[0] == "0.978 against 0.978: the same for each of 450 samples"
    # As many right, but others: that is no proof of sameness.
    assert "no difference shown" in words(top1(slice(0, 10)), top1(slice(10, 20)))[0]


def test_single_samples() -> None:
    one, two = (summary_of(task_metric("mse"), np.array([value])) for value in (1.0, 2.0))
    assert words(one, two) == (
        "1.000 against 2.000: no difference shown with 1 sample",
        "no p-value from one sample, Student's paired test of each sample's difference",
    )
    assert value_words(one) == "1.000"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.000"), (0.97778, "0.978"), (1.9e-8, "1.9e-08"), (0.00123, "0.001"), (12345.6, "1.23e+04")],
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


def test_an_interval_stands_beside_its_value() -> None:
    assert value_words(top1(slice(0, 10))) == "0.978 [0.960, 0.989]"
