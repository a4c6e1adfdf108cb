"""The parts of the report that a reviewer decides by, in a real browser: forest plot, cells in full, pairs of profiles."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from playwright.sync_api import Page, expect

from harness.cli.compare import compare_command
from harness.records import DelegateRequest, DelegateUse, OpTiming, Purpose
from harness.report import write_report
from tests.report.browsing import Open
from tests.report.review_runs import review_run
from tests.report.runs import PHONE, VIRTUAL, demo_results, measurement_of, model_ref, trial_of, write_run
from tests.report.test_browser import HOSTILE_NAMES


def _compare(*arguments: str) -> Any:
    result = CliRunner().invoke(compare_command, [*arguments, "--json"], standalone_mode=False)
    assert result.exception is None, result.output
    return json.loads(result.output)


def _row(page: Page, *words: str) -> Any:
    rows = page.locator("#table-forest tbody tr")
    for word in words:
        rows = rows.filter(has_text=word)
    return rows


def _hash(page: Page) -> str:
    return str(page.evaluate("location.hash"))


def test_the_forest_plot_has_the_numbers_of_compare(open_report: Open, review: Path) -> None:
    page = open_report(review)
    wanted = _compare(f"{review.parent}@delegate=cpu", str(review.parent))["comparisons"]
    expect(page.locator("#table-forest tbody tr")).to_have_count(len(wanted))
    for one in wanted:
        row = _row(page, one["model"], one["device"])
        expect(row).to_contain_text(f"[{one['ci_low']:.3f}, {one['ci_high']:.3f}]")
        expect(row.locator(".tag.verdict")).to_have_text(one["verdict"])
        drawn = row.locator("svg.plot")
        expect(drawn).to_have_attribute("aria-label", re.compile(f"95\u202f% interval .*, {one['verdict']}$"))
    # The matrix says the same of the same cell.
    page.locator("#matrix").scroll_into_view_if_needed()
    marks = page.locator("#matrix .ratio:not(.is-base)")
    expect(marks).to_have_count(len(wanted))
    verdicts = sorted(text.split()[-1] for text in marks.all_inner_texts())
    assert verdicts == sorted(one["verdict"] for one in wanted)


def test_the_mark_lies_within_its_interval_and_right_of_the_line_where_slower(open_report: Open, review: Path) -> None:
    page = open_report(review, "#base=delegate%3Dxnnpack")
    row = _row(page, "fast", PHONE.serial)
    expect(row.locator(".tag.verdict")).to_have_text("slower")
    drawn = row.locator("svg.plot")
    mark = float(drawn.locator("circle").get_attribute("cx") or "nan")
    line = float(drawn.locator("line.one").get_attribute("x1") or "nan")
    interval = drawn.locator("line.interval").first
    low, high = (float(interval.get_attribute(name) or "nan") for name in ("x1", "x2"))
    assert line < low < mark < high


def test_the_slowest_comes_first_and_any_column_sorts(open_report: Open, review: Path) -> None:
    page = open_report(review)

    def models() -> list[str]:
        return page.locator("#table-forest tbody th a").all_inner_texts()

    assert models() == ["close", "close", "level", "level", "fast", "fast"]
    page.locator("#table-forest th button", has_text="Model").click()
    assert models() == ["close", "close", "fast", "fast", "level", "level"]
    page.locator("#table-forest th button", has_text="n").last.focus()
    page.locator("#filter").fill("fast faster virtual")
    expect(page.locator("#table-forest tbody tr")).to_have_count(1)


def test_a_verdict_filters_the_whole_page(open_report: Open, review: Path) -> None:
    page = open_report(review)
    choice = page.locator("#forest-verdicts button", has_text="inconclusive")
    expect(choice).to_have_text("inconclusive 2")
    choice.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#table-forest tbody tr")).to_have_count(2)
    expect(page.locator("#filter")).to_have_value("inconclusive")
    expect(choice).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#matrix tbody tr:visible th")).to_have_text(["close"])
    again = open_report(review, _hash(page))
    expect(again.locator("#table-forest tbody tr")).to_have_count(2)
    again.locator("#forest-verdicts button", has_text="inconclusive").click()
    expect(again.locator("#table-forest tbody tr")).to_have_count(6)


def test_ops_profiled_often_enough_have_verdicts_of_their_own(open_report: Open, tmp_path: Path) -> None:
    review_run(tmp_path / "run", profiles=6)
    page = open_report(write_report(tmp_path / "run"))
    wanted = _compare(f"{tmp_path / 'run'}@delegate=cpu", str(tmp_path / "run"))
    one = next(ops for ops in wanted["ops"] if (ops["model"], ops["device"]) == ("fast", PHONE.serial))
    page.locator("#filter").fill("fast R5CT")
    page.locator("#matrix").scroll_into_view_if_needed()
    page.locator("#matrix tbody tr:visible .pick:visible").nth(1).click()
    expect(page.locator("#table-aligned tbody tr")).to_have_count(6)
    shown = page.locator("#table-aligned tbody .tag.verdict").all_inner_texts()
    assert shown == [change["verdict"] for change in one["changes"]]
    expect(page.locator("#waterfall-sum")).to_contain_text("all ops of all cells judged together")


def test_a_baseline_without_intervals_is_plainly_said_to_have_none(open_report: Open, review: Path) -> None:
    page = open_report(review)
    page.locator("#baseline").select_option(label="device = R5CT1234567")
    expect(page.locator("#table-forest tbody tr")).to_have_count(6)
    page.locator("#baseline").select_option(label=f"{PHONE.serial} \u00b7 cpu \u00b7 1 thread \u00b7 big")
    expect(page.locator("#forest-table")).to_contain_text("No intervals were made for the baseline")
    page.locator("#matrix").scroll_into_view_if_needed()
    expect(page.locator("#matrix .ratio.bare")).to_have_count(9)
    expect(page.locator("#matrix .ratio.faster")).to_have_count(0)
    page.locator("#baseline").select_option(label="none")
    expect(page.locator("#forest-table")).to_contain_text("No baseline is chosen")


def test_odd_characters_in_a_baseline_are_found_again(open_report: Open, tmp_path: Path) -> None:
    """Python and browsers do not quote the same characters in an address."""
    run = review_run(tmp_path / "run")
    odd = "x*y~z (a b)!'&=ש"
    results = []
    for result in run.results:
        trial = result.trial
        delegate = DelegateRequest(name=odd) if trial.delegate.name == "cpu" else trial.delegate
        results.append(replace(result, trial=replace(trial, delegate=delegate)))
    write_run(tmp_path / "odd", results, baseline={"delegate": odd})
    page = open_report(write_report(tmp_path / "odd"))
    expect(page.locator("#table-forest tbody tr")).to_have_count(6)
    expect(page.locator("#baseline option:checked")).to_have_text(f"delegate = {odd}")
    page.locator("#baseline").select_option(label="delegate = xnnpack")
    expect(page.locator("#forest-words")).to_contain_text("Against xnnpack")
    page.locator("#baseline").select_option(label=f"delegate = {odd}")
    expect(page.locator("#table-forest tbody tr")).to_have_count(6)
    assert _hash(page) == ""


def test_a_cell_opens_in_full_by_keyboard_and_closes(open_report: Open, review: Path) -> None:
    page = open_report(review)
    link = _row(page, "close", PHONE.serial).locator("th a")
    link.focus()
    page.keyboard.press("Enter")
    dialog = page.locator("dialog#cell")
    expect(dialog).to_be_visible()
    expect(dialog.locator("svg.time circle.dot")).to_have_count(16)
    expect(dialog.locator("svg.time .temperature polyline.reading")).to_have_count(16)
    expect(dialog.locator("svg.time .clock polyline.reading")).to_have_count(16)
    expect(dialog.locator("svg.ecdf circle.dot")).to_have_count(16)
    expect(dialog.locator("svg.ecdf path.curve.base")).to_have_count(1)
    expect(dialog.locator("#table-cell tbody tr")).to_have_count(19)
    assert "cell=" in _hash(page)
    page.keyboard.press("Escape")
    page.wait_for_function("!location.hash.includes('cell=')")
    expect(dialog).not_to_be_visible()
    expect(link).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    page.go_back()
    expect(dialog).not_to_be_visible()


def test_a_pasted_address_opens_the_same_cell_and_filter(open_report: Open, review: Path) -> None:
    page = open_report(review)
    page.locator("#filter").fill("fast")
    expect(page.locator("#table-forest tbody tr")).to_have_count(2)
    _row(page, "fast", VIRTUAL.serial).locator("th a").click()
    shown = page.locator("dialog#cell .verdict-line").inner_text()
    again = open_report(review, _hash(page), scheme="dark")
    dialog = again.locator("dialog#cell")
    expect(dialog.locator("h2")).to_have_text("fast")
    expect(dialog.locator(".verdict-line")).to_have_text(shown)
    expect(dialog.locator(".tag.virtual").first).to_be_visible()
    expect(dialog).to_contain_text("simulated by the virtual device")
    assert dialog.evaluate("node => getComputedStyle(node).backgroundColor") != "rgb(255, 255, 255)"
    dialog.locator("button.close").click()
    expect(again.locator("#filter")).to_have_value("fast")
    assert again.evaluate("document.documentElement.scrollWidth") <= 1400


def test_the_verdict_of_a_cell_is_that_of_the_forest(open_report: Open, review: Path) -> None:
    page = open_report(review)
    row = _row(page, "level", PHONE.serial)
    interval = re.search(r"\[.*\]", row.inner_text())
    assert interval
    row.locator("th a").click()
    expect(page.locator("dialog#cell .verdict-line")).to_contain_text(interval[0])
    expect(page.locator("dialog#cell .verdict-line")).to_contain_text("the same within")


def test_a_failed_cell_shows_its_evidence_and_no_number(open_report: Open, demo: Path) -> None:
    page = open_report(demo)
    page.locator(".unmeasured a", has_text="failed").click()
    dialog = page.locator("dialog#cell")
    expect(dialog.locator(".evidence li")).to_contain_text("invoke_failed")
    expect(dialog.locator(".evidence li")).to_contain_text("Node number 12 (CONV_2D) failed to invoke.")
    expect(dialog.locator(".evidence a").first).to_have_attribute("href", re.compile(r"^logs/t-[0-9a-f]{12}/std"))
    expect(dialog.locator("svg.time path.cross.failed")).to_have_count(5)
    expect(dialog.locator("svg.time circle")).to_have_count(0)
    expect(dialog.locator("svg.ecdf")).to_have_count(0)
    expect(dialog.locator("#table-cell tbody tr").first).not_to_contain_text(re.compile(r"ms"))


def test_the_waterfall_adds_up_to_the_change_that_compare_finds(open_report: Open, review: Path) -> None:
    page = open_report(review)
    wanted = _compare(f"{review.parent}@delegate=cpu", str(review.parent))
    page.locator("#filter").fill("fast R5CT")
    page.locator("#matrix").scroll_into_view_if_needed()
    page.locator("#matrix tbody tr:visible .pick:visible").nth(1).click()
    one = next(ops for ops in wanted["ops"] if (ops["model"], ops["device"]) == ("fast", PHONE.serial))
    rows = page.locator("#table-waterfall tbody tr[data-us]")
    expect(rows).to_have_count(len(one["changes"]) + 1)
    steps = [float(row) for row in rows.evaluate_all("rows => rows.map((row) => row.dataset.us)")]
    assert sum(steps) == pytest.approx(one["change_us"], rel=1e-5)
    largest = sorted((change["change_us"] for change in one["changes"]), key=lambda us: -abs(us))
    assert steps[:-1] == pytest.approx(largest, rel=1e-3)
    assert steps[-1] == pytest.approx(one["unexplained_us"], rel=0.01)
    expect(page.locator("#waterfall-sum .good")).to_have_text("\u2713")
    expect(page.locator("#pair-words")).to_contain_text("faster 2.5")
    # Sorted by contribution there, in the order of execution here.
    places = page.locator("#table-aligned tbody th .mask").all_inner_texts()
    assert [place.strip() for place in places] == [f"#{index}" for index in range(6)]
    page.locator("#ops-swap").click()
    expect(page.locator("#pair-words")).to_contain_text("no interval was made for this pair")
    back = [float(row) for row in rows.evaluate_all("rows => rows.map((row) => row.dataset.us)")]
    assert back == pytest.approx([-step for step in steps])


def test_all_rows_of_the_waterfall_are_shown_on_demand_and_still_add_up(open_report: Open, demo: Path) -> None:
    page = open_report(demo)
    page.locator("#ops").scroll_into_view_if_needed()
    rows = page.locator("#table-waterfall tbody tr[data-us]")
    expect(rows).to_have_count(12 + 1 + 1)
    changes = "rows => rows.map((row) => Number(row.dataset.us)).reduce((sum, us) => sum + us, 0)"
    whole = rows.evaluate_all(changes)
    more = page.locator("#table-waterfall button", has_text="54 more")
    more.focus()
    page.keyboard.press("Enter")
    expect(rows).to_have_count(66 + 1)
    assert rows.evaluate_all(changes) == pytest.approx(whole)
    expect(page.locator("#waterfall-sum .good")).to_have_text("\u2713")
    assert "fall=all" in _hash(page)


def test_a_pasted_address_of_a_pair_leads_to_the_pair(open_report: Open, review: Path) -> None:
    page = open_report(review)
    page.locator("#ops").scroll_into_view_if_needed()
    page.locator("#ops-b").select_option(index=3)
    again = open_report(review, _hash(page))
    expect(again.locator("#ops h2").first).to_be_in_viewport()
    expect(again.locator("#table-waterfall")).to_be_visible()
    assert again.locator("#ops-b").input_value() == page.locator("#ops-b").input_value()


def test_one_sees_where_the_graph_falls_back_to_the_cpu(open_report: Open, review: Path) -> None:
    page = open_report(review)
    page.locator("#ops").scroll_into_view_if_needed()
    lines = page.locator("#ribbon .partitions li")
    expect(lines).to_have_count(2)
    expect(lines.nth(0)).to_contain_text("all 6 ops in built-in kernels on the CPU")
    expect(lines.nth(1)).to_contain_text("4 of 6 rows in the delegate, in 2 parts")
    expect(lines.nth(1)).to_contain_text("falls back to the CPU for 2 ops in 2 places")
    expect(lines.nth(1)).to_contain_text("CUMSUM #2, SOFTMAX #5")
    # One block for A, four for B (delegate, CPU, delegate, CPU), and every op once by its time.
    expect(page.locator("#ribbon svg rect.part")).to_have_count(1 + 4 + 6 + 6)
    expect(page.locator("#ribbon svg path.flow")).to_have_count(6)


def test_cells_of_different_models_are_not_set_against_each_other_op_by_op(open_report: Open, tmp_path: Path) -> None:
    run = review_run(tmp_path / "run")
    results = []
    for result in run.results:
        seen = result.measurement
        if seen and seen.ops and result.trial.model.name == "level":
            ops = tuple(replace(op, name=f"other {op.name}") for op in seen.ops)
            result = replace(result, measurement=replace(seen, ops=ops))
        results.append(result)
    write_run(tmp_path / "other", results)
    page = open_report(write_report(tmp_path / "other"))
    page.locator("#ops").scroll_into_view_if_needed()
    expect(page.locator("#table-waterfall")).to_be_visible()
    page.locator("#ops-a").select_option(index=0)
    page.locator("#ops-b").select_option(index=11)
    expect(page.locator("#pair-none")).to_contain_text("The two cells are of different models")
    expect(page.locator("#waterfall")).not_to_be_visible()
    page.locator("#ops-b").select_option(page.locator("#ops-a").input_value())
    expect(page.locator("#pair-words")).to_contain_text("A and B are the same cell")


def test_synthetic_numbers_are_marked_in_every_part(open_report: Open, tmp_path: Path) -> None:
    run = review_run(tmp_path / "run")
    some = [replace(result, synthetic=result.trial.model.name == "fast") for result in run.results]
    write_run(tmp_path / "synthetic", some)
    page = open_report(write_report(tmp_path / "synthetic"))
    expect(page.locator("#summary .lead .tag.synthetic")).to_be_visible()
    expect(_row(page, "fast").locator(".tag.synthetic")).to_have_count(2)
    expect(_row(page, "fast").locator("svg.synthetic")).to_have_count(2)
    expect(_row(page, "level").locator(".synthetic")).to_have_count(0)
    expect(page.locator("#table-overall tbody tr", has_text="fast").locator(".tag.synthetic")).to_have_count(1)
    _row(page, "fast").first.locator("th a").click()
    expect(page.locator("dialog#cell .alert.synthetic")).to_be_visible()
    page.locator("dialog#cell button", has_text="Ops of this cell").click()
    expect(page.locator("#pair-words .tag.synthetic")).to_be_visible()


def test_hostile_names_stay_text_in_cells_and_pairs(open_report: Open, tmp_path: Path) -> None:
    results = []
    for number, name in enumerate(HOSTILE_NAMES):
        model = replace(model_ref("m"), name=name, sha256=f"{number:064x}")
        template = demo_results((model,), (replace(PHONE, serial=name[:200]),))[0]
        for delegate in ("cpu", name[:300] or "x"):
            for purpose in (Purpose.LATENCY, Purpose.PROFILE):
                ops = (OpTiming(index=0, node_type=name, name=name, avg_us=10.0, times_called=1),)
                trial = trial_of(name[:200], model, DelegateRequest(name=delegate), 1, purpose)
                seen = measurement_of(20.0, uses=(DelegateUse(name=name[:300], applied="full"),), ops=ops)
                results.append(replace(template, trial=trial, measurement=seen, message=name))
    devices = tuple(replace(PHONE, serial=name[:200], model=name) for name in HOSTILE_NAMES)
    write_run(tmp_path / "run", results, devices=devices)
    page = open_report(write_report(tmp_path / "run"))
    links = page.locator("#table-forest tbody th a")
    expect(links).to_have_count(len(HOSTILE_NAMES))
    assert sorted(links.all_inner_texts()) == sorted(HOSTILE_NAMES)
    page.locator("#ops").scroll_into_view_if_needed()
    expect(page.locator("#table-waterfall")).to_be_visible()
    for number in range(len(HOSTILE_NAMES)):
        links.nth(number).click()
        expect(page.locator("dialog#cell h2")).to_have_text(links.nth(number).inner_text())
        page.locator("dialog#cell button", has_text="Ops of this cell").click()
        expect(page.locator("#table-waterfall tbody tr")).to_have_count(4)
        assert page.locator("dialog script, dialog img, main script, main img").count() == 0
    assert page.evaluate("window.pwned") is None
    assert page.evaluate("document.documentElement.scrollWidth") <= 1400


def test_a_run_with_nothing_to_compare_has_no_forest(open_report: Open, tmp_path: Path) -> None:
    results = [
        result
        for result in demo_results((model_ref("m"),), (PHONE,))
        if result.trial.delegate.name == "cpu" and result.trial.threads == 1
    ]
    write_run(tmp_path / "run", results, devices=(PHONE,), baseline={})
    page = open_report(write_report(tmp_path / "run"))
    expect(page.locator("#summary .lead")).to_contain_text("nothing to compare within this run")
    expect(page.locator("#forest")).to_have_count(0)
    page.locator("#matrix").scroll_into_view_if_needed()
    page.locator("#matrix .open-cell").click()
    expect(page.locator("dialog#cell")).to_contain_text("No baseline is chosen.")


def test_everything_is_drawn_while_nobody_waits_so_that_print_is_whole(open_report: Open, review: Path) -> None:
    page = open_report(review)
    expect(page.locator("html[data-drawn=all]")).to_have_count(1, timeout=60_000)
    for drawn in ("#latency-chart svg", "#ribbon svg", "#ops-a-chart svg", "#types-chart svg"):
        assert page.locator(drawn).count() >= 1
    _row(page, "fast", PHONE.serial).locator("th a").click()
    expect(page.locator("dialog#cell")).to_be_visible()
    page.emulate_media(media="print")
    expect(page.locator("main")).not_to_be_visible()
    expect(page.locator("dialog#cell svg.time")).to_be_visible()
