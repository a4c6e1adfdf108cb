"""`harness run` as its user starts it: on virtual devices behind a real ADB server, with real inference."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.devices.cpu_list import format_list
from harness.litert_host.graph import read_graph
from harness.records import Status
from harness.records.causes import Cause
from harness.runs.run_store import Run, load_run
from harness.virtual.farm import VirtualFarm
from tests.cli.scripted_program import held_run, write_program
from tests.in_process import harness
from tests.litert_host import models as make
from tests.model_files import HOSTILE_NAMES, copy_of_shipped, shipped, truncated, unresolved_custom_op

QUICK = "run: {min_runs: 3, min_s: 0, max_s: 2, warmup_runs: 1, warmup_s: 0, timeout_s: 30}\n"


def write_suite(folder: Path, models: Sequence[Path | str], extra: str = "processes: 1\n") -> Path:
    names = json.dumps([str(model) for model in models], ensure_ascii=False)
    file = folder / "suite.yaml"
    file.write_text(f"suite: test\nmodels: {names}\n{QUICK}{extra}", encoding="utf-8")
    return file


def no_traceback(done: subprocess.CompletedProcess[str]) -> None:
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    assert "internal error" not in done.stderr, done.stderr


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


def test_hostile_model_names_are_only_names(tmp_path: Path) -> None:
    models = [copy_of_shipped(tmp_path / name) for name in HOSTILE_NAMES]
    suite = write_suite(tmp_path, ["*.tflite"])
    done = harness("run", suite, "--device", "virtual:1", "--out", tmp_path / "run", cwd=tmp_path)
    no_traceback(done)
    assert done.returncode == 0, done.stderr
    assert len(load_run(tmp_path / "run").results) == len(models)
    left = {path.name for path in tmp_path.iterdir()} - {"run", "suite.yaml"} - set(HOSTILE_NAMES)
    assert left == set(), "something in a name was executed"


def test_a_models_name_says_nothing_to_the_terminal(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, [copy_of_shipped(tmp_path / "red\x1b[31m.tflite")])
    done = harness("run", suite, "--device", "virtual:1", "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "red\\x1b[31m" in done.stdout


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


def test_bad_models_are_failed_results_with_their_cause(tmp_path: Path) -> None:
    truncated(tmp_path / "half.tflite")
    unresolved_custom_op(tmp_path / "custom.tflite")
    suite = write_suite(tmp_path, ["half.tflite", "custom.tflite", shipped("cnn_fp32.tflite")])
    done = harness("run", suite, "--device", "virtual:1", "--out", tmp_path / "run")
    no_traceback(done)
    assert done.returncode == 1
    run = load_run(tmp_path / "run")
    causes = {result.trial.model.name: (result.status, result.causes[:1]) for result in run.results}
    assert causes["half"] == (Status.FAILED, ("model_invalid",))
    assert causes["custom"] == (Status.FAILED, ("op_unsupported",))
    assert causes["cnn_fp32"] == (Status.OK, ())
    assert all(result.measurement is None or result.measurement.inference_avg_us is None for result in failed(run))


def failed(run: Run) -> list[Any]:
    return [result for result in run.results if result.status is Status.FAILED]


def test_a_delegate_that_is_not_there_is_never_called_by_its_name(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")], "delegates: [gpu, nnapi, xnnpack]\nprocesses: 1\n")
    done = harness("run", suite, "--device", "virtual:1", "--out", tmp_path / "run", "--json")
    assert done.returncode == 1
    by_name = {result.trial.delegate.name: result for result in load_run(tmp_path / "run").results}
    assert by_name["gpu"].status is Status.INVALID
    assert by_name["gpu"].causes[0] == "unconsumed_flags"
    assert by_name["nnapi"].status is Status.INVALID
    assert by_name["xnnpack"].status is Status.OK
    cells = {cell["delegate"]: cell["median_us"] for cell in json.loads(done.stdout)["cells"]}
    assert cells["gpu"] is None
    assert cells["xnnpack"] > 0


def test_a_process_that_does_not_end_is_ended_by_the_device(tmp_path: Path) -> None:
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        f"suite: slow\nmodels: [{json.dumps(str(shipped('cnn_fp32.tflite')))}]\nprocesses: 1\n"
        "run: {min_runs: 1000000, min_s: 0, max_s: 100, warmup_s: 0, timeout_s: 2}\n"
    )
    done = harness("run", suite, "--device", "virtual:1", "--out", tmp_path / "run")
    assert done.returncode == 1
    (result,) = load_run(tmp_path / "run").results
    assert (result.status, result.causes[0]) == (Status.FAILED, "timeout")
    assert result.duration_s < 15


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


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("suite: s\nmodels: [m.tflite]\nthread: [1]\n", ["suite.yaml:3", "thread", "threads"]),
        ("suite: s\nmodels: [none.tflite]\n", ["suite.yaml:2", "none.tflite"]),
        ("suite: s\nmodels: ['none_*.tflite']\n", ["suite.yaml:2", "none_*.tflite"]),
    ],
)
def test_a_wrong_suite_is_one_clear_line(tmp_path: Path, text: str, words: list[str]) -> None:
    (tmp_path / "suite.yaml").write_text(text)
    (tmp_path / "m.tflite").write_bytes(b"x")
    done = harness("run", "suite.yaml", "--device", "virtual:1", cwd=tmp_path)
    no_traceback(done)
    assert done.returncode == 2
    assert all(word in done.stderr for word in words), done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run"], 2, "which suite"),
        (["run", "nothing.yaml"], 2, "quickstart.yaml"),
        (["run", "quickstart", "--device", "virtual:x"], 2, "virtual-flagship"),
        (["run", "quickstart", "--device", "virtual:1", "--binary", "x86_64=/nothing"], 2, "no such file"),
        (["run", "quickstart", "--device", "virtual:1", "--binary", "mips=/bin/sh"], 2, "arm64-v8a"),
        (["run", "--resume", "/nothing"], 2, "manifest.json"),
        (["nonsense"], 2, "nonsense"),
        (["run", "--nonsense"], 2, "--nonsense"),
    ],
)
def test_wrong_requests(tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    done = harness(*arguments, cwd=tmp_path)
    no_traceback(done)
    assert done.returncode == code
    assert words in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_no_device_is_exit_3_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A server that lists nothing stands for a machine without phones.
    from harness.virtual.farm import VirtualFarm

    with VirtualFarm(["virtual-old"]) as farm:
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(farm.adb_port))
        done = harness("run", "quickstart", "--device", "not-attached", cwd=tmp_path)
    assert done.returncode == 3
    assert "--device virtual:2" in done.stderr


def test_dry_run_lists_and_does_nothing(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")], "processes: 2\nthreads: [1, 9]\ncpus: [little]\n")
    done = harness("run", suite, "--device", "virtual:1", "--dry-run", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["count"] == 4
    assert document["warnings"]
    assert {path.name for path in tmp_path.iterdir()} == {"suite.yaml"}


def test_a_model_that_goes_away_fails_alone(tmp_path: Path) -> None:
    """The second model's file is deleted while the first one's trials run."""
    first, second = tmp_path / "first.tflite", tmp_path / "second.tflite"
    copy_of_shipped(first)
    copy_of_shipped(second, "cnn_int8.tflite")
    suite = write_suite(tmp_path, [first, second], "processes: 2\norder: {interleave: false}\n")
    out = tmp_path / "run"
    with held_run(["run", suite, "--binary", write_program(tmp_path)], out, after=1) as held:
        second.unlink()
        held.release()
        _, stderr = held.process.communicate(timeout=120)
    assert held.process.returncode == 1, stderr
    causes = {(result.trial.model.name, result.status, result.causes) for result in load_run(out).results}
    assert causes == {("first", Status.OK, ()), ("second", Status.FAILED, ("model_unreadable",))}


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


def test_one_delegate_in_two_spellings_is_refused(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")], "delegates: [xnnpack, {name: xnnpack}]\n")
    done = harness("run", suite, "--device", "virtual:1")
    assert done.returncode == 2
    assert "listed twice" in done.stderr


def test_a_cancelled_job_ends_like_ctrl_c(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")], "processes: 3\n")
    out = tmp_path / "run"
    with held_run(["run", suite, "--binary", write_program(tmp_path)], out, after=1) as held:
        held.process.terminate()
        _, stderr = held.process.communicate(timeout=120)
    assert held.process.returncode == 130, stderr
    assert f"--resume {out}" in stderr


def test_models_that_need_a_signature_or_a_range_are_measured(tmp_path: Path) -> None:
    make.gather(tmp_path / "gather.tflite")
    make.two_signatures(tmp_path / "two.tflite")
    make.dynamic_batch(tmp_path / "dynamic.tflite")
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        f"suite: fed\n{QUICK}processes: 1\ndelegates: [cpu]\npurposes: [latency, profile]\nmodels:\n"
        "  - {path: gather.tflite, inputs: [{name: 'serving_default_x:0', shape: [4], range: [0, 2]}]}\n"
        "  - {path: gather.tflite, name: unfed}\n"
        "  - {path: two.tflite, name: add, signature: add}\n"
        "  - {path: two.tflite, name: two, signature: two}\n"
        "  - {path: dynamic.tflite, inputs: [{name: 'serving_default_x:0', shape: [8, 16]}]}\n"
    )
    done = harness("run", suite, "--device", "virtual:1", "--out", tmp_path / "run")
    no_traceback(done)
    run = load_run(tmp_path / "run")
    found = {(r.trial.model.name, r.trial.purpose.value): (r.status, r.causes) for r in run.results}
    assert {key: status for key, (status, _) in found.items() if key[0] != "unfed"} == {
        (name, purpose): Status.OK for name in ("gather", "add", "two", "dynamic") for purpose in ("latency", "profile")
    }, done.stdout
    assert found["unfed", "latency"][1][0] is Cause.INVOKE_FAILED
    log = run.path / next(r.logs["stdout"] for r in run.results if r.trial.model.name == "dynamic")
    assert "Input shapes: [8,16]" in log.read_text()
    assert "signature add" in (run.path / "report.html").read_text()


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


def test_a_word_for_cores_that_means_nothing_is_named_with_its_line(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, [shipped("cnn_int8.tflite")], "processes: 1\ncpus: [all, huge]\n")
    done = harness("run", suite, "--device", "virtual:1", "--dry-run")
    assert done.returncode == 2
    assert f"{suite}:5: cpus[1]: 'huge'" in done.stderr
