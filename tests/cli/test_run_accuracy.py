"""Purpose `accuracy` on virtual devices: given inputs, outputs taken back, and what happens where they differ."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from harness.models.host_run import run_on_host
from harness.records import Status
from harness.runs.run_store import load_run
from tests.cli.converted import converts_to
from tests.cli.running import QUICK, harness, no_traceback, write_suite
from tests.litert_host.models import crossed_orders, large_activations, quantized, with_swapped_outputs
from tests.model_files import copy_of_shipped, shipped


def test_outputs_of_a_model_by_its_path_are_held_against_the_hosts_kernels(tmp_path: Path) -> None:
    extra = "purposes: [latency, accuracy]\nprocesses: 1\ndelegates: [cpu, xnnpack]\naccuracy: {samples: 3}\norder: {seed: 5}\n"
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")], extra)
    done = harness("run", suite, "--device", "virtual:1", "--out", tmp_path / "run")
    no_traceback(done)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {
        one.trial.delegate.name: one for one in load_run(tmp_path / "run").results if one.trial.purpose == "accuracy"
    }
    same = found["cpu"].accuracy
    assert same is not None
    # The same kernels on the same bytes: not a single bit differs.
    assert (same.output.max_abs, same.output.equal, same.samples, same.inputs) == (0.0, True, 3, "random, seed 5")
    assert same.output.snr_db is None
    assert same.reference is None
    other = found["xnnpack"].accuracy
    assert other is not None
    assert other.output.max_abs is not None
    assert other.output.max_abs < 1e-3
    text = harness("export", tmp_path / "run", "--table", "trials", "--format", "json").stdout
    rows = {row["delegate"]: row for row in json.loads(text) if row["purpose"] == "accuracy"}
    assert rows["cpu"]["output_max_abs"] == 0
    assert rows["cpu"]["output_cosine"] == pytest.approx(1)
    assert rows["cpu"]["reference_max_abs"] is None


def test_variants_are_held_against_the_reference_variant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = copy_of_shipped(tmp_path / "digits.tflite")
    converts_to(monkeypatch, {"fp32": source, "int8": shipped("cnn_int8.tflite")})
    rng = np.random.default_rng(3)
    images = rng.uniform(0, 1, (20, 64, 64, 3)).astype(np.float32)
    # The first label is right, the others are wrong: so the metric counts what the device gave back.
    right = run_on_host(source, {"image": images}).values["output_0"].reshape(20, -1).argmax(axis=1)
    labels = np.where(np.arange(20) == 0, right, (right + 1) % 10)
    np.savez(tmp_path / "test.npz", image=images, label=labels)
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        "suite: variants\nmodels:\n  - source: digits.tflite\n    variants: [int8, fp32]\n"
        "    evaluate: {data: test.npz, labels: label, metric: top1}\n"
        f"purposes: [latency, accuracy]\nprocesses: 1\ndelegates: [xnnpack]\naccuracy: {{samples: 4}}\n{QUICK}",
        encoding="utf-8",
    )
    done = harness("run", suite, "--device", "virtual:1", "--out", tmp_path / "run")
    no_traceback(done)
    found = {
        one.trial.model.variant: one for one in load_run(tmp_path / "run").results if one.trial.purpose == "accuracy"
    }
    assert found["fp32"].status is Status.OK
    assert found["fp32"].accuracy is not None
    assert found["fp32"].accuracy.inputs == "evaluate, 4 samples of test.npz"
    assert found["fp32"].accuracy.task_metric == "top1"
    assert found["fp32"].accuracy.task_value == 0.25  # of four images one has its own class as the label
    figures = found["int8"].accuracy
    assert figures is not None
    assert figures.reference is not None
    assert figures.reference_variant == "fp32"
    assert figures.reference.max_abs is not None
    assert figures.reference.max_abs > 0
    rows = list(
        csv.DictReader(harness("export", tmp_path / "run", "--table", "trials", "--format", "csv").stdout.splitlines())
    )
    assert next(row for row in rows if row["variant"] == "int8" and row["purpose"] == "accuracy")["reference_max_abs"]


def _differing(run: Path) -> dict[str, tuple[str, str]]:
    """Status and message by model and delegate, of accuracy trials."""
    return {
        f"{one.trial.model.label} {one.trial.delegate.name}": (str(one.status), one.message or "")
        for one in load_run(run).results
        if one.trial.purpose == "accuracy"
    }


def test_faults_in_a_variant_are_found_by_its_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_of_shipped(tmp_path / "weight.tflite")
    data = bytearray((tmp_path / "weight.tflite").read_bytes())
    weights = np.frombuffer(data, np.float32, count=len(data) // 4)
    place = next(i for i in range(len(weights) // 2, len(weights)) if 0.01 < abs(weights[i]) < 1)
    data[4 * place : 4 * place + 4] = np.float32(1e6).tobytes()
    (tmp_path / "spoiled.tflite").write_bytes(bytes(data))
    crossed_orders(tmp_path / "outputs.tflite")
    quantized(tmp_path / "zero.tflite")
    converts_to(
        monkeypatch,
        {
            **{f"{name} fp32": tmp_path / f"{name}.tflite" for name in ("weight", "outputs", "zero", "same")},
            "same int8": copy_of_shipped(tmp_path / "same.tflite"),
            "weight int8": tmp_path / "spoiled.tflite",
            "outputs int8": with_swapped_outputs(tmp_path / "swapped.tflite"),
            "zero int8": quantized(tmp_path / "wrong.tflite", zero_point=120),
        },
    )
    sources = "".join(
        f"  - {{source: {name}.tflite, variants: [fp32, int8]}}\n" for name in ("weight", "outputs", "zero", "same")
    )
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        f"suite: faults\nmodels:\n{sources}delegates: [cpu]\npurposes: [accuracy]\naccuracy: {{samples: 2}}\n"
        f"order: {{seed: 1}}\n{QUICK}",
        encoding="utf-8",
    )
    done = harness("run", suite, "--device", "virtual:1", "--out", tmp_path / "run")
    no_traceback(done)
    assert done.returncode == 1
    found = _differing(tmp_path / "run")
    assert {name for name, (status, _) in found.items() if status == "invalid"} == {
        "weight, int8 cpu",
        "outputs, int8 cpu",
        "zero, int8 cpu",
    }
    assert "from fp32, the limit is 0.2" in found["weight, int8 cpu"][1]
    identical = next(one for one in load_run(tmp_path / "run").results if one.trial.model.label == "same, int8")
    assert identical.accuracy is not None
    assert identical.accuracy.reference is not None
    assert (identical.accuracy.reference.max_abs, identical.accuracy.reference.equal) == (0.0, True)


def test_a_gpu_in_half_precision_that_overflows_is_marked_wherever_it_is_compared(tmp_path: Path) -> None:
    large_activations(tmp_path / "large.tflite")
    extra = (
        "delegates: [gpu, xnnpack]\npurposes: [latency, accuracy]\nprocesses: 5\naccuracy: {samples: 2}\n"
        "baseline: {delegate: xnnpack}\norder: {seed: 1}\n"
    )
    suite = write_suite(tmp_path, ["large.tflite"], extra)
    done = harness("run", suite, "--device", "virtual:virtual-fp16", "--out", tmp_path / "run")
    no_traceback(done)
    assert done.returncode == 1
    found = _differing(tmp_path / "run")
    assert found["large xnnpack"][0] == "ok"
    assert found["large gpu"][0] == "invalid"
    assert "NaN or infinite" in found["large gpu"][1]
    run = load_run(tmp_path / "run")
    latencies = [one for one in run.results if one.trial.purpose == "latency" and one.trial.delegate.name == "gpu"]
    assert [(str(one.status), one.synthetic) for one in latencies] == [("ok", True)] * 5
    assert "output differs" in done.stdout
    assert "output differs" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    sides = [f"{tmp_path}/run@delegate=xnnpack", f"{tmp_path}/run@delegate=gpu"]
    assert "output differs" in harness("compare", *sides).stdout
    assert "output differs" in harness("compare", *sides, "--format", "markdown").stdout
    (one,) = json.loads(harness("compare", *sides, "--json").stdout)["comparisons"]
    assert (one["output_differs"], one["base"]["output_differs"], one["head"]["output_differs"]) == (True, False, True)
    gpu = f"{tmp_path}/run@delegate=gpu"
    held = harness("compare", gpu, gpu.replace("run@", "run/@"), "--by", "threads", "--gate", "50%")
    assert "output differs" in held.stdout + held.stderr or held.returncode == 2


def test_a_run_that_broke_off_goes_on_with_the_same_inputs(tmp_path: Path) -> None:
    extra = "purposes: [accuracy]\ndelegates: [cpu, xnnpack]\naccuracy: {samples: 2}\n"
    suite = write_suite(tmp_path, [shipped("cnn_fp32.tflite")], extra)
    harness("run", suite, "--device", "virtual:1", "--out", tmp_path / "run")
    file = tmp_path / "run" / "trials.jsonl"
    first, last = file.read_text(encoding="utf-8").splitlines()
    file.write_text(first + "\n", encoding="utf-8")
    done = harness("run", "--resume", tmp_path / "run")
    no_traceback(done)
    assert done.returncode == 0, done.stderr
    again = load_run(tmp_path / "run").results[1]
    before = json.loads(last)
    assert again.trial.trial_id == before["trial"]["trial_id"]
    assert again.accuracy is not None
    assert again.accuracy.inputs == before["accuracy"]["inputs"]
    assert again.accuracy.output.max_abs == before["accuracy"]["output"]["max_abs"]


def test_a_played_back_delegate_has_no_outputs(tmp_path: Path) -> None:
    suite = write_suite(
        tmp_path, [shipped("cnn_fp32.tflite")], "delegates: [gpu]\npurposes: [accuracy]\naccuracy: {samples: 1}\n"
    )
    harness("run", suite, "--device", "virtual:virtual-midrange", "--out", tmp_path / "run")
    (one,) = load_run(tmp_path / "run").results
    assert (one.status, one.accuracy) == (Status.SKIPPED, None)
    assert "a played-back process has no outputs" in (one.message or "")
