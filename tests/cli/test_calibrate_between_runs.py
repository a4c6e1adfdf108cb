"""What several runs of one phone say of each other, and what comparisons of separate runs make of it. The truth is known."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.cli.main import run_cli
from harness.records import DeviceInfo, Result
from tests.analysis.made_up import PHONE
from tests.cli.comparable_runs import run_json, write_run
from tests.cli.controlled_runs import shifted_run, stored


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARNESS_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


def days(folder: Path, count: int, deviation: float) -> list[str]:
    shifts = np.random.default_rng(3).normal(0, deviation, count)
    return [
        str(stored(folder / f"day{i}", shifted_run(10 + i, shift=math.exp(shift), control=False), None))
        for i, shift in enumerate(shifts)
    ]


def test_several_runs_say_how_much_runs_differ(tmp_path: Path, capsys: pytest.CaptureFixture[str], state: Path) -> None:
    runs = days(tmp_path, 6, 0.01)
    assert run_cli(["calibrate", *runs, "--json"]) == 0
    (cell,) = json.loads(capsys.readouterr().out)["cells"]
    assert cell["found"]["runs"] == 6
    assert cell["found"]["deviation"] == pytest.approx(
        np.random.default_rng(3).normal(0, 0.01, 6).std(ddof=1), abs=0.002
    )
    (file,) = state.rglob("*-between-runs.json")
    assert json.loads(file.read_text())["cells"] == [cell]
    assert run_cli(["calibrate", *runs]) == 0
    assert "between runs" in capsys.readouterr().out


def test_separate_runs_may_have_a_verdict_then(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = str(stored(tmp_path / "base", shifted_run(1, control=False), None))
    shifted = str(stored(tmp_path / "shifted", shifted_run(2, shift=1.015, control=False), None))
    slower = str(stored(tmp_path / "slower", shifted_run(3, change=1.15, control=False, artifact="new"), None))
    for head in (shifted, slower):
        (one,) = run_json(capsys, base, head)["comparisons"]
        assert one["verdict"] == "suspected"
    plain = one["ci_high"] / one["ci_low"]
    assert run_cli(["calibrate", *days(tmp_path, 6, 0.01)]) == 0
    capsys.readouterr()
    (one,) = run_json(capsys, base, shifted)["comparisons"]
    assert one["verdict"] == "inconclusive", "that much is usual between runs"
    found = run_json(capsys, base, slower, "--gate", "3%")
    (one,) = found["comparisons"]
    assert one["verdict"] == "slower"
    assert one["ci_high"] / one["ci_low"] > plain
    assert any("runs of this device differ" in note and "from 6 runs" in note for note in one["notes"])
    assert not found["control_missing"]
    assert run_cli(["compare", base, slower, "--gate", "3%", "--strict", "--by", "binary"]) == 1


def test_a_control_is_better_than_what_is_usual(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["calibrate", *days(tmp_path, 6, 0.01)]) == 0
    capsys.readouterr()
    base, head = (stored(tmp_path / name, shifted_run(seed, blocks=16)) for name, seed in (("base", 1), ("head", 2)))
    (one,) = run_json(capsys, str(base), str(head))["comparisons"]
    assert (one["verdict"], one["control"]) == ("same", "reference cpu 1 thr big")


def on(results: list[Result], phone: DeviceInfo, path: Path) -> str:
    return str(write_run(path, results, devices=(phone,)))


def test_another_system_build_is_another_phone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["calibrate", *days(tmp_path, 6, 0.01)]) == 0
    capsys.readouterr()
    updated = replace(PHONE, fingerprint="google/shiba:16/Z")
    base = on(shifted_run(1, control=False), PHONE, tmp_path / "base")
    head = on(shifted_run(3, change=1.15, control=False), updated, tmp_path / "head")
    (one,) = run_json(capsys, base, head)["comparisons"]
    assert one["verdict"] == "suspected"


def test_a_virtual_device_leaves_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], state: Path
) -> None:
    virtual = replace(PHONE, virtual=True)
    runs = [on(shifted_run(i, control=False), virtual, tmp_path / f"run{i}") for i in range(3)]
    assert run_cli(["calibrate", *runs]) == 0
    assert "kept nowhere" in capsys.readouterr().out
    assert not list(state.rglob("*-between-runs.json"))


def test_what_runs_must_have_in_common(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = days(tmp_path, 2, 0.01)
    new = str(stored(tmp_path / "new", shifted_run(9, control=False, artifact="new"), None))
    for arguments, words in (
        ([one, one], "each once"),
        ([one, new], "no cell in common"),
        ([one, other, "--processes", "5"], "--where, --metric and --json only"),
        ([one, other, "--device", "any"], "--where, --metric and --json only"),
        ([one, other, "--metric", "peak_memory"], "no cell in common"),
    ):
        assert run_cli(["calibrate", *arguments]) == 2, words
        assert words in " ".join(capsys.readouterr().err.split())
    assert run_cli(["calibrate", one, other, new]) == 0
    assert "1 cells left out" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "words"),
    [("{", "is damaged"), ('{"format_version": 2, "cells": []}', "reads up to 1"), ('{"format_version": 1}', "cells")],
)
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], state: Path, content: str, words: str
) -> None:
    runs = days(tmp_path, 2, 0.01)
    assert run_cli(["calibrate", *runs]) == 0
    (file,) = state.rglob("*-between-runs.json")
    file.write_text(content)
    assert run_cli(["compare", *runs]) == 2
    said = capsys.readouterr().err
    assert file.name in said
    assert words in said
