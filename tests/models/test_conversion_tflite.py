"""Sources that are .tflite files: nothing here needs TensorFlow."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from harness.errors import SetupError, UsageError
from harness.models.conversion import ConversionRequest, convert_source
from harness.models.converter_python import find_converter_python
from harness.models.source_kind import source_hash
from harness.records.variants import ConvertedModel
from tests.model_files import copy_of_shipped, shipped
from tests.models.test_source_kind import exported_program, keras_file, onnx_model


def converted(source: Path, *variants: str, out: Path | None = None, **more: object) -> tuple[ConvertedModel, ...]:
    request = ConversionRequest(source=source, name=source.name, variants=variants, **more)  # type: ignore[arg-type]
    return convert_source(request, out=out)


def test_a_float_model_is_its_own_fp32(tmp_path: Path) -> None:
    source = copy_of_shipped(tmp_path / "m.tflite")
    (row,) = converted(source, "fp32")
    assert (row.status, row.converter, row.path, row.quantized_ops) == ("ok", "none", str(source), 0)
    assert row.sha256 == row.source_sha256 == source_hash(source)
    assert row.zipped_bytes is not None
    assert row.size_bytes == source.stat().st_size > row.zipped_bytes > 1000
    (row,) = converted(source, "fp32", out=tmp_path / "models")
    assert row.path == str(tmp_path / "models" / "m_fp32.tflite")
    assert source_hash(Path(row.path)) == row.sha256
    assert sorted(one.name for one in tmp_path.iterdir()) == ["m.tflite", "models"], "nothing else beside the source"


def test_tensorflows_variants_of_it_fail_with_the_quantizers_name() -> None:
    rows = converted(shipped("cnn_fp32.tflite"), "int8", "dynamic", "fp32")
    assert [row.status for row in rows] == ["failed", "failed", "ok"]
    assert "litert-quantizer makes static_wi8_ai8 of it" in str(rows[0].message)
    assert "litert-quantizer makes dynamic_wi8 of it" in str(rows[1].message)


def test_a_quantised_model_has_no_fp32() -> None:
    (row,) = converted(shipped("cnn_int8.tflite"), "fp32")
    assert row.status == "failed"
    assert "already quantised" in str(row.message)


def test_mistakes_that_concern_all_variants_are_raised(tmp_path: Path) -> None:
    model = shipped("cnn_fp32.tflite")
    np.savez(tmp_path / "empty.npz", image=np.zeros((0, 64, 64, 3)))
    for more, said in (
        ({"variants": ("int7",)}, "no variant 'int7'"),
        ({"variants": ()}, "no variant of"),
        ({"source": tmp_path / "missing"}, "cannot be read"),
        ({"calibration": tmp_path / "missing.npz"}, "cannot be read"),
        ({"calibration": tmp_path / "empty.npz"}, "holds no sample"),
        ({"batch": 0}, "at least 1"),
        ({"inputs": {"image": (1, 0)}}, "at least 1"),
    ):
        with pytest.raises(UsageError, match=said):
            convert_source(ConversionRequest(**{"source": model, "name": "m", **more}))  # type: ignore[arg-type]


def test_a_missing_extra_is_one_line_with_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A Python without site-packages, as a new environment has none of the converters.
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n')
    bare.chmod(0o755)
    monkeypatch.setenv("HARNESS_MODELS_PYTHON", str(bare))
    with pytest.raises(SetupError, match="needs TensorFlow") as caught:
        converted(keras_file(tmp_path / "m.keras"), "fp32")
    assert caught.value.remedy == "pip install 'litert-device-harness[models]'"
    with pytest.raises(SetupError, match="needs litert-torch") as caught:
        converted(exported_program(tmp_path / "m.pt2"), "fp32")
    assert caught.value.remedy == "pip install 'litert-device-harness[torch]'"
    with pytest.raises(SetupError, match="needs onnx2tf") as caught:
        converted(onnx_model(tmp_path / "m.onnx"), "fp32")
    assert "pip install onnx2tf" in str(caught.value.remedy)
    with pytest.raises(SetupError, match="dynamic_wi8 needs litert-quantizer") as caught:
        converted(shipped("cnn_fp32.tflite"), "dynamic_wi8")
    assert caught.value.remedy == "pip install 'litert-device-harness[quantize]'"
    monkeypatch.setenv("HARNESS_MODELS_PYTHON", str(tmp_path / "none"))
    with pytest.raises(SetupError, match="cannot start"):
        converted(shipped("cnn_fp32.tflite"), "dynamic_wi8")


def test_of_several_pythons_the_first_with_the_converter_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = []
    for name, holds in (("plain", {}), ("torch", {"litert_torch": "0.10.0"}), ("both", {"litert_torch": "9"})):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho '{json.dumps({'python': [3, 11, 7], **holds})}'\n")
        program.chmod(0o755)
        programs.append(str(program))
    monkeypatch.setenv("HARNESS_MODELS_PYTHON", os.pathsep.join(programs))
    assert find_converter_python("litert_torch").program == programs[1]
    assert find_converter_python().program == programs[0]
    assert find_converter_python("onnx2tf").program == programs[0]


def test_the_quantizers_variants(quantizer_python: Path, tmp_path: Path) -> None:
    images = np.random.default_rng(0).random((12, 64, 64, 3), dtype=np.float32)
    np.savez(tmp_path / "cal.npz", image=images)
    variants = ("dynamic_wi8", "static_wi8_ai8", "dynamic_wi4", "weight_only_wi4")
    model = copy_of_shipped(tmp_path / "m.tflite")
    told: list[str] = []
    request = ConversionRequest(source=model, name="m", variants=variants, calibration=tmp_path / "cal.npz")
    rows = convert_source(request, told=told.append)
    assert [(row.variant, row.status) for row in rows] == [(variant, "ok") for variant in variants]
    full = model.stat().st_size
    for row, most, least_db in zip(rows, (0.35, 0.35, 0.25, 0.25), (20, 10, 5, 5), strict=True):
        assert row.size_bytes is not None
        assert row.size_bytes < most * full, row.variant
        assert row.quantized_ops
        assert row.snr_db is not None
        assert row.snr_db > least_db, row.variant
        assert row.converter.startswith("litert-quantizer ")
        assert (row.calibration_sha256 is None) == (row.variant != "static_wi8_ai8")
    assert any("making dynamic_wi8" in line for line in told)
    told.clear()
    assert convert_source(request, told=told.append) == rows, "the second time everything is kept"
    assert told == []


def test_static_quantisation_asks_for_samples_by_their_names(quantizer_python: Path, tmp_path: Path) -> None:
    model = shipped("cnn_fp32.tflite")
    (row,) = converted(model, "static_wi8_ai8")
    assert (row.status, row.path) == ("failed", None)
    assert "needs samples" in str(row.message)
    np.savez(tmp_path / "cal.npz", picture=np.zeros((1, 64, 64, 3)))
    with pytest.raises(UsageError, match="no samples for the input 'image'"):
        converted(model, "static_wi8_ai8", calibration=tmp_path / "cal.npz")
    (row,) = converted(without_signature(tmp_path / "plain.tflite"), "static_wi8_ai8", calibration=tmp_path / "own.npz")
    assert row.status == "ok", row.message
    (row,) = converted(shipped("cnn_int8.tflite"), "dynamic_wi8")
    assert "already quantised" in str(row.message)


def without_signature(path: Path) -> Path:
    """The shipped model as older converters wrote it; `own.npz` beside it has samples by the tensor's own name."""
    model = schema.ModelT.InitFromPackedBuf(shipped("cnn_fp32.tflite").read_bytes())
    model.signatureDefs = None
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(builder.Output())
    own: dict[str, Any] = {"serving_default_image:0": np.random.default_rng(0).random((8, 64, 64, 3))}
    np.savez(path.with_name("own.npz"), **own)
    return path
