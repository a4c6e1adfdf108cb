"""The gate on missing data: what base can decide and head cannot breaks it, with its reason in every format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from harness.cli.main import run_cli
from harness.records import Measurement, Result, Status
from harness.records.causes import Cause
from tests.analysis.made_up import OTHER_PHONE, PHONE, cell
from tests.cli.comparable_runs import noise, run_json, write_run

GATE = ("--gate", "3%")


def failing(results: Sequence[Result], blocks: Sequence[int]) -> list[Result]:
    """The same where the processes of some blocks crashed."""
    return [
        replace(one, status=Status.FAILED, causes=(Cause.CRASHED,), measurement=None)
        if one.trial.block in blocks
        else one
        for one in results
    ]


def of(delegate: str, seed: int, centre: float = 1000.0, count: int = 10) -> list[Result]:
    return cell(noise(seed, centre, count=count), delegate=delegate)


def reasons(capsys: pytest.CaptureFixture[str], base: str, head: str) -> list[str]:
    """Why the cells break the gate, after a look that every format says so."""
    capsys.readouterr()
    found = run_json(capsys, base, head, *GATE)
    said = [one["gate_reason"] for one in found["comparisons"] if one["gate_broken"]]
    broken = bool(said)
    assert [one["gate_reason"] for one in found["comparisons"] if not one["gate_broken"]] == [None] * (
        len(found["comparisons"]) - len(said)
    )
    assert found["gate_broken"] is broken
    assert run_cli(["compare", base, head, *GATE]) == int(broken)
    text = " ".join(capsys.readouterr().out.split())
    run_cli(["compare", base, head, *GATE, "--format", "markdown"])
    markdown = capsys.readouterr().out
    run_cli(["compare", base, head, *GATE, "--format", "junit"])
    failures = [one.get("message") for one in etree.fromstring(capsys.readouterr().out.encode()).iter("failure")]
    assert failures == said
    for reason in said:
        assert " ".join(reason.split()) in text
        assert reason in markdown
    return [str(one) for one in said]


def test_a_head_that_crashes_in_nine_of_ten_processes_breaks_the_gate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run", of("cpu", 1) + failing(of("gpu", 2), range(9)))
    (reason,) = reasons(capsys, f"{run}@delegate=cpu", f"{run}@delegate=gpu")
    assert "failing more often in HEAD" in reason
    assert "9 of 10 processes gave no value, against 0 of 10" in reason
    assert "crashed" in reason


def test_a_head_that_fails_six_times_and_is_slower_otherwise_breaks_the_gate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run", of("cpu", 1) + failing(of("gpu", 2, 1300.0), range(6)))
    (reason,) = reasons(capsys, f"{run}@delegate=cpu", f"{run}@delegate=gpu")
    assert "6 of 10" in reason


def test_a_head_that_fails_more_often_breaks_the_gate_though_the_rest_is_faster(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run", of("cpu", 1, count=20) + failing(of("gpu", 2, 500.0, count=20), range(0, 16, 2)))
    found = run_json(capsys, f"{run}@delegate=cpu", f"{run}@delegate=gpu", *GATE)["comparisons"]
    assert [one["verdict"] for one in found] == ["faster"]
    (reason,) = reasons(capsys, f"{run}@delegate=cpu", f"{run}@delegate=gpu")
    assert "8 of 20 processes gave no value, against 0 of 20" in reason


def test_too_few_processes_in_head_break_a_gate_that_base_can_decide(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, head = write_run(tmp_path / "base", of("cpu", 1)), write_run(tmp_path / "head", of("cpu", 2, count=3))
    (reason,) = reasons(capsys, str(base), str(head))
    assert reason.startswith("with too few processes in HEAD: 3 against 10")
    assert run_cli(["compare", str(head), str(base), *GATE]) == 0, "base could not decide either"


def test_a_base_that_was_itself_failing_does_not_break_the_gate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run", failing(of("cpu", 1, 500.0), range(6)) + failing(of("gpu", 2, 500.0), range(7)))
    assert reasons(capsys, f"{run}@delegate=cpu", f"{run}@delegate=gpu") == []


def test_a_few_failures_more_are_chance_in_a_table_of_many_cells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # 6 of 10 against none has a p-value of 0.5 %: significant for one cell, not for one of forty.
    models = [f"m{number}" for number in range(40)]
    base = [one for seed, model in enumerate(models) for one in cell(noise(seed, count=15), model=model)]
    head = [
        one
        for seed, model in enumerate(models)
        for one in cell(noise(seed + 99, count=15), model=model, delegate="gpu")
    ]
    head = [*failing([one for one in head if one.trial.model.name == "m0"], range(5)), *head[15:]]
    run = write_run(tmp_path / "run", base + head)
    assert reasons(capsys, f"{run}@delegate=cpu", f"{run}@delegate=gpu") == []
    alone = write_run(tmp_path / "alone", base[:15] + failing(head[:15], range(7)))
    (reason,) = reasons(capsys, f"{alone}@delegate=cpu", f"{alone}@delegate=gpu")
    assert "7 of 15" in reason


def test_a_whole_device_that_is_absent_from_head_breaks_the_gate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    phones = (PHONE, OTHER_PHONE)
    whole = [one for seed, phone in enumerate(phones) for one in cell(noise(seed), device=phone.serial)]
    base = write_run(tmp_path / "base", whole, devices=phones)
    for devices in (phones, (PHONE,)):
        head = write_run(tmp_path / f"head{len(devices)}", cell(noise(7)), devices=devices)
        (reason,) = reasons(capsys, str(base), str(head))
        assert reason == "measured in BASE and not in HEAD: HEAD has no such cell"


def test_values_of_zero_are_failures_to_the_gate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    zeros = [
        replace(one, measurement=Measurement(inference_avg_us=0.0)) if one.trial.block < 8 else one
        for one in of("gpu", 2)
    ]
    run = write_run(tmp_path / "run", of("cpu", 1) + zeros)
    (reason,) = reasons(capsys, f"{run}@delegate=cpu", f"{run}@delegate=gpu")
    assert "HEAD: 8 of 10 values of average latency are 0" in reason
