from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from lxml import etree

from harness.analysis.sequential import look_level
from harness.cli.main import run_cli
from harness.records import Result, Status
from harness.records.adaptive_decisions import AdaptivePlan
from harness.records.causes import Cause
from harness.runs.run_store import load_run
from tests.analysis.made_up import OTHER_PHONE, PHONE, cell
from tests.cli.comparable_runs import noise, two_delegates, write_run

XSD = Path(__file__).resolve().parent.parent / "data" / "junit" / "junit.xsd"
CELLS = (
    "base head device model delegate threads cpus cpus_asked binary base_device base_model base_delegate base_threads base_cpus_asked "
    "base_binary metric unit state base_n base_estimate head_n head_estimate ratio ci_low ci_high level p_value q_value design verdict "
    "more_processes gate_broken unlike notes base_causes head_causes synthetic"
)
OPS = (
    "base head device model delegate threads cpus cpus_asked binary row kind base_ops head_ops base_us head_us change_us share ratio "
    "ci_low ci_high q_value verdict synthetic"
)
HOSTILE = "<script>alert(1)</script>|`x`$(touch y)\x07[b](javascript:1) ]]> 😀"


def run_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    run_cli(["compare", *arguments, "--json"])
    document = json.loads(capsys.readouterr().out)
    assert isinstance(document, dict)
    return document


def selections(run: Path) -> tuple[str, str]:
    return f"{run}@delegate=cpu", f"{run}@delegate=xnnpack"


