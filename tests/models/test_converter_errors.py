"""Texts of TensorFlow 2.21 and litert-quantizer 0.11, shortened."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.models.converter_errors import explained, explained_death
from harness.models.worker_process import WorkerDied
from harness.records.causes import Cause

FLEX = """Could not translate MLIR to FlatBuffer. <unknown>:0: error: loc(callsite("MatrixInverse@__x")): 'tf.MatrixInverse' op is \
neither a custom op nor a flex op
<unknown>:0: error: failed while converting: 'main':
Some ops are not supported by the native TFLite runtime, you can enable TF kernels fallback using TF Select. See instructions: https://x
TF Select ops: MatrixInverse, StringSplit
Details:
\ttf.MatrixInverse(tensor<1x4x4xf32>) -> (tensor<1x4x4xf32>) : {adjoint = false}
"""
CUSTOM = FLEX.replace("TF Select ops: MatrixInverse, StringSplit", "Custom ops: CollectiveReduceV2")


@pytest.mark.parametrize(
    ("text", "said", "remedy"),
    [
        (FLEX, "TensorFlow Lite does not have the ops MatrixInverse, StringSplit", "--select-tf-ops"),
        (CUSTOM, "no kernel for CollectiveReduceV2", "other ops"),
        ("x\nerror: 'tf.TensorListReserve' op requires element_shape to be static", "open dimension", "--shape"),
        ("Tensor data is null. Run allocate_tensors() first", "litert-quantizer cannot calibrate loops", "dynamic_wi8"),
        (
            "tensorflow/lite/kernels/depthwise_conv.cc:1 no_integer_overflow_from_quantization was not true."
            "Node number 1 (DEPTHWISE_CONV_2D) failed to prepare.",
            "the scales of DEPTHWISE_CONV_2D overflow int16x8",
            "int8",
        ),
        (
            "Quantization to 16x8-bit not yet supported for op: 'SQUARED_DIFFERENCE'.",
            "SQUARED_DIFFERENCE cannot be quantised to int16x8",
            "int8",
        ),
    ],
)
def test_the_op_and_the_remedy_are_found(text: str, said: str, remedy: str) -> None:
    error = explained("ConverterError", text, variant="int8", select_tf_ops=False)
    assert said in error.message
    assert remedy in str(error.remedy)
    assert "\n" not in str(error)


def test_an_unknown_text_becomes_one_short_line() -> None:
    error = explained("ValueError", "\n\n  first\x1b[31m line\n" + "x" * 50_000, variant="fp32", select_tf_ops=False)
    assert error.message == "first [31m line"
    assert len(explained("ValueError", "y" * 50_000, variant="fp32", select_tf_ops=False).message) == 240
    assert explained("KeyError", "", variant="fp32", select_tf_ops=False).message == "KeyError"


def died(name: str) -> WorkerDied:
    return WorkerDied(f"making int8 ended with {name}", signal_name=name, log=Path("a.log"), cause=Cause.CRASHED)


def test_a_death_names_the_recurrent_layer_only_where_one_is_to_blame() -> None:
    said = explained_death(died("SIGSEGV"), variant="int8", loops=True, recurrent=["memory"])
    assert "ended with SIGSEGV" in said.message
    assert "'memory'" in said.message
    assert "`dynamic`" in str(said.remedy)
    assert "recurrent" not in explained_death(died("SIGSEGV"), variant="int8", loops=False, recurrent=()).message
    assert "recurrent" not in explained_death(died("SIGSEGV"), variant="fp32", loops=True, recurrent=()).message
    assert "out of memory" in explained_death(died("SIGKILL"), variant="int8", loops=True, recurrent=()).message
