"""`harness models convert` with .tflite sources, which need no TensorFlow. Conversions: tests/models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.records.variants import VARIANTS
from tests.in_process import harness
from tests.model_files import copy_of_shipped, shipped, text
from tests.models.test_source_kind import keras_file


def test_the_help_names_variants_and_has_examples() -> None:
    done = harness("models", "convert", "--help")
    assert done.returncode == 0
    words = " ".join(done.stdout.split())
    assert all(variant in words for variant in VARIANTS)
    assert "harness models convert digits.keras" in words
    assert "convert" in harness("models", "--help").stdout


def test_the_document_has_a_row_for_each_variant(tmp_path: Path) -> None:
    source = copy_of_shipped(tmp_path / "m.tflite")
    done = harness("models", "convert", source, "--variant", "fp32", "--variant", "int8,fp32", "--json")
    assert done.returncode == 1, "one of them failed"
    rows = json.loads(done.stdout)["models"]
    assert [(row["variant"], row["status"]) for row in rows] == [("fp32", "ok"), ("int8", "failed")]
    assert {"source", "source_sha256", "path", "sha256", "size_bytes", "converter", "message", "log"} <= set(rows[0])
    assert rows[0]["path"] == rows[0]["source"] == str(source)
    assert rows[1]["path"] is None


@pytest.mark.parametrize("columns", ["40", "200"])
def test_the_table_shows_sizes_and_reasons(columns: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    source = copy_of_shipped(tmp_path / "m.tflite")
    done = harness("models", "convert", source, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert f"{source.stat().st_size:,}" in done.stdout or columns == "40"
    assert f"fp32: {tmp_path / 'out' / 'm_fp32.tflite'}\n" in done.stdout
    assert (tmp_path / "out" / "m_fp32.tflite").read_bytes() == source.read_bytes()
    done = harness("models", "convert", source, shipped("cnn_int8.tflite"))
    assert done.returncode == 1
    assert "fp32 failed: the .tflite is already quantised (12 of 12 ops)" in done.stdout
    assert f"\n{shipped('cnn_int8.tflite')}\n" in done.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--variant", "int7"], "there is no variant 'int7'"),
        (["--shape", "image=1xAx3"], "--shape image=1xAx3: not a shape"),
        (["--batch", "0"], "'--batch'"),
        (["--calibration", "missing.npz"], "missing.npz cannot be read"),
    ],
)
def test_a_wrong_request_ends_with_2(options: list[str], said: str) -> None:
    done = harness("models", "convert", shipped("cnn_fp32.tflite"), *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_a_wrong_source_is_found_before_any_is_converted(tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = harness("models", "convert", shipped("cnn_fp32.tflite"), text(tmp_path / "page.keras"), "-o", out)
    assert done.returncode == 2
    assert "page.keras cannot be converted: it is an HTML page" in done.stderr
    assert not out.exists()


def test_two_sources_never_share_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    sources = [copy_of_shipped(tmp_path / "m.tflite"), copy_of_shipped(tmp_path / "a" / "m.tflite")]
    done = harness("models", "convert", *sources, "-o", tmp_path / "out")
    assert done.returncode == 2
    assert "would both become m_VARIANT.tflite" in done.stderr


def test_a_missing_extra_ends_with_3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_MODELS_PYTHON", "/bin/false")
    done = harness("models", "convert", keras_file(tmp_path / "m.keras"))
    assert (done.returncode, done.stdout) == (3, "")
    assert "/bin/false is not a working Python" in done.stderr
