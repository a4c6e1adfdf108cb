"""Changes of a history in words."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from harness.records.history import Change, ChangeVerdict, Evidence, Series
from harness.report.history_rows import groups_of, rows_of
from harness.report.history_sentences import GroupWords, amount, day, key_parts, lead, signed_percent, words_of
from tests.report.histories import FIRST, NOW, change_of, key_of, night, series_of, steady


def _plain(text: object) -> str:
    return re.sub(r"<[^>]*>", "", str(text))


def _words(series: list[Series], changes: list[Change]) -> list[GroupWords]:
    rows = {row.series.key: row for row in rows_of(series, changes)}
    return [words_of(group, rows, NOW) for group in groups_of(changes)]


def _with_commits(device: str, model: str = "mobilenet") -> Series:
    nights = [night(n, labels=(("commit", "abc" if n < 20 else "def"),), binary_sha256=str(n >= 20)) for n in range(30)]
    return series_of(key_of(model, device), nights)


def test_a_regression_on_several_devices_is_one_sentence() -> None:
    devices = ["D1", "D2", "D3", "D4"]
    ratios = [1.030, 1.031, 1.032, 1.033]
    changes = [
        change_of(key_of(device=device), ratio=ratio, verdict=ChangeVerdict.CONFIRMED)
        for device, ratio in zip(devices, ratios, strict=True)
    ]
    [words] = _words([_with_commits(device) for device in devices], changes)
    assert _plain(words.what) == "mobilenet is 3.1 % slower (2.4 % to 4.0 %) on 4 devices with xnnpack since 21 Oct"
    assert [_plain(reason) for reason in words.why] == ["commit abc \u2192 def", "the binary changed"]
    assert words.states == ("confirmed",)
    assert str(words.links).count("data-series-link") == 4
    assert "D4 \u00b7 xnnpack \u00b7 4 threads \u00b7 big +3.3 %" in _plain(words.links)


def test_a_single_series_is_linked_by_its_name() -> None:
    [words] = _words([steady(key_of())], [change_of(key_of())])
    assert (
        _plain(words.what) == "mobilenet is 3.1 % slower (2.5 % to 3.8 %) on R5CT1 with xnnpack, 4 threads since 21 Oct"
    )
    assert 'href="#series=d6c5997d05"' in str(words.what)
    assert not words.links


@pytest.mark.parametrize(
    ("metric", "ratio", "text"),
    [
        ("inference_avg", 1.031, "is 3.1 % slower (2.1 % to 4.1 %)"),
        ("inference_avg", 0.969, "is 3.1 % faster (2.1 % to 4.1 %)"),
        ("inference_avg", 2.4, "takes 2.4\u00d7 as long (2.4\u00d7 to 2.4\u00d7)"),
        ("inference_avg", 0.25, "takes 0.25\u00d7 as long (0.24\u00d7 to 0.26\u00d7)"),
        ("init", 1.031, "takes 3.1 % longer in its initialisation (2.1 % to 4.1 %)"),
        ("init", 0.969, "takes 3.1 % less time in its initialisation (2.1 % to 4.1 %)"),
        ("peak_memory", 1.031, "takes 3.1 % more peak memory (2.1 % to 4.1 %)"),
        ("peak_memory", 0.969, "takes 3.1 % less peak memory (2.1 % to 4.1 %)"),
        ("peak_memory", 3.0, "takes 3.0\u00d7 the peak memory (3.0\u00d7 to 3.0\u00d7)"),
        ("of_a_newer_harness", 1.031, "takes 3.1 % longer in its of_a_newer_harness (2.1 % to 4.1 %)"),
    ],
)
def test_how_much_in_the_words_of_the_metric(metric: str, ratio: float, text: str) -> None:
    assert amount(ratio, ratio - 0.01, ratio + 0.01, key_of(metric=metric)) == text


def test_an_interval_over_one_has_a_minus() -> None:
    assert amount(1.01, 0.995, 1.025, key_of()) == "is 1.0 % slower (\u22120.5 % to 2.5 %)"


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (1.0312, "+3.1 %"),
        (0.97, "\u22123.0 %"),
        (1.0, "0.0 %"),
        (0.99999, "0.0 %"),
        (2.0, "2.0\u00d7"),
        (12.3, "12\u00d7"),
    ],
)
def test_signed_percent(ratio: float, text: str) -> None:
    assert signed_percent(ratio) == text


def test_missing_nights_before_a_change_are_said() -> None:
    change = change_of(key_of(), last_good_at=FIRST + timedelta(days=16))
    [words] = _words([steady(key_of())], [change])
    assert _plain(words.what).endswith("since 21 Oct (the last night before it: 17 Oct)")


def test_the_reasons_say_what_is_known() -> None:
    found = Evidence(
        run_id="e", run_path="/e", ratio=1.03, ci_low=1.02, ci_high=1.04, device_s=1500, at=FIRST + timedelta(days=21)
    )
    confirmed = change_of(key_of(device="D1"), verdict=ChangeVerdict.CONFIRMED, evidence=found)
    suspected = change_of(key_of(device="D2"))
    better = change_of(key_of(device="D1"), 25, verdict=ChangeVerdict.IMPROVED, ratio=0.97)
    both = [steady(key_of(device=device), labels=(("commit", "abc"),)) for device in ("D1", "D2")]
    words = _words(both, [confirmed, suspected, better])[0]
    assert [_plain(reason) for reason in words.why] == [
        "the same commit abc on both nights",
        "confirmed in 1 of its 2 series",
        "an experiment on D1 found +3.0 % (+2.0 % to +4.0 %) in 25\u202fmin of device time",
        "less again since 26 Oct in 1 of its 2 series",
    ]


def test_what_explains_and_what_silences_is_said() -> None:
    explained = change_of(key_of(), verdict=ChangeVerdict.EXPLAINED, explained_by=("the system build changed",))
    muted = change_of(key_of("b"), 21, muted=True, muted_until=datetime(2027, 1, 5, tzinfo=UTC))
    first, second = _words([steady(key_of()), steady(key_of("b"))], [explained, muted])
    assert [_plain(reason) for reason in first.why] == ["the system build changed"]
    assert second.states == ("suspected", "muted")
    assert [_plain(reason) for reason in second.why] == ["muted until 5 Jan 2027"]


def test_series_that_the_page_leaves_out_have_no_link() -> None:
    [words] = _words([], [change_of(key_of())])
    assert "href" not in str(words.what)
    assert words.links == "1 series not on this page"


def test_dates_are_utc_and_have_a_year_where_it_is_another() -> None:
    assert day(datetime(2026, 11, 12, 23, 30, tzinfo=UTC), NOW) == "12 Nov"
    assert day(datetime(2025, 11, 12), NOW) == "12 Nov 2025"  # the store writes UTC without a zone
    assert day(datetime(2026, 11, 13, 1, tzinfo=timezone(timedelta(hours=2))), NOW) == "12 Nov"


def test_the_first_sentence_counts_regressions_not_series() -> None:
    series = [steady(key_of(device=f"D{number}")) for number in range(4)]
    changes = [change_of(one.key, verdict=ChangeVerdict.CONFIRMED) for one in series]
    changes.append(change_of(series[0].key, 25, verdict=ChangeVerdict.IMPROVED, ratio=0.9))
    words = lead(series, groups_of(changes), NOW)
    assert _plain(words) == "1 confirmed regression and 1 improvement in 4 series, 30 nights (1 Oct to 30 Oct)."
    assert '<strong class="bad">1 confirmed regression</strong>' in words


@pytest.mark.parametrize(
    ("nights", "text"),
    [
        (0, "There is nothing to show: no estimate matches. harness history add RUN adds a run."),
        (1, "One night so far, so there is nothing to compare it with: 1 series, 1 night (1 Oct)."),
        (3, "No change in 1 series, 3 nights (1 Oct to 3 Oct). A change shows only against a level of several nights."),
        (9, "No change in 1 series, 9 nights (1 Oct to 9 Oct)."),
    ],
)
def test_the_first_sentence_of_short_histories(nights: int, text: str) -> None:
    assert _plain(lead([steady(key_of(), nights)], [], NOW)) == text


def test_a_span_over_two_years_names_both() -> None:
    one = series_of(
        key_of(), [night(0, at=datetime(2025, 12, 30, tzinfo=UTC)), night(1, at=datetime(2026, 1, 2, tzinfo=UTC))]
    )
    assert "(30 Dec 2025 to 2 Jan 2026)" in lead([one], [], NOW)


def test_names_are_isolated_and_escaped() -> None:
    hostile = key_of(
        "<img src=x>", "\u202eevil", delegate='"gpu"', binary="b&", variant="<v>", metric="<m>", start="cold"
    )
    parts = [str(part) for part in key_parts(hostile)]
    assert parts[0].startswith("<bdi>&lt;img src=x&gt;")
    assert "<bdi>\u202eevil</bdi>" in parts
    assert parts[-1] == "<bdi>&lt;m&gt;</bdi>"
    [words] = _words([steady(hostile)], [replace(change_of(hostile), explained_by=("<script>",))])
    text = f"{words.what}{words.why}"
    assert "<img" not in text
    assert "<script" not in text
    assert "<m>" not in text
