"""`harness run --trace FILE`: what the harness itself did."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.running import harness, write_suite
from tests.cli.scripted_program import write_program
from tests.model_files import shipped


def test_a_run_writes_the_spans_of_its_lanes_beside_its_results(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")], "processes: 2\n")
    trace = tmp_path / "trace.json"
    program = write_program(tmp_path)
    done = harness("run", suite, "-d", "virtual:1", "--binary", program, "--out", tmp_path / "run", "--trace", trace)
    assert done.returncode == 0, done.stderr
    events = json.loads(trace.read_text())["traceEvents"]
    tracks = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
    slices = [event for event in events if event["ph"] == "X"]
    for name in ("trial", "gate", "script", "parse", "judge", "write logs"):
        mine = [event for event in slices if event["name"] == name]
        assert len({event["args"]["trial"] for event in mine}) == 2, name
        (track,) = {tracks[event["tid"]] for event in mine}
        assert track.startswith("emulator-"), name
    stored = [event for event in slices if event["name"] == "store"]
    assert sum(event["args"]["results"] for event in stored) == 2, "beside the lanes, perhaps both at once"
    assert {"ask devices", "measure", "report", "summary", "fsync", "connect"} <= {event["name"] for event in slices}


def test_a_trace_that_cannot_be_written_is_refused_before_anything_runs(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")])
    done = harness("run", suite, "-d", "virtual:1", "--out", tmp_path / "run", "--trace", tmp_path / "none" / "t.json")
    assert done.returncode == 2
    assert "no folder" in done.stderr
    assert not (tmp_path / "run").exists()


def test_the_commands_own_error_is_what_is_said(tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = harness("run", tmp_path / "none.yaml", "-d", "virtual:1", "--out", out, "--trace", out / "t.json")
    assert done.returncode == 2
    assert "none.yaml" in done.stderr
    kept = tmp_path / "t.json"
    assert harness("run", tmp_path / "none.yaml", "-d", "virtual:1", "--trace", kept).returncode == 2
    assert "traceEvents" in json.loads(kept.read_text())
