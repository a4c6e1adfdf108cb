"""`harness run` as its user starts it: on virtual devices behind a real ADB server, with real inference."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from harness.devices.cpu_list import format_list
from harness.litert_host.graph import read_graph
from harness.runs.run_store import load_run
from tests.cli.running import harness, no_traceback, write_suite
from tests.cli.scripted_program import write_program
from tests.model_files import shipped


def test_a_suite_runs_end_to_end(tmp_path: Path) -> None:
    suite = write_suite(
        tmp_path,
        [shipped("mobilenet_fp32.tflite")],
        "delegates: [cpu, xnnpack]\nthreads: [1, 2]\ncpus: [f0]\npurposes: [latency, profile, memory]\nprocesses: 1\n",
    )
    done = harness("run", suite, "--device", "virtual:1", "--out", tmp_path / "run", "--json")
    no_traceback(done)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["statuses"] == {"ok": 12}
    run = load_run(tmp_path / "run")
    assert (tmp_path / "run" / "report.html").stat().st_size > 10_000
    assert {result.trial.trial_id for result in run.results} == {trial.trial_id for trial in run.manifest.trials}
    for result in run.results:
        assert result.measurement is not None
        assert result.measurement.inference_avg_us
        assert result.conditions.cpus_asked == "f0"
        # On a busy machine a process may come and go before the sampler gets a core.
        assert result.conditions.affinity_observed in (result.conditions.affinity_expected, None)
        assert "temperature_before_c" in result.conditions.simulated
        assert not result.synthetic
        assert (run.path / result.logs["stdout"]).read_text()
        if result.trial.purpose == "profile":
            check_profile(result.measurement, result.trial.delegate.name)
        if result.trial.purpose == "memory":
            assert result.measurement.memory.periodic_peak_mb


def check_profile(measurement: Any, delegate: str) -> None:
    """What holds at any speed: the ops of a run lie within it, nothing is counted twice, and none is missing."""
    ops, average_us = measurement.ops, measurement.inference_avg_us
    rounded_us = len(ops)  # each op's time is in whole microseconds
    assert 0 < sum(op.avg_us * op.times_called for op in ops) <= average_us + rounded_us
    if delegate == "cpu":
        (graph,) = read_graph(shipped("mobilenet_fp32.tflite").read_bytes()).subgraphs
        assert sum(op.times_called for op in ops) == len(graph.operators)
    on_xnnpack = sum("Delegate" in op.name or "Convolution" in op.node_type for op in ops)
    assert (on_xnnpack > 0) == (delegate == "xnnpack")


def test_masks_are_mapped_to_the_hosts_cores_and_read_back(tmp_path: Path) -> None:
    """Eight cores of a profile stand on those of the host, core i on i mod n: what the kernel shows is that image."""
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")], "cpus: [80, 1, 0-3]\nprocesses: 1\n")
    done = harness(
        "run", suite, "--device", "virtual:1", "--binary", write_program(tmp_path), "--out", tmp_path / "run"
    )
    assert done.returncode == 0, done.stderr
    host_cores = len(os.sched_getaffinity(0))
    for result in load_run(tmp_path / "run").results:
        cores = {"80": [7], "1": [0], "0-3": [0, 1, 2, 3]}[result.trial.cpus.label]
        expected = format_list({sorted(os.sched_getaffinity(0))[core % host_cores] for core in cores})
        assert result.conditions.affinity_expected == expected
        assert result.conditions.affinity_observed == expected


def test_a_second_run_pushes_nothing(tmp_path: Path) -> None:
    """Seen from outside: the file on the device keeps its inode and its time of change."""
    started = harness("virtual", "start", "--count", "1", "--json")
    assert started.returncode == 0, started.stderr
    farm = json.loads(started.stdout)
    port = farm["adb_port"]
    try:
        os.environ["ANDROID_ADB_SERVER_PORT"] = str(port)  # restored by the fixture that set it
        suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")])
        shots = []
        for name in ("one", "two"):
            done = harness("run", suite, "--device", "any", "--out", tmp_path / name)
            assert done.returncode == 0, done.stderr
            shots.append(adb(port, "shell", "stat -c '%n %i %Z' /data/local/tmp/litert-harness/blobs/*"))
        assert shots[0] == shots[1]
        assert shots[0].count("\n") == 2
        assert adb(port, "shell", "ls /data/local/tmp/litert-harness").split() == ["blobs"]
        assert "benchmark_model" not in adb(port, "shell", "ps -A -o ARGS 2>/dev/null || ps")
    finally:
        harness("virtual", "stop", "--all")


def adb(port: int, *arguments: str) -> str:
    import adbutils

    done = subprocess.run(
        [adbutils.adb_path(), "-P", str(port), *arguments], capture_output=True, text=True, timeout=30, check=True
    )
    return done.stdout


def test_sixteen_devices_at_once(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, [shipped("cnn_int8.tflite")], "processes: 3\n")
    out = tmp_path / "run"
    sixteen = ("--device", "virtual:16", "--parallel-virtual", "16", "--binary", write_program(tmp_path))
    done = harness("run", suite, *sixteen, "--out", out)
    no_traceback(done)
    assert done.returncode == 0, done.stderr
    results = load_run(out).results
    assert len(results) == 48
    assert len({result.trial.device for result in results}) == 16


def test_a_real_binary_can_be_given_instead(tmp_path: Path) -> None:
    """Not the harness's own program: a script that prints what a recorded run printed. The pipeline does not notice."""
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")])
    done = harness(
        "run", suite, "--device", "virtual:1", "--binary", write_program(tmp_path), "--out", tmp_path / "run"
    )
    assert done.returncode == 0, done.stderr
    (result,) = load_run(tmp_path / "run").results
    assert result.measurement is not None
    assert result.measurement.inference_avg_us == 1000
    assert load_run(tmp_path / "run").manifest.artifacts[0].origin == "import"


def test_the_table_has_the_ratios_and_verdicts_of_compare(tmp_path: Path) -> None:
    extra = "processes: 6\ndelegates: [cpu, xnnpack]\nbaseline: {delegate: cpu}\n"
    suite = write_suite(tmp_path, [shipped("mobilenet_int8.tflite")], extra)
    out = tmp_path / "run"
    done = harness("run", suite, "--device", "virtual:1", "--out", out)
    assert done.returncode == 0, done.stderr
    compared = json.loads(harness("compare", f"{out}@delegate=cpu", f"{out}@delegate=xnnpack", "--json").stdout)
    [one] = compared["comparisons"]
    [row] = [line for line in done.stdout.splitlines() if " xnnpack " in line]
    assert f"{one['ratio']:.2f}x" in row
    assert (one["verdict"] == "faster") == ("faster" in row)
