"""The charts of the report in a real browser: every process, the cost of each op, time by op type."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from harness.records import OpTiming, Purpose, Status
from harness.records.causes import Cause
from harness.report import write_report
from tests.report.browsing import Open
from tests.report.runs import PHONE, demo_results, measurement_of, model_ref, write_run

ROW = f"{PHONE.serial} \u00b7 xnnpack \u00b7 1 thread \u00b7 big"


@pytest.fixture(scope="module")
def throttled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report in which two of the five latency processes of each xnnpack cell are invalid: 1 (the 9 108 us one) and 3."""
    path = tmp_path_factory.mktemp("charts") / "run"
    results = [
        replace(result, status=Status.INVALID, causes=(Cause.THROTTLED,))
        if result.status is Status.OK
        and result.trial.delegate.name == "xnnpack"
        and result.trial.purpose is Purpose.LATENCY
        and result.trial.process in (1, 3)
        else result
        for result in demo_results((model_ref("m"),), (PHONE,))
    ]
    write_run(path, results, devices=(PHONE,))
    return write_report(path)


def _chart(page: Page, name: str) -> Locator:
    page.locator(f"#{name}-chart").scroll_into_view_if_needed()
    drawing = page.locator(f"#{name}-chart svg.plot")
    expect(drawing).to_have_count(1)
    return drawing


def _titles(marks: Locator) -> list[str]:
    found = marks.evaluate_all("nodes => nodes.map((node) => node.querySelector('title').textContent)")
    return [str(title) for title in found]


def _place(mark: Locator, attribute: str) -> float:
    return float(mark.get_attribute(attribute) or "nan")


def test_each_process_is_a_mark_at_its_latency_with_the_median_of_those_that_are_ok(
    open_report: Open, throttled: Path
) -> None:
    drawing = _chart(open_report(throttled), "latency")
    dots, crosses = drawing.locator("circle.dot"), drawing.locator("path.cross.invalid")
    assert [title for title in _titles(dots) if title.startswith(ROW)] == [
        f"{ROW}, process {number}: {shown} ms, ok, 31.5 \u00b0C before"
        for number, shown in ((0, "9.000"), (2, "8.919"), (4, "8.973"))
    ]
    assert [title for title in _titles(crosses) if title.startswith(ROW)] == [
        f"{ROW}, process {number}: {shown} ms, invalid, 31.5 \u00b0C before"
        for number, shown in ((1, "9.108"), (3, "9.306"))
    ]
    medians = drawing.locator("line.middle")
    titles = _titles(medians)
    assert f"{ROW}: median 8.973 ms" in titles
    # The tick stands where the process of that latency stands.
    tick = medians.nth(titles.index(f"{ROW}: median 8.973 ms"))
    dot = dots.nth(_titles(dots).index(f"{ROW}, process 4: 8.973 ms, ok, 31.5 \u00b0C before"))
    assert _place(tick, "x1") == pytest.approx(_place(dot, "cx"), abs=0.11)
    assert f"{ROW}: median 8.973 ms of 3 processes, 2 invalid;" in (drawing.get_attribute("aria-label") or "")
    expect(drawing.locator("text.title", has_text="latency of a process (ms)")).to_have_count(1)


def test_distances_on_the_axis_are_those_of_its_numbers(open_report: Open, throttled: Path) -> None:
    page = open_report(throttled)
    page.locator("#processes-chart").scroll_into_view_if_needed()
    page.locator("#chart-zero").check()
    drawing = _chart(page, "latency")
    ticks = drawing.locator(".axis text:not(.title)")
    places = {float(text): _place(ticks.nth(at), "x") for at, text in enumerate(ticks.all_text_contents())}
    assert min(places) == 0
    largest = max(places)
    dots = drawing.locator("circle.dot")
    for at, title in enumerate(_titles(dots)):
        found = re.search(r": ([\d.]+) ms", title)
        assert found
        expected = places[0] + float(found[1]) / largest * (places[largest] - places[0])
        assert _place(dots.nth(at), "cx") == pytest.approx(expected, abs=0.2)