def test_the_documents_keys_are_those_of_the_contract(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = run_json(capsys, *selections(two_delegates(tmp_path / "run")))
    (one,) = document["comparisons"]
    assert {"device", "model", "delegate", "threads", "cpus", "metric", "base", "head", "notes"} <= set(one)
    assert one["verdict"] == "slower"
    assert one["ratio"] == pytest.approx(1.1, abs=0.01)
    assert 1.08 < one["ci_low"] < one["ratio"] < one["ci_high"] < 1.12
    assert one["p_value"] <= one["q_value"] <= 0.01
    assert (one["base"]["n"], one["head"]["n"], one["design"]) == (10, 10, "paired")
    assert one["base"]["estimate_us"] == pytest.approx(1000, rel=0.01)
    assert one["cpus"] == "f0"


def test_an_adaptive_run_is_compared_at_the_level_of_a_look(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = AdaptivePlan(min_blocks=5, max_blocks=30, until=0.02)
    results = cell(noise(1)) + cell(noise(2, 1100.0), delegate="xnnpack")
    fixed, found = (
        run_json(capsys, *selections(write_run(tmp_path / name, results, adaptive=one)))["comparisons"][0]
        for name, one in (("fixed", None), ("adaptive", plan))
    )
    assert (fixed["level"], found["level"]) == (0.95, look_level(5, 30))
    assert found["ci_low"] < fixed["ci_low"] < fixed["ci_high"] < found["ci_high"]
    assert any("99.2 %" in note and "all its looks" in note for note in found["notes"])
    for run, level in (("fixed", "95 %"), ("adaptive", "99.2 %")):
        run_cli(["compare", *selections(tmp_path / run), "--format", "markdown"])
        assert f"| head/base ({level}) |" in capsys.readouterr().out
        run_cli(["compare", *selections(tmp_path / run)])
        assert f"{level} interval" in capsys.readouterr().out


def test_ops_add_up_to_the_change_of_the_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = run_json(capsys, *selections(two_delegates(tmp_path / "run")))
    (ops,) = document["ops"]
    assert ops["change_us"] == pytest.approx(110.0)
    assert [change["kind"] for change in ops["changes"]] == ["renamed", "same"]
    assert sum(change["change_us"] for change in ops["changes"]) + ops["unexplained_us"] == pytest.approx(110.0)


@pytest.mark.parametrize(
    ("head", "gate", "code"), [(1100.0, "3%", 1), (1100.0, "15%", 0), (900.0, "3%", 0), (1025.0, "3%", 0)]
)
def test_the_gate(tmp_path: Path, head: float, gate: str, code: int) -> None:
    run = two_delegates(tmp_path / "run", head=head)
    assert run_cli(["compare", *selections(run), "--gate", gate]) == code


def test_a_head_that_crashes_does_not_pass_the_gate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = write_run(tmp_path / "base", cell(noise(1)))
    head = write_run(tmp_path / "head", cell([None] * 10, status=Status.FAILED, causes=(Cause.CRASHED,)))
    assert run_cli(["compare", str(base), str(head), "--gate", "3%"]) == 1
    assert "crashed" in capsys.readouterr().out
    assert run_cli(["compare", str(base), str(head)]) == 0


def test_by_names_what_differs_and_the_baseline_chooses_the_base(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = two_delegates(tmp_path / "run")
    (one,) = run_json(capsys, str(run), str(run), "--by", "delegate")["comparisons"]
    assert (one["base"]["cell"]["delegate"], one["head"]["cell"]["delegate"]) == ("cpu", "xnnpack")


def test_two_runs_are_compared_unpaired_and_say_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base, head = two_delegates(tmp_path / "a"), write_run(tmp_path / "b", cell(noise(5, 1200.0)))
    document = run_json(capsys, str(base), str(head))
    (one,) = [one for one in document["comparisons"] if one["state"] == "measured"]
    assert one["design"] == "unpaired"
    assert any("separate runs" in note for note in one["notes"])
    (missing,) = [one for one in document["comparisons"] if one["state"] == "missing"]
    assert missing["delegate"] == "xnnpack"
    assert missing["head"]["estimate_us"] is None


def test_strict_refuses_unlike_conditions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = write_run(tmp_path / "base", cell(noise(1)))
    other = [replace(one, artifact_sha256="f" * 64) for one in cell(noise(2))]
    head = write_run(tmp_path / "head", other)
    assert run_cli(["compare", str(base), str(head)]) == 0
    assert "the benchmark binary differs" in capsys.readouterr().out
    assert run_cli(["compare", str(base), str(head), "--strict"]) == 2
    assert "the benchmark binary differs" in capsys.readouterr().err
    alike = write_run(tmp_path / "alike", cell(noise(3)))
    assert run_cli(["compare", str(base), str(alike), "--strict"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["RUN", "RUN"], "name what differs: --by delegate"),
        (["RUN@delgate=cpu", "RUN"], "did you mean 'delegate'"),
        (["RUN@delegate=xnpack", "RUN"], "did you mean delegate=xnnpack"),
        (["RUN@delegate=cpu", "RUN", "--by", "thread"], "did you mean 'threads'"),
        (["RUN@delegate=cpu", "RUN", "--gate", "3"], "write it like 3%"),
        (["RUN@delegate=cpu", "RUN", "--gate", "2000%"], "not between"),
        (["RUN@delegate=cpu", "RUN", "--min-effect", "0%"], "more than 0%"),
        (["RUN@delegate=cpu", "RUN", "-o", "no/such/folder/x.txt"], "cannot write"),
        (["nowhere@delegate=cpu", "RUN"], "holds no run"),
        (["EMPTY", "RUN"], "EMPTY: no trial has finished there"),
        (["RUN@delegate=cpu", "RUN", "--format", "parquet"], "name a file"),
        (["RUN@delegate=cpu", "RUN", "--table", "ops"], "--format csv"),
    ],
)
def test_wrong_requests_are_one_line_and_exit_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    two_delegates(Path("RUN"))
    write_run(Path("EMPTY"), [])
    assert run_cli(["compare", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_path_may_hold_an_at_sign(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = two_delegates(tmp_path / "me@home")
    assert len(run_json(capsys, *selections(run))["comparisons"]) == 1
    assert len(run_json(capsys, str(run), str(run), "--by", "delegate")["comparisons"]) == 1


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
    assert (failed["head_causes"], failed["verdict"], failed["gate_broken"]) == ("crashed", "inconclusive", None)
    assert (missing["state"], missing["delegate"], missing["base_n"]) == ("missing", "gpu", 10)


def test_a_model_that_one_side_names_narrows_the_comparison(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = [one for model in ("m", "n") for one in cell(noise(1), model=model)]
    results += [one for model in ("m", "n") for one in cell(noise(2), model=model, delegate="xnnpack")]
    run = write_run(tmp_path / "run", results)
    document = run_json(capsys, f"{run}@delegate=cpu,model=m", f"{run}@delegate=xnnpack")
    measured = [one for one in document["comparisons"] if one["state"] == "measured"]
    assert [(one["base"]["cell"]["model"], one["head"]["cell"]["model"]) for one in measured] == [("m", "m")]


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
    assert {one["device"]: one["synthetic"] for one in document["ops"]} == both
    assert [one["synthetic"] for one in document["overall"]] == [True]
    marks = [(one["base"]["synthetic"], one["head"]["synthetic"]) for one in document["comparisons"]]
    assert marks == [(False, False), (True, False)]

    for table in ("cells", "ops"):
        file = tmp_path / f"{table}.parquet"
        assert run_cli(["compare", base, head, "--format", "parquet", "--table", table, "-o", str(file)]) == 0
        assert {row["device"]: row["synthetic"] for row in pq.read_table(file).to_pylist()} == both
    capsys.readouterr()

    run_cli(["compare", base, head, "--format", "markdown"])
    lines = capsys.readouterr().out.splitlines()
    rows = [line for line in lines if " on R5CT" in line and "ms (n=" in line]
    assert [row.count("(n=10, synthetic)") for row in rows] == [0, 1]
    assert ["synthetic" in line for line in lines if line.startswith("<details>")] == [False, True]
    assert [line for line in lines if "2 devices, synthetic" in line]

    run_cli(["compare", base, head])
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    # Of each device its name, the headings, and its one row.
    rows = [lines[at + 2] for at, line in enumerate(lines) if line.strip() in both]
    assert ["synthetic" in row for row in rows] == [False, True]
    # Of two tables of ops.
    assert " ".join(printed.split()).count(" ms, synthetic change ms ") == 1


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
        "(Benjamini-Hochberg)",
    ):
        assert words in printed
    file = tmp_path / "out.txt"
    run_cli(["compare", *selections(run), "-o", str(file), "--ops", "0"])
    assert "slower" in file.read_text()
    assert "CONV_2D" not in file.read_text()
    assert not list(tmp_path.glob("*.part"))


def test_values_that_no_device_yields_are_no_crash(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny, huge = write_run(tmp_path / "tiny", cell([1e-300] * 10)), write_run(tmp_path / "huge", cell([1e300] * 10))
    (one,) = run_json(capsys, str(tiny), str(huge))["comparisons"]
    assert one["verdict"] == "slower"
    wild = write_run(tmp_path / "wild", cell([1e-200, 1e200]))
    (one,) = run_json(capsys, str(tiny), str(wild))["comparisons"]
    assert (one["verdict"], one["base"]["n"], one["head"]["n"]) == ("inconclusive", 10, 2)
    run_cli(["compare", str(tiny), str(wild)])
    assert "inconclusive" in capsys.readouterr().out


def test_large_factors_are_said_as_factors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = two_delegates(tmp_path / "run", head=250.0 + 100)
    run_cli(["compare", *selections(run), "--format", "markdown"])
    assert "faster 2.8" in capsys.readouterr().out
