"""Wherever a cell's centre is shown it is the same number."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.analysis.cell_selection import pair_cells
from harness.analysis.cells import group_by_cell, summaries
from harness.analysis.comparison import Table, compare
from harness.analysis.metrics import Metric
from harness.analysis.sides import RunContext
from harness.analysis.verdict import Rules
from harness.api.run_outcome import RunOutcome
from harness.cli.run_summary import print_summary, summary_document
from harness.formats.comparison_json import comparison_document
from harness.formats.comparison_table import comparison_rows
from harness.formats.comparison_text import as_text
from harness.records import DelegateRequest, Result
from harness.report import render_report
from harness.report.cell_summaries import report_cells
from harness.report.comparison_data import comparison_data
from harness.report.page_data import report_data
from harness.report.verdicts import verdicts_of
from harness.runs.run_store import Run
from tests.report.runs import PHONE, demo_results, measurement_of, model_ref, trial_of, write_run

TWO_MODES = [10_000.0, 15_000.0] * 5
STEADY = [9_000.0] * 10


def _run(path: Path) -> Run:
    """Ten processes of `cpu` in two modes, and ten of `xnnpack` that are all alike."""
    template = demo_results((model_ref("m"),), (PHONE,))[0]
    results: list[Result] = [
        replace(
            template,
            trial=trial_of(PHONE.serial, model_ref("m"), DelegateRequest(name=name), 1, process=process),
            measurement=measurement_of(us),
        )
        for name, values in (("cpu", TWO_MODES), ("xnnpack", STEADY))
        for process, us in enumerate(values)
    ]
    return write_run(path, results, devices=(PHONE,))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return _run(tmp_path / "run")


@pytest.fixture
def table(run: Run) -> Table:
    cells = group_by_cell(run.results)
    pairs = pair_cells([cells[0]], [cells[1]], apart=["delegate"])
    context = RunContext(run_id=run.manifest.run_id)
    return compare(pairs, context, context, metric=Metric.INFERENCE_AVG, rules=Rules(), apart=["delegate"])


def test_of_the_terminal_and_the_documents_of_a_run(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert [cell.median_us for cell in summaries(run.results)] == [12_500.0, 9_000.0]
    document = summary_document(RunOutcome(run=run))
    assert [cell["median_us"] for cell in document["cells"]] == [12_500.0, 9_000.0]
    cores = [(cell["cpus"], cell["cpus_label"], cell["cpus_mask"], cell["threads"]) for cell in document["cells"]]
    assert cores == [("big", "big", "f0", 1)] * 2
    print_summary(run, None)
    assert "12.500" in capsys.readouterr().out


def test_of_the_matrix_and_the_forest_plot_of_the_report(run: Run) -> None:
    cells = report_cells(run)
    verdicts = verdicts_of(run, cells, {})
    data = report_data(run.manifest.devices, cells, verdicts)
    assert [cell["latency"] for cell in data["cells"]] == [[12_500, 10_000, 15_000, 10], [9_000, 9_000, 9_000, 10]]
    [row] = [row for row in comparison_data(verdicts, cells)["tables"]["delegate=cpu"]["rows"] if row[0] != row[1]]
    assert data["dimensions"]["threads"] == [1]
    base_us, head_us = row[5:7]
    assert (base_us, head_us) == (12_500, 9_000)
    assert ">12.50<" in render_report(run)


def test_of_compare_in_every_form(table: Table) -> None:
    [one] = json.loads(json.dumps(comparison_document(table, "a", "b")))["comparisons"]
    assert (one["base"]["estimate_us"], one["head"]["estimate_us"]) == (12_500.0, 9_000.0)
    [cells] = list(comparison_rows(table, "a", "b", "cells"))
    assert {12_500.0, 9_000.0} <= set(cells)
    assert "12.500" in as_text(table, ops=0)