def test_ops_are_bars_of_their_cost_and_types_of_their_sum(open_report: Open, demo: Path) -> None:
    page = open_report(demo)
    for letter, count in (("a", 66), ("b", 65)):
        drawing = _chart(page, f"ops-{letter}")
        bars = drawing.locator("rect.bar")
        expect(bars).to_have_count(count)
        costs = page.locator(f"#table-ops-{letter} tbody tr > :nth-child(6)").all_inner_texts()
        for at in (0, 1, 2):
            assert f": {costs[at]} \u00b5s per inference" in _titles(drawing.locator("g.op"))[at]
        heights = [_place(bars.nth(at), "height") for at in (0, 1)]
        # Weights of the demo's ops: 1, 3.
        assert heights[1] / heights[0] == pytest.approx(3, rel=0.01)
        assert len(set(bars.evaluate_all("bars => bars.map((bar) => bar.getAttribute('class'))"))) > 2
        expect(drawing.locator("text.title")).to_have_text(["per inference (\u00b5s)", "op, in execution order"])
    types = _chart(page, "types")
    expect(types.locator("rect.bar")).to_have_count(10)
    rows = page.locator("#table-types tbody tr")
    title = _titles(types.locator("g.op"))[0]
    assert title.startswith(f"{rows.first.locator('th, td').first.inner_text()}: A ")
    assert f"A {rows.first.locator(':scope > :nth-child(3)').inner_text()} \u00b5s in 32 ops" in title
    assert "Time by op type, cell A against cell B." in (types.get_attribute("aria-label") or "")


def test_a_chart_follows_the_width_of_the_page_and_keeps_its_text_readable(open_report: Open, demo: Path) -> None:
    page = open_report(demo)
    wide = _chart(page, "latency")
    name = wide.locator("text.name").first
    expect(name).to_have_attribute("text-anchor", "end")
    page.set_viewport_size({"width": 390, "height": 900})
    # On a phone the names stand above their rows, or they would leave no room for the marks.
    expect(name).to_have_attribute("text-anchor", "start")
    for chart in ("latency", "ops-a", "types"):
        drawing = _chart(page, chart)
        width = page.locator(f"#{chart}-chart").evaluate("host => String(host.clientWidth)")
        expect(drawing).to_have_attribute("width", width)
        box, text = drawing.bounding_box(), drawing.locator("text").first.bounding_box()
        assert box is not None
        assert text is not None
        assert 300 < box["width"] <= 390
        assert text["height"] >= 10
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_names_that_are_too_long_end_early_and_are_whole_in_their_title(open_report: Open, tmp_path: Path) -> None:
    device = replace(PHONE, serial="serial-" + "x" * 300)
    write_run(tmp_path / "run", demo_results((model_ref("m"),), (device,)), devices=(device,))
    page = open_report(write_report(tmp_path / "run"))
    drawing = _chart(page, "latency")
    name = drawing.locator("text.name").first
    assert name.evaluate("node => node.firstChild.data").endswith("\u2026")
    expect(name.locator("title")).to_have_text(f"{device.serial} \u00b7 cpu \u00b7 1 thread \u00b7 big")
    box, whole = name.bounding_box(), drawing.bounding_box()
    assert box is not None
    assert whole is not None
    assert box["x"] >= whole["x"] - 1


def test_numbers_that_are_none_leave_a_chart_that_says_so(open_report: Open, tmp_path: Path) -> None:
    none = float("nan")
    results = [
        replace(
            result, measurement=measurement_of(none, ops=(OpTiming(index=0, node_type="ADD", name="a", avg_us=none),))
        )
        for result in demo_results((model_ref("m"),), (PHONE,))
        if result.trial.delegate.name == "cpu"
    ]
    write_run(tmp_path / "run", results, devices=(PHONE,))
    page = open_report(write_report(tmp_path / "run"))
    page.locator("#processes-chart").scroll_into_view_if_needed()
    expect(page.locator("#processes-chart")).to_contain_text("No process has a latency.")
    page.locator("#ops").scroll_into_view_if_needed()
    for chart in ("ops-a", "ops-b", "types"):
        expect(page.locator(f"#{chart}-chart")).to_have_text("No op has a time.")


def test_marks_are_light_on_dark_and_dark_on_paper(open_report: Open, demo: Path) -> None:
    page = open_report(demo, scheme="dark")
    dot = _chart(page, "latency").locator("circle.dot").first
    expect(dot).to_have_css("fill", "rgb(86, 180, 233)")
    page.emulate_media(media="print")
    expect(dot).to_have_css("fill", "rgb(0, 114, 178)")
