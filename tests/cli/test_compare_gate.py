"""What the gate of `harness compare` says where something was not measured: it breaks, or there is nothing to hold head against."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from harness.cli.main import run_cli
from harness.records import Purpose, Result, Status
from harness.records.causes import Cause
from harness.runs.run_store import RunStore, read_manifest
from tests.analysis.made_up import cell
from tests.cli.comparable_runs import noise, run_json, write_run

GATE = ("--gate", "3%")


def planned(path: Path, finished: list[Result], never_ran: list[Result]) -> Path:
    """A run that was interrupted after `finished`."""
    write_run(path, finished)
    trials = tuple(one.trial for one in (*finished, *never_ran))
    with RunStore.open(path) as store:
        store.extend_manifest(replace(read_manifest(path), trials=trials))
    return path


def junit_of(capsys: pytest.CaptureFixture[str], base: Path, head: Path) -> etree._Element:
    run_cli(["compare", str(base), str(head), *GATE, "--format", "junit"])
    return etree.fromstring(capsys.readouterr().out.encode())


def test_a_base_that_never_measured_the_metric_is_a_wrong_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [str(write_run(tmp_path / name, cell(noise(seed)))) for name, seed in (("base", 1), ("head", 2))]
    assert run_cli(["compare", *runs, "--metric", "peak_memory", *GATE]) == 2
    said = capsys.readouterr().err
    assert "base has no peak memory of any cell" in said
    assert "--metric" in said
    assert run_cli(["compare", *runs, "--metric", "peak_memory"]) == 0, "without a gate nothing is promised"
    printed = capsys.readouterr().out
    assert "1 not measured" in printed
    assert "inconclusive" not in printed


@pytest.mark.parametrize(
    ("head", "why"),
    [
        (cell([None] * 10, status=Status.FAILED, causes=(Cause.CRASHED,)), "crashed"),
        (cell([None], status=Status.SKIPPED), "1 of 1 processes are not ok"),
        (cell([None] * 10), "no value of this metric"),
        ([], "HEAD has no such cell"),
    ],
    ids=["failed", "skipped", "no value", "gone"],
)
def test_what_base_measured_and_head_did_not_breaks_the_gate_in_every_format(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], head: list[Result], why: str
) -> None:
    fine = cell(noise(3), delegate="gpu")
    ours = write_run(tmp_path / "base", cell(noise(1)) + fine)
    theirs = write_run(tmp_path / "head", head + cell(noise(4), delegate="gpu"))
    assert run_cli(["compare", str(ours), str(theirs), *GATE]) == 1
    printed = capsys.readouterr().out
    assert "gate of 3 %: broken (1 of 2 cells measured in BASE and not in HEAD)" in printed
    run_cli(["compare", str(ours), str(theirs), *GATE, "--format", "markdown"])
    assert "**broken** (1 of 2 cells measured in BASE and not in HEAD)" in capsys.readouterr().out
    document = junit_of(capsys, ours, theirs)
    assert (document.get("failures"), document.get("errors")) == ("1", "0")
    (failure,) = document.iter("failure")
    assert why in failure.get("message", "")
    found = run_json(capsys, str(ours), str(theirs), *GATE)
    assert [one["gate_broken"] for one in found["comparisons"] if one["delegate"] == "cpu"] == [True]


def test_a_cell_that_base_never_measured_is_not_held_by_the_gate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = write_run(tmp_path / "base", cell(noise(1, spread=0.0005)) + cell([None] * 10, delegate="gpu"))
    theirs = write_run(tmp_path / "head", cell(noise(2, spread=0.0005)) + cell(noise(4), delegate="gpu"))
    assert run_cli(["compare", str(ours), str(theirs), *GATE]) == 0
    printed = capsys.readouterr().out
    assert "gate of 3 %: not broken (1 of 1 inconclusive; 1 of 2 cells not measured in BASE)" in printed
    assert junit_of(capsys, ours, theirs).get("errors") == "0", "the job does not fail, and neither does the file"


def test_an_interrupted_head_is_said_and_does_not_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours = write_run(tmp_path / "base", cell(noise(1)) + cell(noise(2), delegate="gpu"))
    whole = cell(noise(3)) + cell(noise(4), delegate="gpu")
    begun = [one for one in whole if one.trial.block < 2]
    theirs = planned(tmp_path / "head", begun, [one for one in whole if one.trial.block >= 2])
    assert run_cli(["compare", str(ours), str(theirs), *GATE]) == 1
    printed = capsys.readouterr().out
    assert "HEAD is incomplete: 16 of 20 trials never ran" in printed
    assert "broken (2 of 2 cells undecided, as HEAD was interrupted)" in printed
    run_cli(["compare", str(ours), str(theirs), *GATE, "--format", "markdown"])
    assert "**HEAD is incomplete: 16 of 20 trials never ran**" in capsys.readouterr().out
    document = junit_of(capsys, ours, theirs)
    assert document.get("failures") == "2"
    assert "HEAD: 8 of 10 processes never ran" in (next(document.iter("failure")).get("message") or "")
    assert "HEAD is incomplete" in (document.findtext("testsuite/system-out") or "")
    assert run_json(capsys, str(ours), str(theirs))["incomplete"] == [{"side": "HEAD", "left": 16, "planned": 20}]


def test_a_cell_that_an_interrupted_head_never_got_to_is_said_to_be_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = write_run(tmp_path / "base", cell(noise(1)) + cell(noise(2), delegate="gpu"))
    theirs = planned(tmp_path / "head", cell(noise(3)), cell(noise(4), delegate="gpu"))
    found = run_json(capsys, str(ours), str(theirs), *GATE)["comparisons"]
    assert [one["gate_reason"] for one in found if one["delegate"] == "gpu"] == [
        "measured in BASE and not in HEAD: HEAD has no such cell; HEAD: 10 of 10 processes never ran"
    ]


def test_an_interrupted_head_that_decides_all_the_same_passes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = write_run(tmp_path / "base", cell(noise(1)))
    whole = cell(noise(3, 500.0))
    theirs = planned(tmp_path / "head", whole[:9], whole[9:])
    assert run_cli(["compare", str(ours), str(theirs), *GATE]) == 0
    printed = capsys.readouterr().out
    assert "HEAD is incomplete: 1 of 10 trials never ran" in printed
    assert "gate of 3 %: not broken (1 of 1 only suspected)" in printed


def test_processes_for_another_purpose_are_not_missed_by_the_metric(tmp_path: Path) -> None:
    ours = write_run(tmp_path / "base", cell(noise(1, spread=0.02)))
    finished = cell(noise(2, spread=0.02))
    profile = replace(finished[0], trial=replace(finished[0].trial, trial_id="profile", purpose=Purpose.PROFILE))
    theirs = planned(tmp_path / "head", finished, [profile])
    assert run_cli(["compare", str(ours), str(theirs), *GATE]) == 0


def test_a_cell_that_is_gone_from_the_other_selection_breaks_the_gate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = [one for model in ("m", "n") for one in cell(noise(1), model=model)]
    run = write_run(tmp_path / "run", results + cell(noise(2), delegate="xnnpack"))
    assert run_cli(["compare", f"{run}@delegate=cpu", f"{run}@delegate=xnnpack", *GATE]) == 1
    assert "not in HEAD: 1 cells: n on" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    "sides", [("{base}", "{head}@model=m"), ("{base}@delegate=cpu", "{head}@delegate=xnnpack,model=m")]
)
def test_a_model_that_only_head_names_is_no_cell_that_is_gone(tmp_path: Path, sides: tuple[str, str]) -> None:
    paths = {}
    for name, seed in (("base", 1), ("head", 2)):
        cells = [(model, delegate) for model in ("m", "n") for delegate in ("cpu", "xnnpack")]
        results = [one for model, delegate in cells for one in cell(noise(seed), model=model, delegate=delegate)]
        paths[name] = write_run(tmp_path / name, results)
    assert run_cli(["compare", *(side.format(**paths) for side in sides), *GATE]) == 0
