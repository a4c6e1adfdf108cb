"""What `harness compare` writes: text, Markdown, JUnit, CSV and Parquet say the same, and mark what is synthetic."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from lxml import etree

from harness.cli.main import run_cli
from harness.records import Result, Status
from harness.records.causes import Cause
from harness.runs.run_store import load_run
from tests.analysis.made_up import OTHER_PHONE, PHONE, cell
from tests.cli.comparable_runs import noise, run_json, selections, two_delegates, write_run

XSD = Path(__file__).resolve().parent.parent / "data" / "junit" / "junit.xsd"
CELLS = (
    "base head device model delegate threads cpus cpus_asked binary base_device base_model base_delegate base_threads base_cpus_asked "
    "base_binary metric unit state base_n base_estimate head_n head_estimate ratio ci_low ci_high level p_value q_value design verdict "
    "more_processes gate_broken unlike notes base_causes head_causes synthetic difference difference_low "
    "difference_high control gate_reason variant base_variant output_differs"
)
OPS = (
    "base head device model delegate threads cpus cpus_asked binary row kind base_ops head_ops base_us head_us change_us share ratio "
    "ci_low ci_high q_value verdict synthetic variant"
)
HOSTILE = "<script>alert(1)</script>|`x`$(touch y)\x07[b](javascript:1) ]]> 😀"


def test_junit_is_what_jenkins_takes(tmp_path: Path) -> None:
    run = two_delegates(tmp_path / "run", model=HOSTILE)
    file = tmp_path / "compare.xml"
    assert run_cli(["compare", *selections(run), "--gate", "3%", "--format", "junit", "-o", str(file)]) == 1
    document = etree.parse(file)
    etree.XMLSchema(etree.parse(XSD)).assertValid(document)
    (case,) = document.findall(".//testcase")
    assert "<script>" in case.get("name", "")
    (failure,) = case.findall("failure")
    assert "the gate is 3 %" in failure.get("message", "")
    assert document.getroot().get("failures") == "1"


def test_junit_tells_errors_from_skips(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = cell(noise(1)) + cell(noise(2), delegate="gpu") + cell(noise(3), delegate="nnapi")
    head = cell(noise(4)) + cell([None] * 10, delegate="gpu", status=Status.FAILED, causes=(Cause.CRASHED,))
    head += cell([None], delegate="nnapi", status=Status.SKIPPED)
    runs = [str(write_run(tmp_path / name, results)) for name, results in (("a", base), ("b", head))]
    run_cli(["compare", *runs, "--format", "junit"])
    document = etree.fromstring(capsys.readouterr().out.encode())
    etree.XMLSchema(etree.parse(XSD)).assertValid(document)
    outcomes = {case.get("name", "").split(" ")[3]: [child.tag for child in case] for case in document.iter("testcase")}
    assert outcomes == {
        "cpu": ["system-out"],
        "gpu": ["error", "system-out"],
        "nnapi": ["skipped", "system-out"],
    }


def test_names_stay_text_in_markdown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = two_delegates(tmp_path / "run", model=HOSTILE)
    run_cli(["compare", *selections(run), "--format", "markdown", "--gate", "3%"])
    printed = capsys.readouterr().out
    assert "<script" not in printed
    assert "`" not in printed
    assert "\x07" not in printed
    assert "**broken**" in printed
    table = [line for line in printed.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in table if "ms (n=" in line} == {7}
    assert "CONV_2D" in printed
    assert "in no op" in printed


def test_a_warning_stands_beside_each_number_that_it_is_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = write_run(tmp_path / "base", cell(noise(1)) + cell(noise(2), delegate="gpu"))
    other = [replace(one, artifact_sha256="f" * 64) for one in cell(noise(3))]
    head = write_run(tmp_path / "head", other + cell(noise(4), delegate="gpu"))
    run_cli(["compare", str(base), str(head)])
    printed = capsys.readouterr().out
    rows = {line.split()[0]: line for line in printed.splitlines() if line.startswith(("cpu", "gpu"))}
    assert "!1" in rows["cpu"]
    assert "!1" not in rows["gpu"]
    assert "!1 unlike: the benchmark binary differs" in printed
    run_cli(["compare", str(base), str(head), "--format", "markdown"])
    printed = capsys.readouterr().out
    assert [("⚠️1" in line, " gpu " in line) for line in printed.splitlines() if "ms (n=" in line] == [
        (True, False),
        (False, True),
    ]
    assert "- ⚠️1 the benchmark binary differs" in printed


def test_csv_has_a_row_a_cell_with_what_the_json_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = two_delegates(tmp_path / "run", model="=cmd()")
    document = run_json(capsys, *selections(run), "--gate", "3%")
    run_cli(["compare", *selections(run), "--gate", "3%", "--format", "csv"])
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    (one,) = document["comparisons"]
    assert list(row) == CELLS.split()
    assert (row["base"], row["head"]) == selections(run)
    assert (row["model"], row["base_delegate"], row["delegate"], row["unit"]) == ("'=cmd()", "cpu", "xnnpack", "us")
    for key in ("ratio", "ci_low", "ci_high", "p_value", "q_value", "level"):
        assert float(row[key]) == one[key]
    assert float(row["base_estimate"]) == one["base"]["estimate_us"]
    assert (row["verdict"], row["gate_broken"], row["more_processes"], row["unlike"]) == ("slower", "true", "", "")


def test_parquet_of_ops_adds_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = two_delegates(tmp_path / "run")
    (ops,) = run_json(capsys, *selections(run))["ops"]
    file = tmp_path / "ops.parquet"
    assert run_cli(["compare", *selections(run), "--format", "parquet", "--table", "ops", "-o", str(file)]) == 0
    table = pq.read_table(file)
    assert table.column_names == OPS.split()
    rows = table.to_pylist()
    assert [row["kind"] for row in rows] == ["renamed", "same", "unexplained"]
    assert [row["row"] for row in rows] == [0, 1, 2]
    assert rows[0]["head_ops"] == "Convolution (NHWC, F32) IGEMM #0"
    assert sum(row["change_us"] for row in rows) == pytest.approx(ops["change_us"])
    assert sum(row["share"] for row in rows) == pytest.approx(1.0)


def test_a_cell_without_a_number_has_empty_columns(tmp_path: Path) -> None:
    base = write_run(tmp_path / "base", cell(noise(1)) + cell(noise(3), delegate="gpu"))
    head = write_run(tmp_path / "head", cell([None] * 10, status=Status.FAILED, causes=(Cause.CRASHED,)))
    file = tmp_path / "cells.parquet"
    assert run_cli(["compare", str(base), str(head), "--format", "parquet", "-o", str(file)]) == 0
    failed, missing = pq.read_table(file).to_pylist()
    assert (failed["state"], failed["head_n"], failed["head_estimate"], failed["ratio"]) == (
        "unmeasured",
        0,
        None,
        None,
    )
    assert (failed["head_causes"], failed["verdict"], failed["gate_broken"]) == ("crashed", None, None)
    assert (missing["state"], missing["delegate"], missing["base_n"]) == ("missing", "gpu", 10)


def partly_synthetic(path: Path) -> Path:
    """On one device the built-in kernels were replayed, on another all was measured; GPU has no counterpart."""
    results = list(load_run(two_delegates(path / "measured")).results)
    results += [replaced(one, OTHER_PHONE.serial, synthetic=one.trial.delegate.name == "cpu") for one in results]
    results += [replace(one, synthetic=True) for one in cell(noise(3), delegate="gpu")]
    return write_run(path / "run", results, devices=(PHONE, OTHER_PHONE))


def replaced(one: Result, device: str, *, synthetic: bool) -> Result:
    trial = replace(one.trial, device=device, trial_id=f"{one.trial.trial_id}-{device}")
    return replace(one, trial=trial, synthetic=synthetic)


def test_synthetic_numbers_are_marked_in_every_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base, head = selections(partly_synthetic(tmp_path))
    document = run_json(capsys, base, head)
    both = {PHONE.serial: False, OTHER_PHONE.serial: True}
    assert {one["device"]: one["synthetic"] for one in document["comparisons"]} == both
    assert [one["verdict"] for one in document["comparisons"]] == ["slower", None]
    assert [one["ci_low"] is None for one in document["comparisons"]] == [False, True]
    assert [one["device"] for one in document["ops"]] == [PHONE.serial]
    assert document["overall"] == []
    marks = [(one["base"]["synthetic"], one["head"]["synthetic"]) for one in document["comparisons"]]
    assert marks == [(False, False), (True, False)]

    for table, devices in (("cells", both), ("ops", {PHONE.serial: False})):
        file = tmp_path / f"{table}.parquet"
        assert run_cli(["compare", base, head, "--format", "parquet", "--table", table, "-o", str(file)]) == 0
        assert {row["device"]: row["synthetic"] for row in pq.read_table(file).to_pylist()} == devices
    capsys.readouterr()

    run_cli(["compare", base, head, "--format", "markdown"])
    lines = capsys.readouterr().out.splitlines()
    rows = [line for line in lines if " on R5CT" in line and "ms (n=" in line]
    assert [row.count("(n=10, synthetic)") for row in rows] == [0, 1]
    assert ["| no verdict: BASE is synthetic, the other side was measured" in row for row in rows] == [False, True]
    assert sum(line.startswith("<details>") for line in lines) == 1
    assert lines[0] == "### average latency: 1 slower, 1 synthetic against measured"

    run_cli(["compare", base, head])
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    # Of each device its name, the headings, and its one row.
    rows = [lines[at + 2] for at, line in enumerate(lines) if line.strip() in both]
    assert ["no verdict synthetic" in row for row in rows] == [False, True]
    assert "average latency: 1 slower, 1 synthetic against measured" in printed


def test_what_was_replayed_on_both_sides_has_a_verdict_that_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = [replace(one, synthetic=True) for one in load_run(two_delegates(tmp_path / "measured")).results]
    sides = selections(write_run(tmp_path / "run", results))
    run_cli(["compare", *sides, "--format", "markdown"])
    [row] = [line for line in capsys.readouterr().out.splitlines() if "ms (n=" in line]
    assert row.count("synthetic") == 4, "base, head, ratio and verdict"
    run_cli(["compare", *sides, "--gate", "3%", "--format", "junit"])
    document = etree.fromstring(capsys.readouterr().out.encode())
    assert "(synthetic), the gate is 3 %" in (next(document.iter("failure")).get("message") or "")
    run_cli(["compare", *sides])
    assert " ms, synthetic change ms " in " ".join(capsys.readouterr().out.split())


def test_no_gate_holds_a_measurement_against_a_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = list(load_run(two_delegates(tmp_path / "measured")).results)
    half = [replace(one, synthetic=one.trial.delegate.name == "cpu") for one in results]
    assert run_cli(["compare", *selections(write_run(tmp_path / "half", half)), "--gate", "3%"]) == 2
    assert "one is synthetic and the other was measured" in capsys.readouterr().err
    fine = [
        one
        for part in (cell(noise(5), model="n"), cell(noise(6, 900.0), model="n", delegate="xnnpack"))
        for one in part
    ]
    assert run_cli(["compare", *selections(write_run(tmp_path / "both", half + fine)), "--gate", "3%"]) == 0
    assert "gate of 3 %: not broken (1 of 2 cells synthetic on one side only)" in capsys.readouterr().out


def test_junit_marks_synthetic_numbers_where_there_is_nothing_to_compare_with_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = partly_synthetic(tmp_path)
    bare = write_run(tmp_path / "bare", cell(noise(4)))
    run_cli(["compare", str(path), str(bare), "--format", "junit"])
    document = etree.fromstring(capsys.readouterr().out.encode())
    etree.XMLSchema(etree.parse(XSD)).assertValid(document)
    shown = {case.get("name", ""): case.findtext("system-out") or "" for case in document.iter("testcase")}
    assert {name for name, text in shown.items() if "(n=10, synthetic)" in text} == {
        f"m on {PHONE.serial} gpu 1 thr big",
        f"m on {OTHER_PHONE.serial} cpu 1 thr big",
    }


def test_text_shows_the_evidence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = two_delegates(tmp_path / "run")
    run_cli(["compare", *selections(run), "--gate", "3%"])
    printed = capsys.readouterr().out
    for words in (
        "slower, breaks the gate",
        "gate of 3 %: broken",
        "1 slower",
        "CONV_2D #0",
        "in no op",
        "sum",
        "(Holm)",
    ):
        assert words in printed
    file = tmp_path / "out.txt"
    run_cli(["compare", *selections(run), "-o", str(file), "--ops", "0"])
    assert "slower" in file.read_text()
    assert "CONV_2D" not in file.read_text()
    assert not list(tmp_path.glob("*.part"))


def test_large_factors_are_said_as_factors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = two_delegates(tmp_path / "run", head=250.0 + 100)
    run_cli(["compare", *selections(run), "--format", "markdown"])
    assert "faster 2.8" in capsys.readouterr().out
