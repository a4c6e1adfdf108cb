"""Which two cells' ops the page shows first, and that measured ops are not set against replayed ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from playwright.sync_api import expect

from harness.records import Result
from harness.report import write_report
from tests.report.browsing import Open
from tests.report.review_runs import review_run
from tests.report.runs import PHONE, VIRTUAL, write_run


def _slower(result: Result, factor: float) -> Result:
    seen = result.measurement
    assert seen is not None
    assert seen.inference_avg_us is not None
    return replace(result, measurement=replace(seen, inference_avg_us=factor * seen.inference_avg_us))


def test_the_first_pair_is_the_baseline_and_the_most_different_cell_of_the_slowest_model(
    tmp_path: Path, open_report: Open
) -> None:
    results = []
    for one in review_run(tmp_path / "plain").results:
        factor = 2.0 if one.trial.model.name == "close" else 1.0
        if factor == 2.0 and one.trial.device == VIRTUAL.serial and one.trial.delegate.name == "xnnpack":
            factor = 3.0
        results.append(_slower(one, factor))
    write_run(tmp_path / "run", results)
    page = open_report(write_report(tmp_path / "run"))
    shown = [page.locator(f"#ops-{letter} option:checked") for letter in "ab"]
    # Two others differ more (`fast`), but take less.
    expect(shown[0]).to_contain_text(f"close · {VIRTUAL.serial} · cpu")
    expect(shown[1]).to_contain_text(f"close · {VIRTUAL.serial} · xnnpack")


def test_ops_of_a_replay_are_not_set_against_measured_ones(tmp_path: Path, open_report: Open) -> None:
    results = [
        replace(one, synthetic=one.trial.delegate.name == "xnnpack") for one in review_run(tmp_path / "plain").results
    ]
    write_run(tmp_path / "run", results, devices=(PHONE, VIRTUAL))
    page = open_report(write_report(tmp_path / "run"))
    page.locator("#ops").scroll_into_view_if_needed()
    ids = page.evaluate("[...document.querySelectorAll('#ops-a option')].map((one) => [one.value, one.textContent])")
    of = {
        name: next(key for key, text in ids if f"fast · {PHONE.serial} · {name}" in text) for name in ("cpu", "xnnpack")
    }
    page.locator("#ops-a").select_option(of["cpu"])
    page.locator("#ops-b").select_option(of["xnnpack"])
    expect(page.locator("#pair-words")).to_contain_text("B is synthetic (replayed or modelled) and A was measured")
    expect(page.locator("#pair-none")).to_contain_text("their ops are not set against each other")
    expect(page.locator("#pair-body")).to_be_hidden()
    expect(page.locator("#aligned")).to_be_hidden()
    page.locator("#forest").scroll_into_view_if_needed()
    expect(page.locator("#table-forest")).to_contain_text("no verdict: one side is synthetic")
    expect(page.locator("#table-forest .verdict")).to_have_count(0)
    expect(page.locator("#matrix td .ratio .synthetic").first).to_be_visible()
