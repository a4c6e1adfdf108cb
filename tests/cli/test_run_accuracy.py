"""Purpose `accuracy` on virtual devices: given inputs, outputs taken back, and what happens where they differ."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from harness.records import Status
from harness.runs.run_store import load_run
from tests.cli.converted import converts_to
from tests.cli.running import QUICK, harness, no_traceback, write_suite
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
    np.savez(tmp_path / "test.npz", image=images, label=np.zeros(20, np.int64))
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
