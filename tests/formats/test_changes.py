"""What a check of the history prints and writes, in each format."""

from __future__ import annotations

import json
import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from harness.analysis.checked_history import LEAST_NIGHTS, CheckedHistory, OpShift
from harness.files.indented_json import indented
from harness.formats import change_words
from harness.formats.changes_json import check_document
from harness.formats.changes_junit import check_junit
from harness.formats.changes_markdown import check_markdown
from harness.formats.changes_text import as_text
from harness.records.history import Change, ChangeVerdict, Evidence, Series
from tests.history.made_up_history import NOW, change, key, night, series

CONFIRMED, SUSPECTED = ChangeVerdict.CONFIRMED, ChangeVerdict.SUSPECTED
DEVICES = ("R5CT1", "R5CT2", "R5CT3", "R5CT4")
VALUES = [1000.0] * 60 + [1030.0] * 5
EVIDENCE = Evidence(
    run_id="e", run_path="/runs/e", ratio=1.028, ci_low=1.02, ci_high=1.036, device_s=118.6, at=night(64)
)


def stepped(device: str = "R5CT1") -> Series:
    labels = {number: {"commit": "abc" if number < 60 else "def"} for number in range(65)}
    return series(VALUES, key(device), labels=labels, binaries={60: "c" * 64})


def checked(*changes: Change, many: tuple[Series, ...] = (stepped(),), fail_on: str = "confirmed") -> CheckedHistory:
    return CheckedHistory(series=many, changes=changes, fail_on="suspected" if fail_on == "suspected" else "confirmed")


def test_a_suspicion_says_when_how_much_what_was_new_and_how_to_be_sure() -> None:
    found = replace(change(60, id="c1"), notes=("commit: abc -> def", "the binary changed on 2026-10-31"))
    assert as_text(checked(found), argument=" --database x.db").splitlines() == [
        "suspected: m on R5CT1 cpu 1 thr big: average latency +3.0 % (+2.0 % to +4.0 %) since 2026-10-31",
        "  1.000 ms -> 1.030 ms, change c1",
        "  commit: abc -> def",
        "  the binary changed on 2026-10-31",
        "  to be sure: harness history confirm c1 --database x.db",
        "",
        "1 suspected: 1 series over 65 nights",
        "+ is worse; intervals: 95 %; dates: first night after the change, UTC",
    ]


def test_one_regression_on_four_devices_is_one_paragraph() -> None:
    many = tuple(stepped(device) for device in DEVICES)
    found = [
        replace(change(60, of=one.key, id=f"c{number}", ratio=1.03 + number / 100), notes=("commit: abc -> def",))
        for number, one in enumerate(many)
    ]
    found[3] = replace(found[3], notes=("commit: abc -> def", "only here"))
    text = as_text(checked(*found, many=many))
    assert sum(line.startswith("suspected: ") for line in text.split("\n")) == 1
    assert "suspected: m cpu 1 thr big on 4 devices: average latency +3.0 % to +6.0 % since 2026-10-31\n" in text
    assert all(text.count(f"m on {device} cpu 1 thr big") == 1 for device in DEVICES)
    assert "\n  commit: abc -> def\n  c3: only here\n" in text
    assert text.count("harness history confirm") == 1
    assert "harness history confirm c3\n" in text, "the largest"


def test_what_an_experiment_said_stands_with_it() -> None:
    found = replace(change(60, id="c1", verdict=CONFIRMED), evidence=EVIDENCE, notes=("with the files of both nights",))
    text = as_text(checked(found))
    assert "  experiment: +2.8 % (+2.0 % to +3.6 %) in 119 s on the device, 2026-11-04\n" in text
    assert "  with the files of both nights\n" in text
    assert "harness history confirm" not in text
    assert "  if this is the new level: harness history accept c1\n" in text


def test_nothing_found_says_how_much_was_looked_at() -> None:
    short = series([1.0, 2.0], key("R5CT2"))
    assert as_text(checked(many=(stepped(), short))).splitlines() == [
        "no change: 2 series over 65 nights; 1 of them with too few nights to show a change",
        f"too few nights: fewer than {LEAST_NIGHTS}",
    ]
    assert as_text(checked(many=())).startswith("no change: 0 series over 0 nights")


