"""What LiteRT really does here with a model is `tried`; what is only expected of other delegates stands apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import ModelFailed
from harness.models.findings import Finding
from harness.models.inspection import inspect
from harness.models.rules_of_thumb import rules_for
from tests import model_files
from tests.litert_host import models

SOURCES = Path(__file__).parents[2] / "docs" / "models.md"


def of(findings: tuple[Finding, ...], delegate: str, *, tried: bool) -> list[Finding]:
    return [one for one in findings if one.delegate == delegate and one.tried is tried]


def test_what_xnnpack_takes_is_tried_here(tmp_path: Path) -> None:
    found = inspect(models.partly_delegated(tmp_path / "m.tflite")).findings
    (cpu,) = of(found, "cpu", tried=True)
    assert "allocates it here" in cpu.message
    whole, *left = of(found, "xnnpack", tried=True)
    assert "2 of 5 nodes, in 2 partitions" in whole.message
    assert [(one.op, one.message.partition(" stay")[0]) for one in left] == [
        ("CAST", "2 of 2"),
        ("RIGHT_SHIFT", "1 of 1"),
    ]
    (gpu,) = [one for one in of(found, "gpu", tried=False) if one.op is not None]
    assert (gpu.op, gpu.severity) == ("RIGHT_SHIFT", "warning")


def test_a_model_that_xnnpack_takes_whole() -> None:
    found = inspect(model_files.shipped("cnn_fp32.tflite")).findings
    (one,) = of(found, "xnnpack", tried=True)
    assert (one.severity, one.message) == ("info", "XNNPACK takes all nodes (12), in 1 partition")


def test_a_select_tf_op_is_an_error_with_the_way_to_run_it(tmp_path: Path) -> None:
    path = models.unknown_op(tmp_path / "m.tflite", "FlexErf")
    (error,) = [one for one in inspect(path).findings if one.severity == "error"]
    assert (error.delegate, error.op, error.tried, error.remedy) == (
        "all",
        "FlexErf",
        True,
        "build one: harness build --flex",
    )
    (read,) = [one for one in inspect(path, try_here=False).findings if one.severity == "error"]
    assert (read.op, read.tried) == ("FlexErf", False)


def test_a_custom_op_that_nobody_has(tmp_path: Path) -> None:
    (error,) = [
        one
        for one in inspect(model_files.unresolved_custom_op(tmp_path / "m.tflite")).findings
        if one.severity == "error"
    ]
    assert (error.op, error.tried) == (model_files.UNRESOLVED_OP, True)
    assert "register it in the binary" in (error.remedy or "")


def test_an_open_size_is_expected_to_matter_and_says_what_to_do(tmp_path: Path) -> None:
    found = inspect(models.dynamic_batch(tmp_path / "m.tflite"), try_here=False).findings
    told = {one.delegate: one for one in found if "open size" in one.message}
    assert set(told) == {"gpu", "nnapi", "npu", "external"}
    assert all(not one.tried and "fixed batch" in (one.remedy or "") for one in told.values())


def test_what_a_gpu_makes_of_types(tmp_path: Path) -> None:
    quantised = of(inspect(models.quantized(tmp_path / "q.tflite"), try_here=False).findings, "gpu", tried=False)
    assert any("quantised ops run as floats" in one.message for one in quantised)
    whole = of(
        inspect(models.data_dependent_output(tmp_path / "w.tflite"), try_here=False).findings, "gpu", tried=False
    )
    assert any("1 int64" in one.message for one in whole)


def test_every_rule_of_thumb_names_its_source_which_the_page_explains(tmp_path: Path) -> None:
    page = SOURCES.read_text(encoding="utf-8")
    makers = (
        models.dynamic_batch,
        models.quantized,
        models.data_dependent_output,
        models.unknown_op,
        models.partly_delegated,
    )
    found = [one for make in makers for one in rules_for(inspect(make(tmp_path / "m.tflite"), try_here=False).contents)]
    assert len({one.source for one in found}) > 6
    for one in found:
        assert not one.tried
        assert f"`{one.source}`" in page


def test_what_only_litert_sees_as_damaged_is_damaged(tmp_path: Path) -> None:
    path = models.two_signatures(tmp_path / "m.tflite")
    whole = path.read_bytes()
    at = whole.index(b"StatefulPartitionedCall:0\0") + len(b"StatefulPartitionedCall:0")
    path.write_bytes(whole[:at] + b"!" + whole[at + 1 :])  # a text must end with a zero byte
    assert inspect(path, try_here=False).contents.outputs
    with pytest.raises(ModelFailed, match="is damaged: LiteRT does not accept it"):
        inspect(path)
