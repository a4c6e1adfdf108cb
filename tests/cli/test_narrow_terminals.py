"""What `harness run` and `harness compare` print where a terminal is narrow, and where there is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.cli.main import run_cli
from harness.cli.run_summary import print_summary
from harness.records import Status
from harness.records.causes import Cause
from harness.runs.run_store import load_run
from tests.analysis.made_up import cell
from tests.cli.comparable_runs import noise, selections, two_delegates, write_run

LONG = "efficientnet_lite0_with_a_long_name_int8"


def some_run(path: Path) -> Path:
    results = cell(noise(1), model=LONG)
    results += [
        replace(one, synthetic=True) for one in cell(noise(2, 400.0), model=LONG, delegate="gpu(precision=fp16)")
    ]
    results += cell([None] * 10, model=LONG, delegate="nnapi", status=Status.FAILED, causes=(Cause.INVOKE_FAILED,))
    return write_run(path, results, baseline={"delegate": "cpu"})


def test_at_forty_columns_no_name_status_or_mark_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    run = load_run(some_run(tmp_path / "run"))
    capsys.readouterr()
    print_summary(run, None)
    words = capsys.readouterr().out.split()
    assert words.count(LONG) == 3
    assert words.count("synthetic") == 2, "beside the cell, and in the count of trials"
    assert {"cpu", "gpu(precision=fp16)", "nnapi", "invoke_failed"} <= set(words)
    assert "no" not in words[: words.index("30")], "rows are stacked, not cut"


def test_a_pipe_is_not_folded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    run = two_delegates(tmp_path / "run", model=LONG * 3)
    assert run_cli(["compare", *selections(run)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines) > 160
    assert any(LONG * 3 in line and "(against delegate=cpu)" in line and "profiled" in line for line in lines)


@pytest.mark.parametrize("columns", ["40", "80"])
def test_compare_never_breaks_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: str
) -> None:
    results = list(load_run(two_delegates(tmp_path / "one", model=LONG)).results)
    results += load_run(two_delegates(tmp_path / "two", model="other_" + LONG)).results
    run = write_run(tmp_path / "run", [replace(one, synthetic=True) for one in results])
    monkeypatch.setenv("COLUMNS", columns)
    run_cli(["compare", *selections(run), "--gate", "3%"])
    words = capsys.readouterr().out.split()
    assert {LONG, "other_" + LONG, "synthetic", "slower,", "gate"} <= set(words)


def test_the_answer_is_the_first_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = load_run(two_delegates(tmp_path / "run", head=250.0))
    print_summary(run, None)
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("xnnpack is 4.0x faster than cpu (")


def test_the_answer_says_synthetic(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = [replace(one, synthetic=True) for one in load_run(two_delegates(tmp_path / "one")).results]
    print_summary(load_run(write_run(tmp_path / "run", results, baseline={"delegate": "cpu"})), None)
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("xnnpack is 9.9 % slower than cpu (")
    assert first.endswith(", synthetic).")
