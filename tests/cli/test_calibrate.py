from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from harness.cli.main import run_cli
from tests.analysis.made_up import PHONE, cell
from tests.cli.comparable_runs import noise, two_delegates, write_run


def state_files() -> list[Path]:
    return sorted(Path(os.environ["HARNESS_STATE_DIR"]).glob("calibration/*.json"))


def test_a_calibration_is_kept_and_shown_beside_later_verdicts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = write_run(tmp_path / "long", cell(noise(7, count=30)))
    assert run_cli(["calibrate", str(long), "--processes", "10", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["cells"]
    assert found["found"]["blocks"] == 30
    assert found["found"]["false_positive_rate"] <= 0.01
    assert [count for count, _ in found["found"]["detectable"]] == [10]
    assert (long / "calibration.json").exists()
    assert len(state_files()) == 1

    run = two_delegates(tmp_path / "later")
    run_cli(["compare", f"{run}@delegate=cpu", f"{run}@delegate=xnnpack", "--json"])
    (one,) = json.loads(capsys.readouterr().out)["comparisons"]
    assert any(note.startswith("calibrated: ") for note in one["notes"])


def test_another_system_build_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    updated = replace(PHONE, fingerprint="google/shiba:16/Z")
    old = write_run(tmp_path / "old", cell(noise(7, count=20)))
    new = write_run(tmp_path / "new", cell(noise(8)) + cell(noise(9), delegate="gpu"), devices=(updated,))
    run_cli(["calibrate", str(old)])
    run_cli(["compare", f"{new}@delegate=cpu", f"{new}@delegate=gpu"])
    assert "calibrated on another system build" in " ".join(capsys.readouterr().out.split())


def test_a_virtual_device_leaves_nothing_outside_its_run(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", cell(noise(7, count=20)), devices=(replace(PHONE, virtual=True),))
    assert run_cli(["calibrate", str(run)]) == 0
    assert (run / "calibration.json").exists()
    assert state_files() == []


def test_too_few_processes_say_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run", cell(noise(7, count=9)))
    assert run_cli(["calibrate", str(run)]) == 2
    assert "processes: 10" in capsys.readouterr().err


def test_cells_without_enough_processes_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run", cell(noise(7, count=20)) + cell(noise(8, count=5), delegate="gpu"))
    assert run_cli(["calibrate", str(run)]) == 0
    assert "1 cells left out" in capsys.readouterr().out
    assert run_cli(["calibrate", str(run), "--where", "delegate=gpu"]) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "is damaged"), ('{"format_version": 99, "cells": []}', "has format 99"), ('{"format_version": 1}', "cells")],
)
def test_a_broken_calibration_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, message: str
) -> None:
    run = two_delegates(tmp_path / "run")
    (run / "calibration.json").write_text(content)
    assert run_cli(["compare", f"{run}@delegate=cpu", f"{run}@delegate=xnnpack"]) == 2
    assert message in capsys.readouterr().err
