"""Models of all kinds in a run: damaged, hostile, gone, hungry for inputs, and delegates that do not take them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.records import Status
from harness.records.causes import Cause
from harness.runs.run_store import Run, load_run
from tests.cli.running import QUICK, harness, no_traceback, write_suite
from tests.cli.scripted_program import held_run, write_program
from tests.litert_host import models as make
from tests.model_files import HOSTILE_NAMES, copy_of_shipped, shipped, truncated, unresolved_custom_op


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
    assert result.conditions.process_s is None or result.conditions.process_s < 60, (
        "the program alone would have run for 100 s"
    )


def test_a_model_whose_file_goes_away_is_on_the_device_already(tmp_path: Path) -> None:
    """The second model's file is deleted while the first one's trials run. Before the push: tests/measuring/test_device_session.py."""
    first, second = tmp_path / "first.tflite", tmp_path / "second.tflite"
    copy_of_shipped(first)
    copy_of_shipped(second, "cnn_int8.tflite")
    suite = write_suite(tmp_path, [first, second], "processes: 2\norder: {interleave: false}\n")
    out = tmp_path / "run"
    with held_run(["run", suite, "--binary", write_program(tmp_path)], out, after=1) as held:
        second.unlink()
        held.release()
        _, stderr = held.process.communicate(timeout=120)
    assert held.process.returncode == 0, stderr
    causes = [(result.trial.model.name, result.status, result.causes) for result in load_run(out).results]
    assert causes == [("first", Status.OK, ())] * 2 + [("second", Status.OK, ())] * 2


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


def test_a_file_that_is_no_model_fails_before_the_push_and_the_others_go_on(tmp_path: Path) -> None:
    bundle = tmp_path / "gemma.tflite"
    bundle.write_bytes(b"LITERTLM" + bytes(64))  # smaller than the good one: the canary must not take it
    suite = write_suite(
        tmp_path, ["gemma.tflite", shipped("cnn_fp32.tflite")], "delegates: [xnnpack, gpu]\nprocesses: 1\n"
    )
    done = harness("run", suite, "--device", "virtual:1", "--out", tmp_path / "run")
    no_traceback(done)
    assert done.returncode == 1
    assert "it is a LiteRT-LM bundle" in done.stderr
    run = load_run(tmp_path / "run")
    bad = [result for result in run.results if result.trial.model.name == "gemma"]
    assert {(result.status, result.causes) for result in bad} == {(Status.FAILED, (Cause.MODEL_INVALID,))}
    assert all("it is a LiteRT-LM bundle" in (result.message or "") and not result.command for result in bad)
    good = [result for result in run.results if result.trial.model.name == "cnn_fp32"]
    assert Status.OK in {result.status for result in good}
    again = harness("run", "--resume", tmp_path / "run")
    assert load_run(tmp_path / "run").results == run.results
    assert again.returncode == 1


def test_where_no_model_is_left_the_request_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"\x08\x07\x12\x07pytorch:\x10")
    suite = write_suite(tmp_path, ["a.onnx"])
    done = harness("run", suite, "--device", "virtual:1", "--out", tmp_path / "run")
    assert (done.returncode, (tmp_path / "run").exists()) == (2, False)
    assert "models: " in done.stderr
    assert "it is an ONNX model: `harness models convert` makes a .tflite of it" in done.stderr
