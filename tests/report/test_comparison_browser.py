"""The page of a comparison in a browser: it draws itself without a complaint, and shows the numbers of `harness compare`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import expect

from harness.api.compare_runs import RunComparison, compare
from harness.formats import comparison_words as words
from harness.report import write_report
from tests.analysis.made_up import cell
from tests.cli import comparable_runs
from tests.cli.comparable_runs import noise
from tests.cli.memory_runs import both_delegates
from tests.report.browsing import Open
from tests.report.review_runs import review_run
from tests.report.runs import write_run


@pytest.fixture
def found(tmp_path: Path) -> RunComparison:
    """Two runs, of which the second has another binary and takes a tenth longer."""
    base = review_run(tmp_path / "base")
    slower = []
    for one in review_run(tmp_path / "plain", seed=6).results:
        seen = one.measurement
        assert seen is not None
        assert seen.inference_avg_us is not None
        seen = replace(seen, inference_avg_us=1.1 * seen.inference_avg_us)
        slower.append(replace(one, measurement=seen, artifact_sha256="f" * 64))
    write_run(tmp_path / "head", slower)
    return compare(base.path, tmp_path / "head", gate=0.03)


def opened(found: RunComparison, tmp_path: Path) -> Path:
    # The fixture that opens pages lets them ask for nothing but a file of this name.
    return found.write_html(tmp_path / "compared-report.html")


def test_rows_show_what_the_command_prints(found: RunComparison, tmp_path: Path, open_report: Open) -> None:
    page = open_report(opened(found, tmp_path), "#sort-forest=model")
    rows = page.locator("#table-forest tbody tr")
    expect(rows).to_have_count(len(found.comparisons))
    texts = [" ".join(text.split()) for text in rows.all_inner_texts()]
    for one in found.comparisons:
        numbers = (
            f"{words.ratio(one.estimate)}",
            f"{words.value(one.base.estimate, 'us')} → {words.value(one.head.estimate, 'us')}",
            str(one.judgement.verdict),
        )
        assert any(all(number in text for number in numbers) for text in texts), numbers
    assert page.locator("#table-forest .tag.failed", has_text="breaks the gate").count() == sum(
        words.breach_reason(one, found.table) is not None for one in found.comparisons
    )
    assert found.gate_broken
    expect(page.locator("#gate")).to_contain_text("broken")


def test_the_ops_of_the_most_changed_cell_are_shown_first(
    found: RunComparison, tmp_path: Path, open_report: Open
) -> None:
    page = open_report(opened(found, tmp_path))
    page.locator("#ops").scroll_into_view_if_needed()
    most = max(found.comparisons, key=lambda one: abs((one.estimate.ratio or 1) - 1))
    expect(page.locator("#pair-words")).to_contain_text(words.ratio(most.estimate))
    assert page.locator("#ops-a").input_value().startswith("base-")
    assert page.locator("#ops-b").input_value().startswith("head-")
    expect(page.locator("#table-waterfall tbody tr").first).to_be_visible()
    expect(page.locator("#waterfall-sum")).to_contain_text("✓")
    page.locator("#ops-most button").nth(1).click()
    expect(page.locator("#waterfall-sum")).to_contain_text("✓")


def test_a_cell_opens_with_its_processes_and_its_verdict(
    found: RunComparison, tmp_path: Path, open_report: Open
) -> None:
    page = open_report(opened(found, tmp_path))
    page.locator("#table-forest tbody a").first.click()
    dialog = page.locator("dialog#cell")
    expect(dialog).to_contain_text("the latency of base")
    expect(dialog.locator(".side-tag").first).to_have_text("head")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits(found: RunComparison, tmp_path: Path, open_report: Open, width: int, scheme: str) -> None:
    page = open_report(opened(found, tmp_path), width=width, scheme=scheme)
    for place in ("#forest", "#sides", "#ops", "#conditions"):
        page.locator(place).scroll_into_view_if_needed()
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(overflow) <= 0
    expect(page.locator("#table-forest tbody .verdict").first).to_be_visible()


def test_the_report_of_a_run_has_ratios_of_its_memory(tmp_path: Path, open_report: Open) -> None:
    run = comparable_runs.write_run(
        tmp_path / "run", cell(noise(9)) + both_delegates(22.4), baseline={"delegate": "cpu"}
    )
    page = open_report(write_report(run))
    page.locator("#memory").scroll_into_view_if_needed()
    row = page.locator("#table-memory tbody tr", has_text="xnnpack")
    expect(row).to_contain_text("[1.118, 1.121]")
    expect(row.locator(".verdict")).to_have_text("more")
    expect(page.locator("#table-memory thead")).to_contain_text("Peak (MB)")


def test_paper_has_the_answer_the_table_and_both_sides(found: RunComparison, tmp_path: Path, open_report: Open) -> None:
    page = open_report(opened(found, tmp_path))
    page.emulate_media(media="print")
    for shown in ("#summary", "#gate", "#table-forest", "#table-sides"):
        expect(page.locator(shown)).to_be_visible()
    expect(page.locator("#conditions-table")).to_be_hidden()
