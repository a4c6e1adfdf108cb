"""What is embedded of the nights of a history is what was put in."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.records.history import NightEstimate, Series
from harness.report.history_nights import decimals_for, differences, nights_data, report_link, stretches
from tests.report.histories import FIRST, GROUND, key_of, night, read_column, series_of, spread_out, steady

_SIZES = st.floats(min_value=1e-3, max_value=1e9, allow_nan=False)


def _real(data: dict[str, Any], value: int | None) -> float | None:
    return (
        None
        if value is None
        else value / 10 ** data["decimals"]
        if data["decimals"] >= 0
        else value * 10.0 ** -data["decimals"]
    )


def _read(data: dict[str, Any], place: int) -> list[dict[str, Any]]:
    """Read a series back as the page's script does."""
    one, runs, texts = data["series"][place], data["runs"], data["texts"]
    values = read_column(one["value"])
    at = read_column(runs["at"])
    found = []
    for index, run in enumerate(read_column(one["run"])):
        assert run is not None
        value, below, above = values[index], one["below"][index], one["above"][index]
        ground = data["grounds"][spread_out(one["ground"])[index]]
        spread = one["spread"][index]
        found.append(
            {
                "run": runs["id"][run],
                "path": runs["path"][run],
                "at": at[run],
                "labels": data["labels"][runs["labels"][run]],
                "value": _real(one, value),
                "low": None if value is None or below is None else _real(one, value - below),
                "high": None if value is None or above is None else _real(one, value + above),
                "spread": None if spread is None else spread / 1e5,
                "processes": spread_out(one["processes"])[index],
                "model": texts[spread_out(one["model"])[index]],
                "binary": texts[spread_out(one["binary"])[index]],
                "ground": [None if part is None else texts[part] for part in ground],
                "synthetic": bool(spread_out(one["synthetic"])[index]),
                "differs": bool(spread_out(one["differs"])[index]),
            }
        )
    return found


@st.composite
def _nights(draw: st.DrawFn) -> list[NightEstimate]:
    base = draw(_SIZES)
    numbers = sorted(draw(st.sets(st.integers(0, 400), min_size=1, max_size=30)))
    found = []
    for number in numbers:
        value = base * draw(st.floats(0.5, 2))
        known = draw(st.booleans())
        found.append(
            night(
                number,
                value,
                processes=draw(st.integers(1, 50)),
                spread=draw(st.none() | st.floats(0, 3)),
                ci_low=value * draw(st.floats(0.5, 1)) if known else None,
                ci_high=value * draw(st.floats(1, 2)) if known else None,
                model_sha256=draw(st.text("ab", min_size=1, max_size=3)),
                binary_sha256=draw(st.text("ab", min_size=1, max_size=3)),
                ground=replace(
                    GROUND,
                    fingerprint=draw(st.none() | st.text(max_size=3)),
                    governor=draw(st.sampled_from(["a", None])),
                ),
                synthetic=draw(st.booleans()),
                output_differs=draw(st.booleans()),
                labels=(("commit", draw(st.text(max_size=4))),),
            )
        )
    return found


@given(_nights(), _nights())
def test_every_night_reads_back(first: list[NightEstimate], second: list[NightEstimate]) -> None:
    series = [series_of(key_of("a"), first), series_of(key_of("b"), second, "mb")]
    data = nights_data(series, Path("/"))
    for place, one in enumerate(series):
        half = 0.5000001 * 10.0 ** -data["series"][place]["decimals"]
        for shown, given_night in zip(_read(data, place), one.estimates, strict=True):
            assert shown["value"] == pytest.approx(given_night.value, abs=half)
            for name, end in (("low", given_night.ci_low), ("high", given_night.ci_high)):
                assert (shown[name] is None) == (end is None)
                if end is not None:
                    assert shown[name] == pytest.approx(end, abs=half)
            assert (shown["spread"] is None) == (given_night.spread is None)
            if given_night.spread is not None:
                assert shown["spread"] == pytest.approx(given_night.spread, abs=1e-5)
            ground = given_night.ground
            assert shown["ground"] == [
                ground.fingerprint,
                ground.governor,
                ground.config,
                ground.harness_version,
                ground.asked,
            ]
            assert (shown["run"], shown["path"], shown["at"]) == (
                given_night.run_id,
                given_night.run_path,
                given_night.at.timestamp(),
            )
            assert tuple(shown["labels"]) == given_night.labels
            assert (shown["processes"], shown["model"], shown["binary"], shown["synthetic"], shown["differs"]) == (
                given_night.processes,
                given_night.model_sha256,
                given_night.binary_sha256,
                given_night.synthetic,
                given_night.output_differs,
            )


