"""The report in a real browser: what a reader sees and does."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from harness.records import DelegateRequest, DelegateUse, ModelRef, OpTiming, Purpose
from harness.report import render_report, write_report
from tests.report.browsing import Open
from tests.report.runs import PHONE, demo_results, measurement_of, model_ref, trial_of, write_run

HOSTILE_NAMES = (
    "<script>window.pwned=1</script>",
    "\"><img src=x onerror='window.pwned=1'>",
    "</script><script>window.pwned=1</script>",
    "$(touch x) `id` '; drop table",
    "{{ 7*7 }} {% raw %} ${7*7}",
    "ab\u202eevil\u2066 \u05e9\u05dc\u05d5\u05dd",
    "\U0001f600 emoji \U0001f469\u200d\U0001f4bb",
    "javascript:window.pwned=1",
    "a&b=c#d",
    "x" * 4096,
)


def _models(page: Page) -> list[str]:
    return page.locator("#matrix tbody tr:visible th").all_inner_texts()


def _columns_of(page: Page, table: str, column: int) -> list[str]:
    return page.locator(f"#table-{table} tbody tr > :nth-child({column})").all_inner_texts()


def test_every_process_is_a_dot_and_failed_cells_show_no_number(open_report: Open, demo: Path) -> None:
    page = open_report(demo)
    page.locator("#matrix").scroll_into_view_if_needed()
    good = page.locator("#matrix td.ok").first
    expect(good.locator("circle.dot")).to_have_count(5)
    for text in page.locator("#matrix td.failed").all_inner_texts():
        assert re.search(r"\d", text) is None, text
    invalid = page.locator("#matrix td.invalid").first
    # It fell back to the CPU: not even a struck out number stands under the delegate that did not run.
    expect(invalid.locator("s")).to_have_count(0)
    expect(invalid).to_contain_text("unconsumed_flags")


def test_the_matrix_sorts_by_any_column(open_report: Open, demo: Path) -> None:
    page = open_report(demo)
    suite_order = _models(page)
    button = page.locator("#matrix thead tr:nth-child(3) button").nth(0)
    button.focus()
    page.keyboard.press("Enter")
    head = page.locator("#matrix thead tr:nth-child(3) th").nth(0)
    expect(head).to_have_attribute("aria-sort", "ascending")
    assert _models(page) == suite_order
    page.keyboard.press("Enter")
    expect(head).to_have_attribute("aria-sort", "descending")
    assert _models(page) == suite_order[::-1]
    page.keyboard.press("Enter")
    expect(head).to_have_attribute("aria-sort", "none")


def test_tables_sort_numbers_as_numbers_and_unknown_last(open_report: Open, demo: Path) -> None:
    page = open_report(demo)
    page.locator("#cells-details summary").press("Enter")
    for direction in ("descending", "ascending"):
        page.locator("#table-cells thead button", has_text="Median").click()
        expect(page.locator("#table-cells th", has_text="Median")).to_have_attribute("aria-sort", direction)
        shown = _columns_of(page, "cells", 8)
        numbers = [
            float(text)
            for text, state in zip(shown, _columns_of(page, "cells", 6), strict=True)
            if state.startswith("ok")
        ]
        assert len(numbers) == 30
        assert numbers == sorted(numbers, reverse=direction == "descending")
        assert not [
            text
            for text, state in zip(shown[:30], _columns_of(page, "cells", 6)[:30], strict=True)
            if not state.startswith("ok")
        ]


def test_the_filter_reaches_matrix_and_tables(open_report: Open, demo: Path) -> None:
    page = open_report(demo)
    page.locator("#filter").fill("resnet gpu")
    expect(page.locator("#matrix tbody tr:visible")).to_have_count(1)
    assert _models(page) == ["resnet_50"]
    expect(page.locator("#matrix thead tr:nth-child(2) th:visible")).to_have_text(["gpu", "gpu"])
    page.locator("#problems").scroll_into_view_if_needed()
    expect(page.locator("#table-problems tbody tr")).to_have_count(2)
    page.locator("#filter").fill("nothing like that")
    expect(page.locator("#matrix-empty")).to_be_visible()
    page.locator("#filter").fill("")
    expect(page.locator("#matrix tbody tr:visible")).to_have_count(3)


def test_the_baseline_can_be_chosen(open_report: Open, tmp_path: Path) -> None:
    # One model: in the table of all three, five processes decide nothing.
    write_run(tmp_path / "run", demo_results((model_ref("m"),)))
    page = open_report(write_report(tmp_path / "run"))
    page.locator("#matrix").scroll_into_view_if_needed()
    first = page.locator("#matrix tbody tr").first.locator("td")
    expect(first.nth(0).locator(".ratio")).to_have_text("base")
    expect(first.nth(4).locator(".ratio.faster")).to_have_text("0.243\u00d7 faster")
    page.locator("#baseline").select_option(label="delegate = xnnpack")
    expect(first.nth(4).locator(".ratio")).to_have_text("base")
    expect(first.nth(0).locator(".ratio.slower")).to_have_text("4.11\u00d7 slower")
    assert "base=delegate%3Dxnnpack" in page.url
    page.locator("#baseline").select_option(label="none")
    expect(page.locator("#matrix .ratio")).to_have_count(0)
    page.reload()
    expect(page.locator("#matrix .ratio")).to_have_count(0)


def test_two_cells_side_by_side_and_the_address_keeps_them(open_report: Open, demo: Path) -> None:
    page = open_report(demo)
    page.locator("#matrix").scroll_into_view_if_needed()
    page.locator("#matrix tbody tr").first.locator("td").nth(4).locator(".pick").click()
    # What was picked is B, held against its baseline.
    expect(page.locator("#ops-b")).to_be_focused()
    expect(page.locator("#ops-a option:checked")).to_contain_text("R5CT1234567 \u00b7 cpu \u00b7 1 thread")
    page.locator("#ops-a").select_option(index=1)
    page.locator("#ops-filter").fill("DWConv")
    expect(page.locator("#table-ops-b tbody tr")).to_have_count(16)
    page.locator("#table-ops-b th button", has_text="Cost").click()
    expect(page.locator("#table-ops-b th", has_text="Cost")).to_have_attribute("aria-sort", "descending")
    expect(page.locator("#table-ops-b tbody tr")).to_have_count(16)
    expect(page.locator("#table-ops-b tbody tr").first).to_contain_text("delegate")
    page.locator("#filter").fill("resnet")
    expect(page.locator("#matrix tbody tr:visible")).to_have_count(1)
    chosen = [page.locator(f"#ops-{letter}").input_value() for letter in "ab"]
    address = page.url

    again = open_report(demo, address[address.index("#") :])
    expect(again.locator("#filter")).to_have_value("resnet")
    expect(again.locator("#matrix tbody tr:visible")).to_have_count(1)
    assert [again.locator(f"#ops-{letter}").input_value() for letter in "ab"] == chosen
    again.locator("#ops").scroll_into_view_if_needed()
    expect(again.locator("#table-ops-b tbody tr")).to_have_count(16)
    expect(again.locator("#table-ops-b th", has_text="Cost")).to_have_attribute("aria-sort", "descending")


def test_ops_add_up(open_report: Open, demo: Path) -> None:
    page = open_report(demo)
    page.locator("#ops").scroll_into_view_if_needed()
    expect(page.locator("#table-ops-a tbody tr")).to_have_count(66)
    expect(page.locator("#ops-a-head")).to_contain_text("96.1 % of the profiled run")
    assert sum(float(text) for text in _columns_of(page, "ops-a", 7)) == pytest.approx(100, abs=0.5)
    assert _columns_of(page, "ops-a", 8)[-1] == "100.0"


def test_conditions_say_what_is_simulated(open_report: Open, demo: Path) -> None:
    page = open_report(demo)
    page.locator("#filter").fill("virtual xnnpack resnet")
    page.locator("#conditions-table").scroll_into_view_if_needed()
    expect(page.locator("#table-conditions tbody tr")).to_have_count(14)
    row = page.locator("#table-conditions tbody tr").first
    expect(row.locator(".tag.virtual", has_text="sim")).to_have_count(3)
    expect(row).to_contain_text("asked f0, expected 0-1, seen 0-1 ✓")
    page.locator("#filter").fill("R5CT xnnpack resnet")
    expect(page.locator("#table-conditions tbody tr")).to_have_count(14)
    expect(page.locator("#table-conditions .tag.virtual", has_text="sim")).to_have_count(0)


def test_problems_link_to_their_raw_logs(open_report: Open, demo: Path) -> None:
    page = open_report(demo)
    page.locator("#problems").scroll_into_view_if_needed()
    expect(page.locator("#table-problems tbody tr")).to_have_count(9)
    links = page.locator("#table-problems a").evaluate_all("links => links.map((link) => link.getAttribute('href'))")
    assert len(links) == 2 * 45
    assert all(re.fullmatch(r"logs/t-[0-9a-f]{12}/std(out|err)\.txt", link) for link in links)


def test_dark_and_light_follow_the_system_and_the_button(open_report: Open, demo: Path) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    assert open_report(demo).evaluate(paper) == "rgb(255, 255, 255)"
    page = open_report(demo, scheme="dark")
    dark = page.evaluate(paper)
    assert dark != "rgb(255, 255, 255)"
    page.locator("#theme").click()
    assert page.evaluate(paper) == "rgb(255, 255, 255)"
    page.locator("#processes-chart").scroll_into_view_if_needed()
    expect(page.locator("#latency-chart svg").first).to_be_visible()
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 900, "height": 600})
    drawing, paper_box = page.locator("#latency-chart svg").first.bounding_box(), page.locator("main").bounding_box()
    assert drawing is not None
    assert paper_box is not None
    assert drawing["x"] + drawing["width"] <= paper_box["x"] + paper_box["width"] + 1
    assert page.evaluate(paper) == "rgb(255, 255, 255)"
    expect(page.locator("#toolbar")).not_to_be_visible()


def test_a_phone_scrolls_tables_not_the_page(open_report: Open, demo: Path) -> None:
    page = open_report(demo, width=390)
    page.locator("#ops").scroll_into_view_if_needed()
    expect(page.locator("#table-ops-a tbody tr")).to_have_count(66)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_hostile_names_stay_text(open_report: Open, tmp_path: Path) -> None:
    results = []
    for number, name in enumerate(HOSTILE_NAMES):
        model = ModelRef(name=name, path=name, sha256=f"{number:064x}", size_bytes=1)
        device = replace(
            PHONE, serial=name[:200], model=name, manufacturer=name, soc=name, fingerprint=name, config=name
        )
        delegate = DelegateRequest(name=name[:300])
        use = DelegateUse(name=name[:300], applied="full")
        template = demo_results((model_ref("m"),), (PHONE,))[0]
        for purpose in (Purpose.LATENCY, Purpose.PROFILE):
            ops = (OpTiming(index=0, node_type=name, name=name, avg_us=10.0, percent=100.0, times_called=1),)
            trial = replace(
                trial_of(device.serial, model, delegate, 1, purpose),
                cpus=replace(template.trial.cpus, label=name[:100]),
            )
            results.append(
                replace(
                    template,
                    trial=trial,
                    measurement=replace(measurement_of(20.0, uses=(use,), ops=ops), notes=(name,)),
                    message=name,
                    logs={name: f"logs/{name}"},
                )
            )
    devices = tuple(replace(PHONE, serial=name[:200], model=name, soc=name, config=name) for name in HOSTILE_NAMES)
    run = write_run(tmp_path / "run", results, devices=devices, suite_text="".join(HOSTILE_NAMES))
    assert len(run.results) == 20
    page = open_report(write_report(tmp_path / "run"))
    assert _models(page) == list(HOSTILE_NAMES)
    page.locator("#cells-details summary").press("Enter")
    for section in ("processes-chart", "ops", "types-chart", "memory", "problems", "conditions", "what-ran"):
        page.locator(f"#{section}").scroll_into_view_if_needed()
    expect(page.locator("#table-conditions tbody tr")).to_have_count(20)
    expect(page.locator("#ops-a-chart svg").first).to_be_visible()
    for number in range(len(HOSTILE_NAMES)):
        page.locator("#ops-b").select_option(index=number)
        page.locator("#chart-model").select_option(index=number)
        expect(page.locator("#table-ops-b tbody td").first).to_have_text(HOSTILE_NAMES[number])
    page.locator("#filter").fill("<script>")
    expect(page.locator("#matrix tbody tr:visible")).to_have_count(2)
    assert page.evaluate("window.pwned") is None
    assert page.locator("main script, main img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 1400
    hrefs = page.locator("#table-conditions a").evaluate_all("links => links.map((link) => link.protocol)")
    assert set(hrefs) == {"file:"}


def test_large_data_are_unpacked(open_report: Open, tmp_path: Path) -> None:
    base = demo_results((model_ref("m"),))
    results = []
    for number in range(45):
        for result in base:
            trial = replace(result.trial, model=model_ref(f"m{number}"), trial_id=f"{result.trial.trial_id}-{number}")
            results.append(replace(result, trial=trial))
    run = write_run(tmp_path / "run", [])
    path = tmp_path / "report.html"
    manifest = replace(run.manifest, trials=tuple(result.trial for result in results))
    path.write_text(render_report(replace(run, manifest=manifest, results=tuple(results))), encoding="utf-8")
    assert 'type="application/octet-stream" id="trials-data"' in path.read_text(encoding="utf-8")
    page = open_report(path)
    page.locator("#matrix tbody tr").first.scroll_into_view_if_needed()
    expect(page.locator("#matrix tbody tr").first.locator("td.ok").first.locator("circle")).to_have_count(5)
    page.locator("#conditions-table").scroll_into_view_if_needed()
    expect(page.locator("#table-conditions tbody tr")).to_have_count(200)
    page.locator("#conditions .more button").click()
    expect(page.locator("#table-conditions tbody tr")).to_have_count(len(results))
