"""Numbers as C++ streams print them, and the `count=` line."""

from __future__ import annotations

import pytest

from harness.benchmark_model.numbers import number, parse_statistics, percent, scaled, whole, whole_average, whole_size
from harness.records import RunStatistics


@pytest.mark.parametrize(
    ("text", "value"),
    [("12", 12), ("-0.5", -0.5), ("3.19167e+06", 3191670), ("1e-3", 0.001), ("0", 0)]
    + [(text, None) for text in ("", "nan", "-nan", "inf", "1e400", "1.", ".5", "1e", "0x10", "1,5", " 1", "1 ", "\u0661x")],
)  # fmt: skip
def test_a_number_is_finite_or_none(text: str, value: float | None) -> None:
    assert number(text) == value


@pytest.mark.parametrize(
    ("text", "power", "value"),
    [("0.097", 3, 97.0), ("1.005", 3, 1005.0), ("8.3e-05", 3, 0.083), ("1e+3", 3, 1e6), ("7", 0, 7.0), ("-0.5", 3, -500.0)],
)  # fmt: skip
def test_milliseconds_become_microseconds_without_a_second_rounding(text: str, power: int, value: float) -> None:
    assert scaled(text, power) == value


def test_what_is_no_number_cannot_be_scaled() -> None:
    assert [scaled(text, 3) for text in ("", "nan", "1e400", "x")] == [None] * 4


@pytest.mark.parametrize(
    ("text", "is_whole"),
    [
        ("145528", True),
        ("12167.6", True),
        ("-12167.6", True),
        ("101.500", True),
        ("3.19167e+06", True),
        ("3.19167", False),  # `e+06` may follow
        ("0.123456", False),
        ("3.19167e+0", False),
        ("3.19167e", False),
        ("14552", False),
        ("00145528", True),
        ("0014552", False),
    ],
)
def test_an_average_is_whole_with_six_digits(text: str, is_whole: bool) -> None:
    assert whole_average(text) is is_whole


@pytest.mark.parametrize(
    ("text", "is_whole"),
    [("44.375", True), ("38.8008", True), ("37.3633", True), ("44.37", False), ("44.3", False), ("44", False),
     ("38.800", False), ("37.363", False), ("x", False), ("", False)],
)  # fmt: skip
def test_a_size_is_whole_where_it_is_a_number_of_kilobytes(text: str, is_whole: bool) -> None:
    assert whole_size(text) is is_whole


def test_percentages_and_counts() -> None:
    assert (percent("13.618%"), percent("100%"), percent("-nan%"), percent("x%")) == (13.618, 100, None, None)
    assert (whole("12"), whole("0"), whole("9" * 18)) == (12, 0, 10**18 - 1)
    assert [whole(text) for text in ("9" * 19, "-1", "1.0", "")] == [None] * 4


FULL = RunStatistics(count=50, first=102, curr=99, min=98, max=104, avg=101.5, std=2, p5=98.5, median=101, p95=103.5)


@pytest.mark.parametrize(
    ("line", "statistics"),
    [
        ("count=50 first=102 curr=99 min=98 max=104 avg=101.5 std=2 p5=98.5 median=101 p95=103.5", FULL),
        ("count=50 first=102\tcurr=99  \t min=98", RunStatistics(count=50, first=102, curr=99, min=98)),
        ("count=1 curr=729391", RunStatistics(count=1, curr=729391)),
        ("count=10 curr=0(all same)", RunStatistics(count=10, curr=0)),
        ("count=0", RunStatistics(count=0)),
        ("count=0 p5=0 median=0 p95=0", RunStatistics(count=0)),
        ("count=2 avg=nan std=-nan max=inf min=1", RunStatistics(count=2, min=1)),
        ("count=2 min=1 avg=4 min=9", RunStatistics(count=2, min=1, avg=4)),
        ("count=2 avg=nan avg=9", RunStatistics(count=2)),
        ("count=2 curr=7 and more curr=8", RunStatistics(count=2, curr=7)),
        ("count=2 curr=7x", RunStatistics(count=2)),
        ("count=2 curr=7 x=1 avg=8", RunStatistics(count=2, curr=7)),
    ],
)
def test_a_count_line(line: str, statistics: RunStatistics) -> None:
    assert parse_statistics(line) == statistics


@pytest.mark.parametrize("line", ["", "curr=7", "count=-1 curr=7", "count=1.5 curr=7", "count=nan curr=7", "x count=1"])
def test_no_count_line(line: str) -> None:
    assert parse_statistics(line) is None


@pytest.mark.parametrize(
    ("line", "statistics"),
    [
        ("count=50 first=102 curr=9", RunStatistics(count=50, first=102)),
        ("count=50 first=102 curr=9 ", RunStatistics(count=50, first=102)),
        ("count=50 first=102 curr=9 mi", RunStatistics(count=50, first=102, curr=9)),
        ("count=5", None),
    ],
)
def test_the_last_number_of_a_line_that_was_cut_is_not_used(line: str, statistics: RunStatistics | None) -> None:
    assert parse_statistics(line, cut=True) == statistics
