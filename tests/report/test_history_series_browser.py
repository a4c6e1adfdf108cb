"""One series of a history in a real browser: every night, drawn and in a table."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import expect

from harness.analysis.checked_history import OpShift
from harness.report.history_page import write_history_report
from harness.report.page_template import milliseconds
from tests.report.browsing import Open, open_series
from tests.report.histories import GAPS, GROUND, NOW, SLOWER, change_of, lab_history, night, series_of


def test_every_nights_numbers_are_those_of_the_history(open_report: Open, lab: Path) -> None:
    [slower] = [one for one in lab_history()[0] if one.key == SLOWER]
    page = open_series(open_report, lab, SLOWER)
    page.locator("#nights-details summary").press("Enter")
    rows = page.locator("#table-nights tbody tr")
    expect(rows).to_have_count(30)
    shown = [[cell.strip() for cell in row.split("\t")] for row in rows.all_inner_texts()]
    for cells, wanted in zip(shown, reversed(slower.estimates), strict=True):
        assert cells[:8] == [
            f"{wanted.at:%Y-%m-%d %H:%M} UTC",
            milliseconds(wanted.value),
            milliseconds(wanted.ci_low or 0),
            milliseconds(wanted.ci_high or 0),
            "10",
            "0.81 %",
            wanted.run_id,
            f"commit {dict(wanted.labels)['commit']}",
        ]
        assert cells[9:] == [wanted.model_sha256[:12], wanted.binary_sha256[:12]]
    assert [cells[8] for cells in shown if cells[8]] == ["binary changed", "system build changed"]
    dots = page.locator("#night-chart circle.night")
    expect(dots).to_have_count(30)
    heights = [float(text or 0) for text in dots.evaluate_all("dots => dots.map((dot) => dot.getAttribute('cy'))")]
    # A larger value stands higher, in proportion.
    values = [one.value for one in slower.estimates]
    scale = (heights[0] - heights[20]) / (values[20] - values[0])
    assert [heights[0] - scale * (value - values[0]) for value in values] == pytest.approx(heights, abs=0.11)


def test_missing_nights_are_a_gap_that_no_line_crosses(open_report: Open, lab: Path) -> None:
    page = open_series(open_report, lab, GAPS)
    expect(page.locator("#night-chart rect.gap")).to_have_count(1)
    expect(page.locator("#night-chart rect.gap title")).to_have_text(
        re.compile("^11.Oct to 15.Oct: 3 nights without an estimate$")
    )
    expect(page.locator("#night-chart .gap-words")).to_have_text("no estimate: 3 nights")
    expect(page.locator("#cell")).to_contain_text(
        "Grey bands: a gap without an estimate, 3 nights in all; no line is drawn over them."
    )
    path = page.locator("#night-chart path.between").get_attribute("d") or ""
    assert path.count("M") == 2
    assert path.count("L") == 25
    spark = page.locator("#table-series tr", has_text="resnet").filter(has_text="gpu").locator("path.line").first
    assert (spark.get_attribute("d") or "").count("M") == 2
    page.locator("#nights-details summary").press("Enter")
    expect(page.locator("#table-nights tbody tr").nth(15)).to_contain_text("3 nights without an estimate")


def test_synthetic_nights_and_wrong_outputs_are_marked_on_each(open_report: Open, lab: Path) -> None:
    page = open_series(open_report, lab, GAPS)
    expect(page.locator("#night-chart circle.night.synthetic")).to_have_count(4)
    expect(page.locator("#night-chart path.differs")).to_have_count(1)
    expect(page.locator("#cell .alert.synthetic")).to_contain_text("4 of 27 nights are synthetic")
    expect(page.locator("#night-words")).to_contain_text("synthetic")
    page.locator("#nights-details summary").press("Enter")
    expect(page.locator("#table-nights .tag.synthetic")).to_have_count(4)
    expect(page.locator("#table-nights tr", has_text="output differs")).to_have_count(1)
    expect(page.locator("#table-series .tag.synthetic")).to_have_count(1)


def test_ground_and_files_are_marks_of_two_kinds_with_words(open_report: Open, lab: Path) -> None:
    page = open_series(open_report, lab, SLOWER)
    expect(page.locator("#night-chart .lane.ground .event-words")).to_contain_text("system build")
    expect(page.locator("#night-chart .lane.ground .through")).to_have_count(1)
    expect(page.locator("#night-chart .lane.tested .event-words")).to_contain_text("binary")
    expect(page.locator("#night-chart .lane.tested .through")).to_have_count(0)
    expect(page.locator("#cell .events")).to_contain_text("system build vendor/phone/15 → vendor/phone/16")
    expect(page.locator("#night-chart rect.turn.confirmed")).to_have_count(1)
    expect(page.locator("#night-chart .turn-words")).to_have_text(re.compile("▲ \\+3.1.% confirmed"))
    expect(page.locator("#night-chart line.level.confirmed")).to_have_count(2)


def test_arrow_keys_go_from_night_to_night(open_report: Open, lab: Path) -> None:
    page = open_series(open_report, lab, SLOWER)
    slider = page.locator("#night-chart")
    expect(slider).to_be_focused()
    # It begins on the night that matters.
    expect(slider).to_have_attribute(
        "aria-valuetext",
        re.compile("^21.Oct: 8.560.ms; 8.517 to 8.611; 10 processes; binary changed; first night of a change"),
    )
    expect(page.locator("#night-words")).to_contain_text("run night-020 · commit def")
    page.keyboard.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuenow", "20")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("^20.Oct"))
    page.keyboard.press("PageDown")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("system build changed"))
    page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuenow", "1")
    page.keyboard.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuenow", "1")
    page.keyboard.press("End")
    expect(slider).to_have_attribute("aria-valuenow", "30")
    page.keyboard.press("Enter")
    assert "night=night-029" in page.url
    page.reload()
    expect(page.locator("#night-chart")).to_have_attribute("aria-valuenow", "30")


def test_the_pointer_tells_a_night_and_a_click_keeps_it(open_report: Open, lab: Path) -> None:
    page = open_series(open_report, lab, SLOWER)
    dot = page.locator("#night-chart circle.night").nth(4)
    dot.hover()
    expect(page.locator("#night-words")).to_contain_text("run night-004")
    dot.click()
    page.locator("#night-chart circle.night").nth(12).hover()
    expect(page.locator("#night-words")).to_contain_text("run night-004")
    assert "night=night-004" in page.url
    dot.click()
    assert "night=" not in page.url


def test_the_axis_can_begin_at_zero(open_report: Open, lab: Path) -> None:
    page = open_series(open_report, lab, SLOWER)
    before = page.locator("#night-chart circle.night").first.get_attribute("cy")
    page.locator("#night-zero").check()
    expect(page.locator("#night-chart .axis text").first).to_have_text("0")
    assert page.locator("#night-chart circle.night").first.get_attribute("cy") != before


def test_an_odd_night_does_not_flatten_the_rest(open_report: Open, tmp_path: Path) -> None:
    nights = [night(n, 90000.0 if n == 10 else 8300 + 9.17 * (n % 4)) for n in range(60)]
    path = write_history_report([series_of(SLOWER, nights)], [], tmp_path / "report.html", title="lab", now=NOW)
    page = open_series(open_report, path, SLOWER)
    expect(page.locator("#night-chart path.outside title")).to_have_text(re.compile("90.00.ms, outside of this axis"))
    heights = page.locator("#night-chart circle.night").evaluate_all(
        "dots => dots.map((dot) => Number(dot.getAttribute('cy')))"
    )
    assert max(heights) - min(heights) > 40
    page.locator("#night-zero").check()
    expect(page.locator("#night-chart path.outside")).to_have_count(0)


def test_a_change_before_the_first_night_shown_has_its_date_and_no_band(open_report: Open, tmp_path: Path) -> None:
    nights = [night(n, 8600 + 9.17 * (n % 4)) for n in range(20, 40)]
    path = tmp_path / "report.html"
    write_history_report([series_of(SLOWER, nights)], [change_of(SLOWER, 3)], path, title="lab", now=NOW)
    page = open_series(open_report, path, SLOWER)
    expect(page.locator("#night-chart .turn-words")).to_have_text(re.compile("^▲ .3.1.% suspected, since 4.Oct$"))
    expect(page.locator("#night-chart rect.turn")).to_have_count(0)
    expect(page.locator("#night-chart line.level")).to_have_count(1)


def test_the_words_on_a_change_of_the_last_nights_end_within_the_drawing(open_report: Open, tmp_path: Path) -> None:
    nights = [night(n, 8600 + 9.17 * (n % 4)) for n in range(40)]
    path = tmp_path / "report.html"
    write_history_report([series_of(SLOWER, nights)], [change_of(SLOWER, 38)], path, title="lab", now=NOW)
    page = open_series(open_report, path, SLOWER)
    room = page.locator("#night-chart .turn-words").evaluate(
        "words => words.ownerSVGElement.getBoundingClientRect().right - words.getBoundingClientRect().right"
    )
    assert room >= 0


def test_runs_are_linked_where_their_report_is(open_report: Open, tmp_path: Path) -> None:
    there = tmp_path / "a run#1"
    there.mkdir()
    (there / "report.html").write_text("<title>found</title>", encoding="utf-8")
    nights = [night(0, run_path=str(there)), night(1)]
    path = write_history_report([series_of(SLOWER, nights)], [], tmp_path / "report.html", title="lab", now=NOW)
    page = open_series(open_report, path, SLOWER)
    page.keyboard.press("Home")
    link = page.locator("#night-words a")
    expect(link).to_have_attribute("href", "a%20run%231/report.html")
    page.keyboard.press("End")
    expect(link).to_have_count(0)
    expect(page.locator("#night-words [title='/lab/runs/night-001']")).to_have_text("night-001")
    page.keyboard.press("Home")
    link.click()
    expect(page).to_have_title("found")


def test_the_change_says_what_a_note_does_not(open_report: Open, tmp_path: Path) -> None:
    nights = [
        night(
            n,
            labels=(("build", str(n // 20)), ("commit", "abc" if n < 20 else "def")),
            binary_sha256="bc"[n >= 20] * 64,
            ground=replace(GROUND, governor="performance" if n >= 20 else "schedutil"),
        )
        for n in range(30)
    ]
    notes = ("commit: abc -> def", "the binary changed on 2026-10-21: b -> c")
    path = tmp_path / "report.html"
    write_history_report(
        [series_of(SLOWER, nights)],
        [change_of(SLOWER, notes=notes)],
        path,
        title="lab",
        now=NOW,
        ops={"c20d1": [OpShift(node_type="CONV_2D", name="conv1", before_us=1200.0, after_us=1510.0)]},
    )
    page = open_series(open_report, path, SLOWER)
    expect(page.locator(".change-item > ul > li")).to_have_text(
        [
            *notes,
            "Label build: 0 → 1",
            "Governor: schedutil → performance",
            "Ops that moved most: CONV_2D conv1 +0.310 ms (1.200 -> 1.510)",
        ]
    )
