from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness.cli.calibrate import calibrate_command
from harness.cli.compare import compare_command
from harness.records import Status
from harness.records.adaptive_decisions import AdaptivePlan
from harness.report.cell_summaries import report_cells
from harness.report.comparison_data import comparison_data
from harness.report.verdicts import choose_baseline, verdicts_of
from harness.runs import calibration_files
from harness.runs.run_store import Run, load_run
from tests.report.review_runs import review_run
from tests.report.runs import PHONE, demo_results, demo_run, model_ref, write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    path = tmp_path_factory.mktemp("verdicts") / "run"
    review_run(path)
    return load_run(path)


def _compare(*arguments: str) -> Any:
    result = CliRunner().invoke(compare_command, [*arguments, "--json"], standalone_mode=False)
    assert result.exception is None, result.output
    return json.loads(result.output)


def test_numbers_and_verdicts_are_those_of_compare(run: Run) -> None:
    """For the suite's baseline and for every other one that the reader may choose: not nearly the same, the same."""
    found = verdicts_of(run, report_cells(run), {})
    assert list(found.tables) == [
        "delegate=cpu",
        "device=R5CT1234567",
        "device=127.0.0.1%3A42017",
        "delegate=xnnpack",
    ]
    for name, text in (("delegate=cpu", "delegate=cpu"), ("delegate=xnnpack", "delegate=xnnpack")):
        wanted = _compare(f"{run.path}@{text}", str(run.path))
        table = found.tables[name]
        assert len(table.comparisons) == len(wanted["comparisons"]) == 6
        for one, other in zip(table.comparisons, wanted["comparisons"], strict=True):
            assert (one.key.model, one.key.device) == (other["model"], other["device"])
            assert one.estimate.ratio == other["ratio"]
            assert (one.estimate.ci_low, one.estimate.ci_high) == (other["ci_low"], other["ci_high"])
            assert (one.estimate.p_value, one.judgement.q_value) == (other["p_value"], other["q_value"])
            assert one.judgement.verdict == other["verdict"]
            assert [note.text for note in one.notes] == other["notes"]
        assert [one.estimate.ratio for one in table.overall] == [one["ratio"] for one in wanted["overall"]]


def test_the_baseline_is_the_suites_else_the_first_that_was_measured_and_that_is_said(tmp_path: Path) -> None:
    results = demo_results((model_ref("m"),), (PHONE,))
    suite = write_run(tmp_path / "suite", results, devices=(PHONE,), baseline={"delegate": "xnnpack"})
    none = write_run(tmp_path / "none", results, devices=(PHONE,), baseline={})
    lacking = write_run(tmp_path / "lacking", results, devices=(PHONE,), baseline={"delegate": "nnapi"})
    threads = write_run(
        tmp_path / "threads",
        [result for result in results if result.trial.delegate.name == "cpu"],
        devices=(PHONE,),
        baseline={},
    )
    only = [result for result in results if result.trial.delegate.name == "cpu" and result.trial.threads == 1]
    nothing = write_run(tmp_path / "nothing", only, devices=(PHONE,), baseline={})
    chosen = [choose_baseline(one, report_cells(one)) for one in (suite, none, lacking, threads, nothing)]
    assert [(dict(one.changes), one.origin) for one in chosen] == [
        ({"delegate": "xnnpack"}, "suite"),
        ({"delegate": "cpu"}, "assumed"),
        ({"delegate": "cpu"}, "lacking"),
        ({"threads": 1}, "assumed"),
        ({}, "nothing"),
    ]
    assert verdicts_of(nothing, report_cells(nothing), {}).tables == {}


def test_with_too_many_cells_only_the_first_baseline_has_intervals(run: Run) -> None:
    assert list(verdicts_of(run, report_cells(run), {}, most_pairs=11).tables) == ["delegate=cpu"]
    assert len(verdicts_of(run, report_cells(run), {}, most_pairs=24).tables) == 3


