"""Suites whose models are converted from a source: variants in the run, in exports, selections and comparisons."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from harness.models.host_run import run_on_host
from harness.runs.run_store import load_run
from harness.virtual.farm import VirtualFarm
from tests.cli.converted import converts_to
from tests.cli.running import QUICK, harness, no_traceback
from tests.model_files import copy_of_shipped, shipped

_SUITE = f"""suite: variants
models:
  - source: digits.tflite
    variants: [fp32, int8, dynamic]
delegates: [cpu]
processes: 2
baseline: {{variant: fp32}}
{QUICK}"""


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    source = copy_of_shipped(tmp_path / "digits.tflite")
    converts_to(
        monkeypatch, {"fp32": source, "int8": shipped("cnn_int8.tflite"), "dynamic": "op FOO has no such variant"}
    )
    file = tmp_path / "suite.yaml"
    file.write_text(_SUITE, encoding="utf-8")
    return file


def test_variants_of_a_source_are_cells_of_one_model(suite: Path) -> None:
    folder = suite.parent
    done = harness("run", suite, "--device", "virtual:1", "--out", folder / "run", "--junit", folder / "junit.xml")
    no_traceback(done)
    # A variant that does not exist is told everywhere, and the others go on.
    missing = "dynamic of digits.tflite does not exist: op FOO has no such variant"
    assert done.returncode == 1
    assert missing in done.stderr
    assert missing in " ".join(done.stdout.split())
    assert missing in (folder / "run" / "report.html").read_text(encoding="utf-8")
    assert "digits, int8" in done.stdout
    assert "op FOO has no such variant" in (folder / "junit.xml").read_text(encoding="utf-8")
    run = load_run(folder / "run")
    assert [one.status for one in run.manifest.conversions] == ["ok", "ok", "failed"]
    assert {(one.trial.model.name, one.trial.model.variant) for one in run.results} == {
        ("digits", "fp32"),
        ("digits", "int8"),
    }

    exported = harness("export", folder / "run", "--table", "trials", "--format", "csv").stdout
    rows = list(csv.DictReader(exported.splitlines()))
    assert {row["variant"] for row in rows} == {"fp32", "int8"}
    sizes = {row["variant"]: int(row["model_size_bytes"]) for row in rows}
    assert sizes == {
        "fp32": shipped("cnn_fp32.tflite").stat().st_size,
        "int8": shipped("cnn_int8.tflite").stat().st_size,
    }
    assert {row["source"] for row in rows} == {"digits.tflite"}
    assert len({row["source_sha256"] for row in rows}) == 1

    compared = json.loads(
        harness("compare", f"{folder}/run@variant=fp32", f"{folder}/run@variant=int8", "--json").stdout
    )
    (one,) = compared["comparisons"]
    assert (one["model"], one["variant"], one["base"]["cell"]["variant"]) == ("digits", "int8", "fp32")
    assert not [note for note in one["unlike"] if note == "model"]
    by = json.loads(
        harness("compare", f"{folder}/run@variant=fp32", f"{folder}/run", "--by", "variant", "--json").stdout
    )
    assert [one["variant"] for one in by["comparisons"]] == ["int8"]


def test_a_dry_run_lists_the_variants_and_converts_nothing(suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = converts_to(monkeypatch, {})
    done = harness("run", suite, "--device", "virtual:1", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "digits.tflite is converted first, to fp32, int8, dynamic" in done.stdout
    assert "digits, dynamic" in done.stdout
    document = json.loads(harness("run", suite, "--device", "virtual:1", "--dry-run", "--json").stdout)
    assert {trial["variant"] for trial in document["trials"]} == {"fp32", "int8", "dynamic"}
    assert not asked


def test_the_trials_of_a_dry_run_have_the_ids_of_the_run(suite: Path) -> None:
    with VirtualFarm(["virtual-flagship"]) as farm:  # one device for both, since its serial is part of an id
        device, port = ("--device", farm.serials[0]), {"ANDROID_ADB_SERVER_PORT": str(farm.adb_port)}
        document = json.loads(harness("run", suite, *device, "--dry-run", "--json", env=port).stdout)
        harness("run", suite, *device, "--out", suite.parent / "run", env=port)
    planned = {trial["trial_id"] for trial in document["trials"] if trial["variant"] != "dynamic"}
    assert {one.trial.trial_id.split("-")[0] for one in load_run(suite.parent / "run").results} == planned


def test_a_run_of_which_no_variant_exists_is_none(suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    converts_to(monkeypatch, dict.fromkeys(("fp32", "int8", "dynamic"), "no such layer: Foo"))
    done = harness("run", suite, "--device", "virtual:1", "--out", suite.parent / "run")
    assert done.returncode == 1
    assert "no such layer: Foo" in done.stderr
    assert not (suite.parent / "run").exists()


def test_labelled_data_give_the_accuracy_of_each_variant(suite: Path) -> None:
    folder = suite.parent
    random = np.random.default_rng(3)
    images = random.uniform(-1, 1, (12, 64, 64, 3)).astype(np.float32)
    right = run_on_host(folder / "digits.tflite", {"image": images}).values
    (scores,) = right.values()
    labels = scores.reshape(12, -1).argmax(axis=1)
    labels[:3] = (labels[:3] + 1) % 10  # so fp32 is right in 9 of 12
    np.savez(folder / "test.npz", image=images, label=labels)
    evaluate = "    evaluate: {data: test.npz, labels: label, metric: top1}\n"
    text = _SUITE.replace("variants: [fp32, int8, dynamic]\n", "variants: [fp32, int8]\n" + evaluate)
    suite.write_text(text, encoding="utf-8")
    done = harness("run", suite, "--device", "virtual:1", "--out", folder / "run")
    assert done.returncode == 0, done.stderr
    rows = {one.variant: one for one in load_run(folder / "run").manifest.task_accuracy}
    assert (rows["fp32"].value, rows["fp32"].n, rows["fp32"].against) == (0.75, 12, None)
    # Clopper and Pearson's interval of 9 of 12, from published tables.
    assert (rows["fp32"].ci_low, rows["fp32"].ci_high) == pytest.approx((0.428, 0.945), abs=5e-4)
    assert rows["int8"].against == "fp32"
    assert rows["int8"].p_value is not None
    assert "Which variant?" in (folder / "run" / "report.html").read_text(encoding="utf-8")

    np.savez(folder / "test.npz", image=images, label=labels[:5])
    done = harness("run", suite, "--device", "virtual:1", "--out", folder / "second")
    assert done.returncode == 2
    assert "suite.yaml:5: models[0].evaluate: there are 5 labels for 12 samples" in done.stderr
