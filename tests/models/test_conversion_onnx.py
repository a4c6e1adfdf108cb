"""Sources in ONNX, where onnx2tf is installed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from harness.errors import UsageError
from harness.models.host_run import run_on_host
from tests.models.test_conversion_tflite import converted

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="session")
def graphs(onnx_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("onnx")
    script = Path(__file__).with_name("make_onnx_sources.py")
    made = subprocess.run([onnx_python, script, folder], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr[-2000:]
    return folder


def test_a_classifier_becomes_variants_of_both_converters(graphs: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "cal.npz", image=np.random.default_rng(0).random((12, 3, 32, 32)))
    rows = converted(graphs / "classifier.onnx", "fp32", "int8", "dynamic_wi8", calibration=tmp_path / "cal.npz")
    assert [row.status for row in rows] == ["ok"] * 3, [row.message for row in rows]
    full, int8, dynamic = rows
    assert full.converter.startswith("onnx2tf ")
    assert ", tensorflow " in full.converter
    assert full.snr_db is not None
    assert full.snr_db > 100
    assert max(int8.size_bytes or 0, dynamic.size_bytes or 0) < 0.4 * (full.size_bytes or 0)
    run = run_on_host(Path(str(full.path)), None, signature="serving_default")
    assert [(one.name, one.shape) for one in run.inputs] == [("image", (1, 3, 32, 32))], "channels stay where they were"


def test_layouts_that_no_shape_tells_are_those_of_the_source(graphs: Path) -> None:
    (row,) = converted(graphs / "cube.onnx", "fp32")
    assert row.status == "ok", row.message
    assert row.snr_db is not None
    assert row.snr_db > 100
    run = run_on_host(Path(str(row.path)), None, signature="serving_default")
    assert {one.name for one in run.inputs} == {"input_1", "ids"}
    assert {one.name for one in run.outputs} == {"t495", "out_0"}


def test_outputs_that_only_their_layout_tells_apart(graphs: Path) -> None:
    (row,) = converted(graphs / "both_layouts.onnx", "fp32")
    assert row.status == "ok", row.message
    run = run_on_host(Path(str(row.path)), None, signature="serving_default")
    assert {one.name: one.shape for one in run.outputs} == {"last": (1, 12, 10, 6), "first": (1, 6, 12, 10)}


def test_images_with_channels_last_need_no_network(graphs: Path) -> None:
    (row,) = converted(graphs / "channels_last.onnx", "fp32")
    assert row.status == "ok", row.message


def test_mistakes_and_failures_are_one_line(graphs: Path) -> None:
    with pytest.raises(UsageError, match="open dimensions"):
        converted(graphs / "open.onnx", "fp32")
    with pytest.raises(UsageError, match="no signature 'other'"):
        converted(graphs / "open.onnx", "fp32", signature="other")
    (row,) = converted(graphs / "open.onnx", "fp32", inputs={"x": (1, 7, 4)})
    assert row.status == "ok", row.message
    for name, said in (
        ("cut.onnx", "no whole ONNX model"),
        ("refused.onnx", "onnx2tf cannot convert 'up': "),
        ("apart.onnx", "has its weights in 'apart.data'"),
        ("no_converter.onnx", "TensorFlow Lite does not have the op"),
    ):
        (row,) = converted(graphs / name, "fp32")
        assert row.status == "failed"
        assert said in str(row.message)
        assert "\n" not in str(row.message)
        assert row.log is not None
        assert Path(row.log).is_file()
