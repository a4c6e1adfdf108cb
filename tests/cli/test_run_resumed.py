"""Going on with a run: on which devices, with which harness."""

from __future__ import annotations

import json
from collections.abc import Iterator
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


def test_an_attached_device_of_the_run_comes_before_a_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")], "processes: 2\n")
    binary = ("--binary", write_program(tmp_path))
    out = tmp_path / "run"
    trials = out / "trials.jsonl"
    with VirtualFarm(["virtual-flagship", "virtual-midrange"]) as farm, monkeypatch.context() as patched:
        patched.setenv("ANDROID_ADB_SERVER_PORT", str(farm.adb_port))
        serial = farm.serials[1]
        assert harness("run", suite, *binary, "--device", serial, "--out", out).returncode == 0
        first = trials.read_bytes().splitlines(keepends=True)[0]
        target = AdbTarget(serial, port=farm.adb_port)
        for selectors in (["virtual:1"], ["virtual:2", farm.serials[0]], ["virtual:midrange", serial]):
            target.run(f"rm -rf {BLOBS}", timeout_s=60)
            trials.write_bytes(first)
            done = harness("run", "--resume", out, *binary, *(f"--device={word}" for word in selectors))
            assert done.returncode == 0, done.stderr
            assert (f"{serial}: attached, so its trials run there" in done.stderr) == (serial not in selectors)
            assert target.stat(BLOBS) is not None, "it ran there"
        trials.write_bytes(first)
        done = harness("run", "--resume", out, *binary, "--device", farm.serials[0])
        assert done.returncode == 3
        assert f"none of the run's devices is here: it began on {serial} (virtual-midrange)" in done.stderr
        assert f"here: {farm.serials[0]} (virtual-flagship). Leave out --device, or give" in done.stderr
        assert "--device virtual:virtual-midrange" in done.stderr


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


@pytest.fixture
def failed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """A run whose two trials failed for something that is mended by now, and its `--binary`. Its device is up."""
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")], "processes: 2\n")
    binary = write_program(tmp_path)
    program = tmp_path / "benchmark_model"
    works = "[ -e /data/local/tmp/broken ] && { echo 'ERROR: Benchmarking failed.' >&2; exit 1; }\n"
    program.write_text(program.read_text().replace("#!/bin/sh\n", f"#!/bin/sh\n{works}", 1))
    out = tmp_path / "run"
    with VirtualFarm(["virtual-flagship"]) as farm:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(farm.adb_port))
        target = AdbTarget(farm.serials[0], port=farm.adb_port)
        target.run("touch /data/local/tmp/broken", timeout_s=60)
        assert harness("run", suite, "--binary", binary, "--device", target.serial, "--out", out).returncode == 1
        target.run("rm /data/local/tmp/broken", timeout_s=60)
        yield out, binary


def test_failed_trials_run_again_on_request(failed_once: tuple[Path, str]) -> None:
    out, binary = failed_once
    for option in ([], ["--retry", "environment"]):
        done = harness("run", "--resume", out, "--binary", binary, *option)
        assert (done.returncode, "all 2 trials are finished" in done.stderr) == (1, True), done.stderr
    for option, left in (([], 0), (["--retry", "environment"], 0), (["--retry", "failed"], 2)):
        done = harness("run", "--resume", out, "--dry-run", *option)
        assert f"{left} trials are left of 2" in done.stdout
    done = harness("run", "--resume", out, "--binary", binary, "--retry", "failed", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["statuses"] == {"ok": 2}
    run = load_run(out)
    assert sorted(run.manifest.retried) == sorted(trial.trial_id for trial in run.manifest.trials)
    assert harness("run", "--resume", out, "--binary", binary, "--retry", "failed").returncode == 0, "none is left"


def test_a_retry_needs_a_run(tmp_path: Path) -> None:
    done = harness("run", "quickstart", "--device", "virtual:1", "--retry", "failed", cwd=tmp_path)
    assert (done.returncode, "--resume" in done.stderr) == (2, True)


@pytest.mark.parametrize("line", ["{", ""], ids=["damaged", "blank"])
def test_a_line_that_holds_no_result_is_said_and_its_trial_runs_again(tmp_path: Path, line: str) -> None:
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")], "processes: 2\n")
    binary = ("--binary", write_program(tmp_path))
    out = tmp_path / "run"
    assert harness("run", suite, *binary, "--device", "virtual:1", "--out", out).returncode == 0
    lines = (out / "trials.jsonl").read_text().splitlines()
    (out / "trials.jsonl").write_text(f"{line}\n{lines[1]}\n")
    report = harness("report", out)
    assert (report.returncode, report.stderr.count("trials.jsonl:1 is damaged and left out")) == (0, 1), report.stderr
    done = harness("run", "--resume", out, *binary)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("trials.jsonl:1 is damaged and left out") == 1
    assert len(load_run(out).results) == 2
