"""The report on a narrow screen, a usual one, and on paper: what is wanted most is never off the screen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from harness.records import Purpose
from harness.report import write_report
from tests.report.browsing import Open
from tests.report.review_runs import review_run
from tests.report.runs import write_run


def _overflow(page: Page, selector: str) -> int:
    width = page.evaluate(
        "(selector) => { const one = document.querySelector(selector); return one.scrollWidth - one.clientWidth; }",
        selector,
    )
    assert isinstance(width, int)
    return width


@pytest.mark.parametrize("width", [390, 1280])
def test_ratios_and_verdicts_are_on_the_screen(review: Path, open_report: Open, width: int) -> None:
    page = open_report(review, width=width)
    page.locator("#forest").scroll_into_view_if_needed()
    for table in ("#forest-table", "#forest-overall"):
        assert _overflow(page, f"{table} .scroll") <= 0
        verdict = page.locator(f"{table} .verdict").first
        expect(verdict).to_be_in_viewport(ratio=1)
    box = page.locator("#table-forest tbody tr").first.locator("strong").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= width


@pytest.mark.parametrize("width", [390, 1280])
def test_notes_stand_under_the_names_and_not_in_a_column(tmp_path: Path, open_report: Open, width: int) -> None:
    results = [
        replace(one, artifact_sha256=("e" if one.trial.delegate.name == "cpu" else "f") * 64)
        if one.trial.model.name == "fast"
        else one
        for one in review_run(tmp_path / "plain").results
    ]
    write_run(tmp_path / "run", results)
    page = open_report(write_report(tmp_path / "run"), width=width)
    page.locator("#forest").scroll_into_view_if_needed()
    note = page.locator("#table-forest .unlike-note:visible").first
    expect(note).to_contain_text("the benchmark binary differs")
    expect(page.locator("#table-forest thead")).not_to_contain_text("Notes")
    assert _overflow(page, "#forest-table .scroll") <= 0


def test_ops_are_told_apart_by_the_ends_of_their_names(tmp_path: Path, open_report: Open) -> None:
    results = []
    for one in review_run(tmp_path / "plain").results:
        seen = one.measurement
        assert seen is not None
        if one.trial.purpose is Purpose.PROFILE and seen.ops:
            prefix = "[functional_1_1/functional_1/a_block_with_a_long_name"
            ops = [replace(op, name=f"{prefix}/conv_{op.index}/Relu6;{prefix}/other]:{op.index}") for op in seen.ops]
            one = replace(one, measurement=replace(seen, ops=tuple(ops)))
        results.append(one)
    write_run(tmp_path / "run", results)
    page = open_report(write_report(tmp_path / "run"), width=1280)
    page.locator("#ops").scroll_into_view_if_needed()
    names = page.locator("#table-ops-a tbody .own-part")
    expect(names.first).to_be_visible()
    texts = names.all_inner_texts()
    assert [text[-14:] for text in texts] == [f"/conv_{index}/Relu6…" for index in range(6)]
    whole = page.locator("#table-ops-a tbody tr").first.locator("td", has=page.locator(".own-part"))
    expect(whole).not_to_contain_text("[functional_1_1", use_inner_text=True)
    page.locator("#ops-full").check()
    expect(whole).to_contain_text("[functional_1_1", use_inner_text=True)
    expect(names.first).to_be_hidden()


def test_paper_has_the_answer_and_leaves_out_every_process(review: Path, open_report: Open) -> None:
    page = open_report(review)
    page.emulate_media(media="print")
    for shown in ("#summary", "#table-forest", "#matrix", "#waterfall"):
        expect(page.locator(shown)).to_be_visible()
    for hidden in ("#conditions-table", "#aligned", "#ops-each"):
        expect(page.locator(hidden)).to_be_hidden()
    expect(page.locator("#conditions .on-paper")).to_be_visible()