def test_two_files_of_one_name_are_compared_apart(tmp_path: Path) -> None:
    first = demo_results((model_ref("m"),), (PHONE,))
    other = replace(model_ref("m"), sha256="f" * 64)
    second = [
        replace(result, trial=replace(result.trial, model=other, trial_id=result.trial.trial_id + "x"))
        for result in first
    ]
    run = write_run(tmp_path / "run", first + second, devices=(PHONE,))
    table = verdicts_of(run, report_cells(run), {}).table
    assert table is not None
    assert len({one.key.model for one in table.comparisons}) == 2
    assert {one.head.n for one in table.comparisons if one.state == "measured"} <= {4, 5}


def test_what_a_calibration_found_stands_beside_the_verdict(tmp_path: Path) -> None:
    path = tmp_path / "run"
    run = review_run(path)
    assert not calibration_files.of_run(path)
    result = CliRunner().invoke(calibrate_command, [str(path), "--where", "model=close"], standalone_mode=False)
    assert result.exception is None
    table = verdicts_of(run, report_cells(run), calibration_files.of_run(path)).table
    assert table is not None
    notes = {
        one.key.model: [note.text for note in one.notes if note.kind == "calibration"] for one in table.comparisons
    }
    assert notes["fast"] == []
    assert "smallest detectable change by processes a side 5: " in notes["close"][0]


def test_the_page_gets_the_same_numbers(run: Run) -> None:
    cells = report_cells(run)
    found = verdicts_of(run, cells, {})
    assert found.table is not None
    data = comparison_data(found, cells)
    for row, one in zip(data["tables"]["delegate=cpu"]["rows"], found.table.comparisons, strict=True):
        assert cells[row[0]].key.delegate == "cpu"
        assert cells[row[1]].key.model == one.key.model
        assert row[7] == pytest.approx(one.estimate.ratio, rel=1e-5)
        assert row[8:10] == pytest.approx([one.estimate.ci_low, one.estimate.ci_high], rel=1e-5)
        assert row[12] == one.judgement.verdict
    assert data["tables"]["delegate=cpu"]["judged"] == 6
    assert json.loads(json.dumps(data)) == data


def test_a_cell_that_failed_has_a_row_and_no_number(tmp_path: Path) -> None:
    run = demo_run(tmp_path / "run")
    cells = report_cells(run)
    data = comparison_data(verdicts_of(run, cells, {}), cells)
    rows = data["tables"]["delegate=cpu"]["rows"]
    failed = [row for row in rows if cells[row[1]].state == "failed"]
    assert len(failed) == 3
    assert {row[2] for row in failed} == {"unmeasured"}
    assert {tuple(row[7:11]) for row in failed} == {(None, None, None, None)}
    assert all(
        data["notes"][index]["kind"] == "failures" for row in failed for index in row[-3] if cells[row[0]].state == "ok"
    )
    assert not [r for r in run.results if r.status is Status.SKIPPED]


def test_a_run_that_chose_its_number_of_processes_shows_the_intervals_of_its_looks(tmp_path: Path) -> None:
    plan = AdaptivePlan(min_blocks=5, max_blocks=30, until=0.02)
    path = tmp_path / "run"
    review_run(path)
    manifest = path / "manifest.json"
    text = json.loads(manifest.read_text())
    text["adaptive"] = {"min_blocks": 5, "max_blocks": 30, "until": 0.02, "device_s": None}
    manifest.write_text(json.dumps(text))
    run = load_run(path)
    assert run.manifest.adaptive == plan
    wanted = _compare(f"{path}@delegate=cpu", str(path))["comparisons"]
    found = verdicts_of(run, report_cells(run), {})
    assert found.table is not None
    shown = {(one.key.model, one.key.device): one.estimate for one in found.table.comparisons}
    assert shown
    for other in wanted:
        one = shown[other["model"], other["device"]]
        assert (one.ci_low, one.ci_high, one.level) == (other["ci_low"], other["ci_high"], other["level"])
    words = comparison_data(found, report_cells(run))["level"]
    assert words == f"{100 * wanted[0]['level']:.3g}\u202f%"
    assert words != "95\u202f%"
