from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from harness.cli.main import run_cli
from harness.records import Purpose, Result
from harness.report import REPORT, write_report
from harness.runs import calibration_files
from harness.runs.run_store import load_run
from tests.analysis.made_up import PHONE, cell, result
from tests.cli.comparable_runs import noise, two_delegates, write_run
from tests.model_files import shipped, truncated


def state_files() -> list[Path]:
    return sorted(Path(os.environ["HARNESS_STATE_DIR"]).glob("calibration/*.json"))


def test_a_calibration_is_kept_and_shown_beside_later_verdicts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = write_run(tmp_path / "long", cell(noise(7, count=30)))
    assert run_cli(["calibrate", str(long), "--processes", "10", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["cells"]
    assert found["found"]["blocks"] == 30
    (ten,) = found["found"]["detectable"]
    assert ten["processes"] == 10
    assert 0.01 < ten["low"] < ten["change"] < ten["high"] < 0.1
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


def test_the_report_that_is_there_shows_what_was_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = cell(noise(7, count=20)) + cell(noise(8, count=20), delegate="gpu")
    run = write_run(tmp_path / "run", results, baseline={"delegate": "cpu"})
    assert run_cli(["calibrate", str(run)]) == 0
    assert not (run / REPORT).exists()
    (run / calibration_files.FILE).unlink()
    before = write_report(run).read_bytes()
    capsys.readouterr()
    assert run_cli(["calibrate", str(run)]) == 0
    assert f"written: {run / REPORT}" in capsys.readouterr().err
    shown = (run / REPORT).read_bytes()
    assert shown != before
    assert write_report(run).read_bytes() == shown


def test_binaries_and_signatures_are_calibrated_and_shown_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def of(name: str, *, binary: str | None = None, signature: str | None = None) -> list[Result]:
        # Models of one file have one hash, whatever they are called.
        alike = result(1.0).trial.model
        return [
            replace(
                one,
                trial=replace(
                    one.trial,
                    binary=binary,
                    model=replace(alike, name=name, signature=signature),
                    trial_id=f"{name}{n}",
                ),
            )
            for n, one in enumerate(cell(noise(len(name), count=20)))
        ]

    apart = [*of("a", binary="old"), *of("bb", binary="new"), *of("ccc", signature="decode")]
    run = write_run(tmp_path / "run", apart)
    assert run_cli(["calibrate", str(run)]) == 0
    words = " ".join(capsys.readouterr().out.split())
    for name in ("a cpu 1 thr big old ", "bb cpu 1 thr big new ", "ccc cpu 1 thr big (signature "):
        assert name in words
    found = {(one.binary, one.asked): one.found for one in calibration_files.of_run(run).values()}
    assert set(found) == {("old", ""), ("new", ""), ("", "signature decode")}
    assert len({one.spread for one in found.values()}) == 3


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


SUITE = """suite: phones
models: [{model}]
delegates: [xnnpack]
processes: 3
purposes: [latency, profile]
run: {{min_runs: 2, min_s: 0, max_s: 2, warmup_runs: 0, warmup_s: 0, timeout_s: 30}}
"""


def write_suite(folder: Path, model: Path, extra: str = "") -> Path:
    file = folder / "suite.yaml"
    file.write_text(SUITE.format(model=model) + extra)
    return file


def test_a_suite_is_run_often_enough_to_be_both_sides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite, out = write_suite(tmp_path, shipped("cnn_int8.tflite")), tmp_path / "run"
    options = ["--device", "virtual:1", "--blocks", "10", "--processes", "5", "--out", str(out), "--json"]
    assert run_cli(["calibrate", str(suite), *options]) == 0
    (found,) = json.loads(capsys.readouterr().out)["cells"]
    assert found["found"]["blocks"] == 10
    run = load_run(out)
    assert [result.trial.purpose for result in run.results] == [Purpose.LATENCY] * 10
    assert run.manifest.suite == "phones calibration"
    assert (out / "calibration.json").exists()


def test_a_suite_whose_model_does_not_run_is_bad_not_a_wrong_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = write_suite(tmp_path, truncated(tmp_path / "half.tflite"))
    options = ["--device", "virtual:1", "--blocks", "10", "--out", str(tmp_path / "run")]
    assert run_cli(["calibrate", str(suite), *options]) == 1
    assert "the most is 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere"], 2, "neither a run nor a suite"),
        (["run", "--blocks", "20"], 2, "are for a suite"),
        (["run", "--device", "virtual:1"], 2, "are for a suite"),
        (["run", "--min-effect", "0%"], 2, "more than 0%"),
        (["suite.yaml", "--blocks", "9"], 2, "9 is not in the range"),
        (["suite.yaml", "--device", "nosuchphone"], 3, "virtual:2"),
        (["rigid.yaml", "--device", "virtual:1"], 2, "without interleaving"),
        (["broken.yaml"], 2, "broken.yaml"),
    ],
)
def test_wrong_requests_and_missing_devices(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_run(Path("run"), cell(noise(7, count=20)))
    write_suite(tmp_path, shipped("cnn_int8.tflite"), "order: {interleave: false}\n").rename("rigid.yaml")
    write_suite(tmp_path, shipped("cnn_int8.tflite"))
    Path("broken.yaml").write_text("suite: [\n")
    assert run_cli(["calibrate", *arguments]) == code
    assert message in capsys.readouterr().err


def test_the_table_fits_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run", cell(noise(7, count=20), model="mobilenet_fp32"))
    assert run_cli(["calibrate", str(run)]) == 0
    device, heading, row, below = capsys.readouterr().out.splitlines()[:4]
    assert device.strip() == "device R5CT1"
    assert heading.split()[-8:] == ["at", "5", "at", "10", "at", "20", "at", "40"]
    assert row.startswith("mobilenet_fp32 cpu 1 thr big ")
    assert row.count("%") == 5, "the spread, and four changes"
    assert len(re.findall(r"[\d.]+-[\d.]+%", below)) == 4, "their intervals"
