from __future__ import annotations

import pytest

from harness.analysis.ratio_interval import Estimate
from harness.analysis.verdict import Judgement, Verdict
from harness.formats import comparison_words as words


def estimate(ratio: float | None, low: float | None = None, high: float | None = None) -> Estimate:
    return Estimate(design="paired", base_n=10, head_n=10, ratio=ratio, ci_low=low, ci_high=high)


def judged(verdict: Verdict, more: int | None = None, *reasons: str) -> Judgement:
    return Judgement(verdict=verdict, q_value=0.001, gate_broken=False, more_processes=more, reasons=reasons)


@pytest.mark.parametrize(
    ("low", "high", "within"),
    [(0.999, 1.006, "0.6 %"), (0.992, 1.001, "0.8 %"), (0.995, 1.005, "0.5 %"), (1.001, 1.004, "0.4 %")],
)
def test_the_same_is_within_the_end_that_lies_further_away(low: float, high: float, within: str) -> None:
    assert words.change(estimate(1.0, low, high), judged(Verdict.SAME)) == f"the same within {within}"


@pytest.mark.parametrize(
    ("verdict", "ratio", "low", "high", "said"),
    [
        (Verdict.SLOWER, 1.031, 1.022, 1.04, "slower by 3.1 % (2.2 % to 4.0 %)"),
        (Verdict.SLOWER, 2.5, 2.4, 2.75, "slower 2.50x (2.40x to 2.75x)"),
        (Verdict.FASTER, 0.9, 0.85, 0.95, "faster by 10.0 % (5.0 % to 15.0 %)"),
        (Verdict.FASTER, 0.25, 0.2, 0.4, "faster 4.00x (2.50x to 5.00x)"),
    ],
)
def test_small_changes_are_a_share_of_the_base_and_large_ones_a_factor(
    verdict: Verdict, ratio: float, low: float, high: float, said: str
) -> None:
    assert words.change(estimate(ratio, low, high), judged(verdict)) == said


def test_what_is_inconclusive_says_why_and_what_would_help() -> None:
    assert words.change(estimate(1.0, 0.9, 1.1), judged(Verdict.INCONCLUSIVE)) == "inconclusive"
    more = judged(Verdict.INCONCLUSIVE, 7, "3 processes a side")
    said = "inconclusive; 3 processes a side; about 7 more processes a side would decide"
    assert words.change(estimate(None), more) == said


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.03, "3 %"), (0.015, "1.5 %"), (0.994, "99 %"), (0.996, "100 %"), (1.25, "125 %"), (-0.5, "-50 %")],
)
def test_percentages_have_two_digits_that_mean_something(share: float, said: str) -> None:
    assert words.percent(share) == said


def test_ratios_and_intervals() -> None:
    assert words.ratio(estimate(None)) == "-"
    assert words.ratio(estimate(0.877)) == "0.877"
    assert words.ratio(estimate(0.877, 0.856, 0.899)) == "0.877 [0.856, 0.899]"
    assert words.interval(estimate(1.0, 0.0001234, 123456.0)) == "[0.000123, 1.23e+05]"


def test_values_are_in_milliseconds_or_megabytes() -> None:
    assert [words.value(12_345.0, "us"), words.value(38.21, "mb"), words.value(None, "us")] == [
        "12.345 ms",
        "38.2 MB",
        "-",
    ]
