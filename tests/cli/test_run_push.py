"""When models go to the device: before the first trial, or beside the trials where the suite allows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.runs.run_store import load_run
from harness.virtual.android.event_log import EventLog
from harness.virtual.farm import VirtualFarm
from harness.virtual.faults import FaultPlan
from tests.cli.running import harness, no_traceback, write_suite
from tests.cli.scripted_program import write_program
from tests.model_files import shipped

MODELS = ["cnn_fp32.tflite", "cnn_int8.tflite", "mobilenet_fp32.tflite"]


@pytest.mark.parametrize("push", ["before", "eager"])
def test_a_device_that_is_lost_in_the_middle_of_a_push_gets_all_models(
    tmp_path: Path, push: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = write_suite(tmp_path, [shipped(name) for name in MODELS], f"processes: 2\npush: {push}\n")
    faults = FaultPlan.model_validate(
        {"faults": [{"fault": "lost", "during": "push", "match": r"\.tflite", "nth": 2, "lasts_s": 0.5}]}
    )
    with VirtualFarm(["virtual-flagship"], faults=faults) as farm:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(farm.adb_port))
        events = EventLog(farm.folder / "devices" / farm.serials[0] / "events.jsonl")
        binary = ("--binary", write_program(tmp_path))
        done = harness("run", suite, "--device", farm.serials[0], *binary, "--out", tmp_path / "run")
        assert len(events.read("fault")) == 1
    no_traceback(done)
    assert done.returncode == 0, done.stderr
    results = load_run(tmp_path / "run").results
    assert [result.status for result in results] == ["ok"] * 2 * len(MODELS)
    log = (tmp_path / "run" / "logs" / "harness.log").read_text()
    sessions = [line for line in log.splitlines() if "push /data" in line and ".tflite" in line]
    assert any("and 2 more" in line for line in sessions) == (push == "before")


def test_a_word_that_push_does_not_know_is_refused(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")], "push: later\n")
    done = harness("run", suite, "--device", "virtual:1", "--dry-run")
    assert done.returncode == 2
    assert "push" in done.stderr
    assert "eager" in done.stderr
