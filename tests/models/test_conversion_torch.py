"""Sources of PyTorch (.pt2), where litert-torch is installed."""

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
def programs(torch_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("torch")
    script = Path(__file__).with_name("make_torch_sources.py")
    made = subprocess.run([torch_python, script, folder], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr[-2000:]
    return folder


def test_a_classifier_keeps_names_and_takes_a_calibration(programs: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "cal.npz", image=np.random.default_rng(0).random((12, 3, 32, 32)))
    rows = converted(
        programs / "classifier.pt2", "fp32", "dynamic_wi8", "static_wi8_ai8", "int8", calibration=tmp_path / "cal.npz"
    )
    assert [row.status for row in rows] == ["ok", "ok", "ok", "failed"], [row.message for row in rows]
    full, dynamic, static, int8 = rows
    assert full.converter.startswith("litert-torch ")
    assert full.snr_db is not None
    assert full.snr_db > 100
    assert max(dynamic.size_bytes or 0, static.size_bytes or 0) < 0.4 * (full.size_bytes or 0)
    assert "litert-quantizer makes static_wi8_ai8 of it" in str(int8.message)
    run = run_on_host(Path(str(full.path)), None, signature="serving_default")
    assert [(one.name, one.shape) for one in run.inputs] == [("image", (1, 3, 32, 32))], "the open batch is fixed"
    assert {one.name for one in run.outputs} == {"probs", "map"}


def test_two_inputs_by_position_and_by_name(programs: Path) -> None:
    (row,) = converted(programs / "two_inputs.pt2", "fp32")
    assert row.status == "ok", row.message
    run = run_on_host(Path(str(row.path)), None, signature="serving_default")
    assert {one.name: (one.dtype, one.shape) for one in run.inputs} == {
        "ids": ("int32", (1, 7)),
        "scale": ("float32", (1,)),
    }
    assert {one.name for one in run.outputs} == {"output_0", "output_1"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no_converter.pt2", "litert-torch cannot convert it: Lowering not found: aten.linalg_eig"),
        ("damaged.pt2", "cannot load it: "),
        ("code.pt2", "cannot load it: "),
    ],
)
def test_what_fails_is_a_row_with_one_line_and_a_log(name: str, said: str, programs: Path) -> None:
    (row,) = converted(programs / name, "fp32")
    assert row.status == "failed"
    assert said in str(row.message)
    assert "\n" not in str(row.message)
    assert row.log is not None
    assert Path(row.log).is_file()
    assert not (programs / "it_ran").exists(), "code of a file has run"


def test_mistakes_are_named(programs: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "cal.npz", picture=np.zeros((1, 3, 32, 32)))
    with pytest.raises(UsageError, match="no samples for the input 'image'"):
        converted(programs / "classifier.pt2", "fp32", calibration=tmp_path / "cal.npz")
    with pytest.raises(UsageError, match="no signature 'other'"):
        converted(programs / "classifier.pt2", "fp32", signature="other")
    with pytest.raises(UsageError, match="cut short or damaged"):
        converted(programs / "cut.pt2", "fp32")