def test_what_asks_for_nothing_is_one_line_or_a_number() -> None:
    found = [
        replace(change(10, id="ex", verdict=ChangeVerdict.EXPLAINED), explained_by=("the fingerprint: A -> B",)),
        change(20, id="im", ratio=0.5),
        replace(change(30, id="ac"), accepted=True),
        replace(change(40, id="mu"), muted=True, muted_until=NOW),
        replace(change(50, id="un"), unseen_since=NOW),
        replace(change(60, id="me", verdict=CONFIRMED), mended_since=NOW),
    ]
    lines = as_text(checked(*found)).splitlines()
    assert lines == [
        "improved: m on R5CT1 cpu 1 thr big: average latency 0.50x (0.49x to 0.51x) since 2026-09-21 [im]",
        "explained: m on R5CT1 cpu 1 thr big: average latency +3.0 % (+2.0 % to +4.0 %) since 2026-09-11 [ex]; "
        "explained by: the fingerprint: A -> B",
        "",
        "1 improved, 1 explained: 1 series over 65 nights",
        "not listed: 1 accepted, 1 muted, 1 no longer seen, 1 over (harness history list --changes)",
    ]
    assert change_words.verdict(found[3]) == f"suspected, muted until {NOW.astimezone():%Y-%m-%d}"


@pytest.mark.parametrize(
    ("found", "confirmed", "suspected"),
    [
        (change(verdict=CONFIRMED), True, True),
        (change(verdict=SUSPECTED), False, True),
        (change(verdict=ChangeVerdict.EXPLAINED), False, False),
        (change(verdict=ChangeVerdict.REFUTED), False, False),
        (change(ratio=0.9), False, False),
        (replace(change(verdict=CONFIRMED), accepted=True), False, False),
        (replace(change(verdict=CONFIRMED), muted=True), False, False),
        (replace(change(verdict=CONFIRMED), mended_since=NOW), False, False),
        (replace(change(verdict=SUSPECTED), unseen_since=NOW), False, False),
    ],
)
def test_what_fails_a_check_fails_in_every_format(found: Change, confirmed: bool, suspected: bool) -> None:
    for fail_on, fails in (("confirmed", confirmed), ("suspected", suspected)):
        outcome = checked(found, fail_on=fail_on)
        assert outcome.failed is fails
        document = check_document(outcome)
        assert (document["failed"], document["changes"][0]["fails"]) == (fails, fails)
        assert ("<failure" in check_junit(outcome)) is fails
        assert ("| **" in check_markdown(outcome)) is fails


def test_the_document_has_the_keys_that_scripts_rely_on() -> None:
    found = replace(change(60, id="c1", verdict=CONFIRMED), evidence=EVIDENCE, ci_high=float("inf"))
    memory = change(60, of=key(metric="peak_memory"), id="c2", before=10.0)
    document = json.loads(indented(check_document(checked(found, memory))))
    first, second = document["changes"]
    assert first["series"] == {
        "device": "R5CT1",
        "model": "m",
        "variant": None,
        "delegate": "cpu",
        "threads": 1,
        "cpus": "big",
        "start": "warm",
        "binary": None,
        "metric": "inference_avg",
        "words": "m on R5CT1 cpu 1 thr big",
    }
    assert (first["before_us"], first["after_us"], first["before"], first["unit"]) == (1000.0, 1030.0, 1000.0, "us")
    assert (second["before_us"], second["after_us"], second["before"], second["unit"]) == (None, None, 10.0, "mb")
    assert (first["ci_low"], first["ci_high"]) == (1.02, None), "JSON has no infinity"
    assert first["new"] == [
        {"what": "commit", "before": "abc", "after": "def"},
        {"what": "binary", "before": "b" * 12, "after": "c" * 12},
    ]
    assert first["evidence"]["ratio"] == 1.028
    assert {"id", "group", "first_bad", "last_good", "metric", "ratio", "verdict", "explained_by", "notes"} <= {*first}
    assert (document["series"], document["nights"], document["too_short"]) == (1, 65, [])


def test_junit_has_a_case_for_each_series() -> None:
    many = (stepped(), series([1.0, 2.0], key("R5CT2")), series(VALUES, key("R5CT2", "other")))
    root = ET.fromstring(check_junit(checked(change(60, id="c1", verdict=CONFIRMED), many=many)))
    cases = {case.get("name"): case for case in root.iter("testcase")}
    assert [suite.get("name") for suite in root] == ["R5CT1", "R5CT2"]
    assert len(cases) == 3
    failure = cases["m on R5CT1 cpu 1 thr big"].find("failure")
    assert failure is not None
    assert failure.attrib == {
        "type": "confirmed",
        "message": "confirmed: average latency +3.0 % (+2.0 % to +4.0 %) since 2026-10-31 (c1)",
    }
    skipped = cases["m on R5CT2 cpu 1 thr big"].find("skipped")
    assert skipped is not None
    assert skipped.get("type") == "too_few_nights"
    assert {child.tag for child in cases["other on R5CT2 cpu 1 thr big"]} == {"system-out"}
    assert (root.get("tests"), root.get("failures")) == ("3", "1")


