"""`harness compare` over one run with `order: {interleave: false}`: what a gate and every format say. The truth is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from harness.cli.main import run_cli
from harness.report import render_report
from harness.runs.run_store import load_run
from tests.analysis.made_up import cell
from tests.cli.comparable_runs import noise, run_json, write_run


def sides(path: Path, factor: float) -> tuple[str, str]:
    """All processes of one cell, then all of the other, `factor` times as slow."""
    first = cell(noise(1))
    after = [
        replace(one, trial=replace(one.trial, block=one.trial.block + len(first)))
        for one in cell(noise(2, 1000.0 * factor), delegate="gpu")
    ]
    run = write_run(path, [*first, *after], baseline={"delegate": "cpu"})
    return f"{run}@delegate=cpu", f"{run}@delegate=gpu"


def test_the_verdict_is_a_suspicion_and_the_note_says_how_to_be_sure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = run_json(capsys, *sides(tmp_path / "run", 1.2))
    (one,) = found["comparisons"]
    assert (one["verdict"], found["control_missing"]) == ("suspected", True)
    assert any("order: {interleave: true}" in note for note in one["notes"])
    assert not any("--print-suite" in note for note in one["notes"]), "one run is measured again, no two are joined"


@pytest.mark.parametrize(("factor", "code"), [(1.2, 1), (1 / 1.2, 0)])
def test_a_gate_answers_by_suspicion_says_so_and_is_refused_by_strict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], factor: float, code: int
) -> None:
    base, head = sides(tmp_path / "run", factor)
    assert run_cli(["compare", base, head, "--gate", "3%"]) == code
    printed = " ".join(capsys.readouterr().out.split())
    assert "cells share too few blocks" in printed
    assert "order: {interleave: true}" in printed
    assert "holds" not in printed
    assert "control is missing" not in printed
    assert ("broken (1 of 1 cells suspected)" in printed) is bool(code)
    assert run_cli(["compare", base, head, "--gate", "3%", "--strict"]) == 2
    assert "did not take turns" in capsys.readouterr().err
    assert run_cli(["compare", base, head, "--strict"]) == 0, "without a gate nothing is promised"
    capsys.readouterr()
    run_cli(["compare", base, head, "--gate", "3%", "--format", "markdown"])
    assert "Cells share too few blocks" in capsys.readouterr().out
    run_cli(["compare", base, head, "--gate", "3%", "--format", "junit"])
    document = etree.fromstring(capsys.readouterr().out.encode())
    assert document.get("failures") == str(code)
    assert "share too few blocks" in (document.findtext("testsuite/system-out") or "")
    if code:
        message = next(document.iter("failure")).get("message") or ""
        assert "suspected +" in message
        assert "without taking turns" in message


@pytest.mark.parametrize("form", ["text", "markdown", "junit", "csv"])
def test_no_format_claims_a_direction(tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    run_cli(["compare", *sides(tmp_path / "run", 2.6), "--format", form])
    printed = capsys.readouterr().out
    assert "suspected" in printed
    assert "faster" not in printed
    assert "slower" not in printed


def test_the_report_suspects_too(tmp_path: Path) -> None:
    run = Path(sides(tmp_path / "run", 2.6)[0].partition("@")[0])
    page = render_report(load_run(run))
    assert "suspected" in page
    assert "2.6x slower" not in page
