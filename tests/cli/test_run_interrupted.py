"""A run that ends early, and going on with it: what is done is kept, and nothing runs twice."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.runs.run_store import load_run
from harness.virtual.android.event_log import EventLog
from harness.virtual.farm import VirtualFarm
from harness.virtual.faults import FaultPlan
from tests.cli.running import harness, no_traceback, write_suite
from tests.cli.scripted_program import held_run, write_program
from tests.model_files import shipped


def test_killed_and_resumed_is_each_trial_once(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")], "processes: 8\n")
    out = tmp_path / "run"
    binary = ("--binary", write_program(tmp_path))
    with held_run(["run", suite, *binary], out, after=2) as held:
        held.process.kill()
        held.process.wait()
    assert len(load_run(out).results) == 2
    done = harness("run", "--resume", out, *binary)
    no_traceback(done)
    assert done.returncode == 0, done.stderr
    results = load_run(out).results  # itself refuses a trial that is there twice
    assert len(results) == 8
    assert {result.trial.trial_id for result in results} == {trial.trial_id for trial in load_run(out).manifest.trials}
    again = harness("run", "--resume", out, "--json")
    assert again.returncode == 0
    assert "all 8 trials are finished" in again.stderr


def test_ctrl_c_keeps_what_is_done(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")], "processes: 4\n")
    out = tmp_path / "run"
    with held_run(["run", suite, "--binary", write_program(tmp_path)], out, after=2) as held:
        held.process.send_signal(signal.SIGINT)
        _, stderr = held.process.communicate(timeout=120)
    assert held.process.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert f"--resume {out}" in stderr
    assert (out / "report.html").exists()
    assert len(load_run(out).results) == 2


def test_the_line_that_resumes_is_one_to_paste(tmp_path: Path) -> None:
    """It names all that the rest needs, whatever is in the folder's name, and where the results go."""
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")], "processes: 3\n")
    out, database = tmp_path / "it's $(mine); run", tmp_path / "nights.db"
    history = ["--history", "--database", database, "--label", "commit=a b"]
    with held_run(["run", suite, "--binary", write_program(tmp_path), *history], out, after=1) as held:
        held.process.send_signal(signal.SIGINT)
        _, stderr = held.process.communicate(timeout=120)
    (line,) = (line for line in stderr.splitlines() if "trials did not run" in line)
    words = shlex.split(line.partition("go on with: harness ")[2])
    done = harness(*words)
    no_traceback(done)
    assert done.returncode == 0, done.stderr
    assert len(load_run(out).results) == 3
    with sqlite3.connect(database) as connection:
        assert connection.execute("select count(*) from trials").fetchone() == (3,)


def test_a_cancelled_job_ends_like_ctrl_c(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")], "processes: 3\n")
    out = tmp_path / "run"
    with held_run(["run", suite, "--binary", write_program(tmp_path)], out, after=1) as held:
        held.process.terminate()
        _, stderr = held.process.communicate(timeout=120)
    assert held.process.returncode == 130, stderr
    assert f"--resume {out}" in stderr


@pytest.mark.parametrize(
    ("number", "push"), [(signal.SIGTERM, "before"), (signal.SIGINT, "before"), (signal.SIGTERM, "eager")]
)
def test_a_push_does_not_outlive_its_run(tmp_path: Path, number: signal.Signals, push: str) -> None:
    """The device hangs for good as soon as the model's first bytes come: only a push that is given up lets the run end."""
    suite = write_suite(tmp_path, [shipped("mobilenet_fp32.tflite")], f"push: {push}\n")
    out = tmp_path / "run"
    faults = FaultPlan.model_validate(
        {"faults": [{"fault": "hung", "during": "push", "match": r"\.tflite", "forever": True}]}
    )
    with VirtualFarm(["virtual-flagship"], faults=faults) as farm:
        events = EventLog(farm.folder / "devices" / farm.serials[0] / "events.jsonl")
        process = subprocess.Popen(
            [sys.executable, "-m", "harness", "run", str(suite), "--device", farm.serials[0], "--out", str(out)],
            env={**os.environ, "ANDROID_ADB_SERVER_PORT": str(farm.adb_port)},
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            while not events.read("fault"):
                assert process.poll() is None, "it ended before it pushed the model"
                time.sleep(0.05)
            process.send_signal(number)
            _, stderr = process.communicate(timeout=200)
        finally:
            process.kill()
    assert process.returncode == 130, stderr
    assert f"--resume {out}" in stderr
    assert load_run(out).results == ()
    lines = (out / "logs" / "harness.log").read_text().splitlines()
    pushes = [line for line in lines if re.search(r"push \S+\.tflite, ", line)]
    assert [line.endswith("Cancelled") for line in pushes] == [True]


def test_skipped_cells_survive_a_resume(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")], "cpus: [all, f00]\nprocesses: 1\n")
    out = tmp_path / "run of two"
    assert harness("run", suite, "--device", "virtual:1", "--out", out).returncode == 0
    (out / "trials.jsonl").write_bytes(b"")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    again = harness("run", "--resume", out, cwd=elsewhere)
    assert again.returncode == 0, again.stderr
    assert sorted(result.status for result in load_run(out).results) == ["ok", "skipped"]


def test_a_device_that_is_away_is_missed_only_where_it_has_something_left_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")])
    out = tmp_path / "run"
    with VirtualFarm(["virtual-flagship"] * 2) as farm:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(farm.adb_port))
        here, away = farm.serials
        assert harness("run", suite, "--device", here, "--device", away, "--out", out).returncode == 0
        file = out / "trials.jsonl"
        lines = {json.loads(line)["trial"]["device"]: line for line in file.read_text().splitlines(keepends=True)}
        file.write_text(lines[away])
        done = harness("run", "--resume", out, "--device", here)
        assert (done.returncode, "not attached" in done.stderr) == (0, False), done.stderr
        file.write_text("")
        left = harness("run", "--resume", out, "--device", here)
        assert (left.returncode, f"{away}: not attached" in left.stderr) == (1, True), left.stderr


def test_without_a_report_what_was_measured_is_said_all_the_same(tmp_path: Path) -> None:
    out = tmp_path / "run"
    suite = write_suite(tmp_path, [shipped("cnn_int8.tflite")])
    assert harness("run", suite, "--device", "virtual:1", "--out", out).returncode == 0
    (out / "report.html").unlink()
    (out / "report.html").mkdir()
    done = harness("run", "--resume", out)
    no_traceback(done)
    assert done.returncode in (2, 3)
    assert "cannot write" in done.stderr
    assert f"harness report {out}" in done.stdout
    assert "cnn_int8" in done.stdout