HOSTILE = "\x1b[31m<b>|[x](javascript:0)`\n]]>&\x00 @all [bold]"


def test_hostile_texts_are_only_text_in_every_format() -> None:
    of = key("dev" + HOSTILE, HOSTILE)
    labels = {number: {"commit" + HOSTILE: HOSTILE if number else "none"} for number in range(2)}
    night_one = series([1000.0, 1030.0], of, labels=labels)
    found = replace(change(1, of=of, id="c1", verdict=CONFIRMED), explained_by=(HOSTILE,), notes=("note " + HOSTILE,))
    outcome = checked(found, many=(night_one,))
    text = as_text(outcome)
    assert "\x1b" not in text
    assert "\x00" not in text
    assert "[bold]" in text, "not taken for a style"
    assert all(
        line.startswith(("confirmed: ", "  ", "1 confirmed", "too few", "+ is")) for line in text.split("\n") if line
    )
    markdown = check_markdown(outcome)
    assert not any(
        mark in markdown.replace("<sub>", "").replace("</sub>", "") for mark in ("\x1b", "<b>", "](", "`", "@all")
    )
    assert "\\x00" not in markdown
    [row] = [line for line in markdown.split("\n") if line.startswith("| 🔴")]
    assert row.count("|") == 9
    root = ET.fromstring(check_junit(outcome))
    [case] = root.iter("testcase")
    assert "<b>" in str(case.get("name"))
    assert json.loads(indented(check_document(outcome)))["changes"][0]["series"]["model"] == HOSTILE


def test_a_group_that_is_dated_apart_says_from_when_to_when() -> None:
    found = [change(60, id="a", group="g"), change(61, of=key("R5CT2"), id="b", group="g")]
    assert change_words.since(found) == "since 2026-10-31 to 2026-11-01"
    mixed = [found[0], replace(found[1], verdict=CONFIRMED)]
    assert change_words.group_verdict(mixed) == "1 suspected, 1 confirmed"


def test_ops_that_moved_are_named() -> None:
    shifts = (
        OpShift(node_type="CONV_2D", name="conv1" + HOSTILE, before_us=700.0, after_us=731.0),
        OpShift(node_type="ADD", name="new", before_us=None, after_us=2.0),
    )
    outcome = replace(checked(change(60, id="c1")), ops={"c1": shifts})
    text = as_text(outcome)
    assert "  ops that moved most: CONV_2D conv1" in text
    assert "+0.031 ms (0.700 -> 0.731), ADD new +0.002 ms (none -> 0.002)\n" in text
    assert "\x1b" not in text
    assert "ops that moved most" in check_markdown(outcome)
    assert check_document(outcome)["changes"][0]["ops"][1] == {
        "node_type": "ADD",
        "name": "new",
        "before_us": None,
        "after_us": 2.0,
        "change_us": 2.0,
    }


def test_synthetic_numbers_are_marked() -> None:
    many = (replace(stepped(), estimates=tuple(replace(one, synthetic=True) for one in stepped().estimates)),)
    outcome = checked(change(60, id="c1"), many=many)
    assert "  synthetic: these numbers were replayed or modelled\n" in as_text(outcome)
    assert "(synthetic)" in check_markdown(outcome)
    assert check_document(outcome)["changes"][0]["synthetic"] is True


def test_what_matters_most_comes_first() -> None:
    found = [
        replace(change(64, id="quiet", verdict=CONFIRMED), accepted=True, group="1"),
        replace(change(10, id="old"), group="2"),
        replace(change(50, id="new"), group="3"),
        replace(change(20, id="sure", verdict=CONFIRMED), group="4"),
        replace(change(63, id="less", ratio=0.9), group="5"),
    ]
    ordered = [group[0].id for group in checked(*found).groups()]
    assert ordered == ["sure", "new", "old", "less", "quiet"]
    assert found[0].first_bad_at - found[1].first_bad_at == timedelta(days=54)


def test_a_change_is_muted_until_the_day_that_somebody_gave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        given = datetime(2026, 12, 24).astimezone().astimezone(UTC)  # as `--until 2026-12-24` is kept
        assert change_words.verdict(replace(change(10), muted=True, muted_until=given)).endswith("until 2026-12-24")
    finally:
        monkeypatch.undo()
        time.tzset()