def test_six_digits_of_the_usual_value_are_kept_exactly() -> None:
    values = [8340.78, 8412.05, 8299.99, 123456.78]
    data = nights_data([series_of(key_of(), [night(n, value) for n, value in enumerate(values)])], Path("/"))
    assert data["series"][0]["decimals"] == 2
    assert [shown["value"] for shown in _read(data, 0)] == values


def test_runs_are_written_once_however_many_series_they_give() -> None:
    data = nights_data([steady(key_of(device=f"D{number}"), 7) for number in range(50)], Path("/"))
    assert data["runs"]["id"] == [f"night-{number:03d}" for number in range(7)]
    assert data["texts"] == ["a" * 64, "b" * 64, "vendor/phone/15", "schedutil", "phone-1", "1", "a"]
    assert len(data["grounds"]) == 1


def test_two_runs_of_one_id_stay_apart() -> None:
    one = series_of(key_of("a"), [night(1)])
    other = series_of(key_of("b"), [night(1, run_path="/elsewhere", labels=(("commit", "x"),))])
    data = nights_data([one, other], Path("/"))
    assert [_read(data, place)[0]["path"] for place in (0, 1)] == ["/lab/runs/night-001", "/elsewhere"]
    assert [_read(data, place)[0]["labels"] for place in (0, 1)] == [(), (("commit", "x"),)]


@pytest.mark.parametrize(
    ("values", "decimals"),
    [
        ([], 3),
        ([0.0], 3),
        ([math.nan], 3),
        ([8340.78], 2),
        ([0.05], 7),
        ([1e-9], 9),
        ([3e6], -1),
        ([12.5, 14.0, 1e7], 4),
    ],
)
def test_decimals_follow_the_usual_value(values: list[float], decimals: int) -> None:
    assert decimals_for(values) == decimals


def test_numbers_that_are_none_are_null() -> None:
    one = series_of(key_of(), [night(1), night(2, math.nan, ci_low=None, ci_high=math.inf), night(3)])
    shown = _read(nights_data([one], Path("/")), 0)
    assert [each["value"] for each in shown] == [8340.78, None, 8340.78]
    assert shown[1]["low"] is None
    assert shown[1]["high"] is None


def test_columns_are_short_where_little_changes() -> None:
    assert differences([10, 12, None, 11]) == [10, 2, None, -1]
    assert stretches([7, 7, 7, 8]) == [7, 3, 8, 1]
    assert differences([]) == []
    assert stretches([]) == []


def test_a_report_is_linked_where_there_is_one(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "a b#1"
    run.mkdir(parents=True)
    assert report_link(str(run), tmp_path) is None
    (run / "report.html").write_text("x")
    assert report_link(str(run), tmp_path) == "runs/a%20b%231/report.html"
    assert report_link(str(run), tmp_path / "pages") == "../runs/a%20b%231/report.html"
    assert report_link(str(run), run) == "report.html"


@pytest.mark.parametrize("name", ["javascript:alert(1)", "data:text/html,x", '"><script>', "%2e%2e"])
def test_a_link_is_never_a_scheme_nor_markup(tmp_path: Path, name: str) -> None:
    run = tmp_path / name
    run.mkdir(parents=True)
    (run / "report.html").write_text("x")
    link = report_link(str(run), tmp_path)
    assert link is not None
    assert not set(link) & set(":<>\"'")
    assert unquote(link) == f"{name}/report.html"


@pytest.mark.parametrize("path", ["", "a\0b", "\ud800", "/no/such/run"])
def test_a_path_that_leads_nowhere_has_no_link(path: str) -> None:
    assert report_link(path, Path("/")) is None


def test_a_moment_keeps_its_second() -> None:
    one = Series(key=key_of(), unit="us", estimates=(night(0, at=FIRST + timedelta(seconds=41)),))
    assert _read(nights_data([one], Path("/")), 0)[0]["at"] == (FIRST + timedelta(seconds=41)).timestamp()
