"""Going on with a run: on which devices, with which harness."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness import __version__
from harness.devices.adb_target import AdbTarget
from harness.runs.run_store import load_run
from harness.virtual.farm import VirtualFarm
from tests.cli.running import harness, write_suite
from tests.cli.scripted_program import write_program
from tests.model_files import shipped

BLOBS = "/data/local/tmp/litert-harness/blobs"


def test_devices_that_are_up_go_on_and_others_are_started_anew_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")], "processes: 2\n")
    binary = ("--binary", write_program(tmp_path))
    out = tmp_path / "run"
    trials = out / "trials.jsonl"
    with VirtualFarm(["virtual-flagship"]) as farm, monkeypatch.context() as patched:
        patched.setenv("ANDROID_ADB_SERVER_PORT", str(farm.adb_port))
        serial = farm.serials[0]
        assert harness("run", suite, *binary, "--device", serial, "--out", out).returncode == 0
        first = trials.read_bytes().splitlines(keepends=True)[0]
        target = AdbTarget(serial, port=farm.adb_port)
        target.run(f"rm -rf {BLOBS}", timeout_s=60)
        trials.write_bytes(first)
        done = harness("run", "--resume", out, *binary)
        assert done.returncode == 0, done.stderr
        assert "is not up any more" not in done.stderr
        assert target.stat(BLOBS) is not None, "it ran there"
    trials.write_bytes(first)
    done = harness("run", "--resume", out, *binary)
    assert done.returncode == 0, done.stderr
    assert f"{serial} is not up any more: its trials run on a new virtual device" in done.stderr
    assert len(load_run(out).results) == 2


def test_another_version_of_the_harness_is_said_in_manifest_and_report(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")], "processes: 2\n")
    binary = ("--binary", write_program(tmp_path))
    out = tmp_path / "run"
    assert harness("run", suite, *binary, "--device", "virtual:1", "--out", out).returncode == 0
    assert load_run(out).manifest.resumed_by == ()
    manifest = json.loads((out / "manifest.json").read_bytes())
    (out / "manifest.json").write_text(json.dumps({**manifest, "harness_version": "0.0.9"}))
    for _ in range(2):
        trials = (out / "trials.jsonl").read_bytes()
        (out / "trials.jsonl").write_bytes(trials.splitlines(keepends=True)[0])
        done = harness("run", "--resume", out, *binary)
        assert done.returncode == 0, done.stderr
    assert load_run(out).manifest.harness_version == "0.0.9"
    assert load_run(out).manifest.resumed_by == (__version__,)
    assert f"0.0.9</bdi>, gone on with by <bdi>{__version__}</bdi>" in (out / "report.html").read_text()
