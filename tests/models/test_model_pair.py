"""Two models held against each other: faults that were put in on purpose are seen, and equal files have no error at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from harness.errors import ModelFailed, UsageError
from harness.models.layer_errors import layer_errors, plain_name
from harness.models.model_pair import output_errors, pair_of, run_pair
from harness.models.output_error import OutputError
from harness.records.causes import Cause
from tests.litert_host import models
from tests.model_files import shipped

RNG = np.random.default_rng(5)
SAMPLES = RNG.uniform(-1, 1, (6, 1, 4)).astype(np.float32)
FIRST = RNG.normal(0, 1, (5, 4)).astype(np.float32)
SECOND = RNG.normal(0, 1, (3, 5)).astype(np.float32)


def dense(
    path: Path,
    *,
    first: NDArray[Any] = FIRST,
    second: NDArray[Any] = SECOND,
    names: tuple[str, str] = ("hidden", "scores"),
    swapped: bool = False,
    prefix: str = "",
) -> Path:
    """x -> FULLY_CONNECTED -> hidden -> FULLY_CONNECTED -> scores, with both as outputs."""
    writer = models.ModelWriter()
    graph = writer.graph()
    x = writer.tensor(graph, f"{prefix}x", (1, 4))
    w, v = writer.tensor(graph, "w", first.shape, data=first), writer.tensor(graph, "v", second.shape, data=second)
    hidden = writer.tensor(graph, f"{prefix}first/MatMul", (1, 5))
    scores = writer.tensor(graph, f"{prefix}second/MatMul", (1, 3))
    writer.op(graph, "FULLY_CONNECTED", [x, w, -1], [hidden], schema.FullyConnectedOptionsT())
    writer.op(graph, "FULLY_CONNECTED", [hidden, v, -1], [scores], schema.FullyConnectedOptionsT())
    graph.inputs, graph.outputs = [x], [hidden, scores]
    made = dict(zip(names, (scores, hidden) if swapped else (hidden, scores), strict=True))
    writer.signature("serving_default", graph, {"x": x}, made)
    return writer.write(path)


def compared(one: Path, other: Path, samples: NDArray[Any] = SAMPLES) -> dict[str, OutputError]:
    pair = pair_of(one, other, None)
    return {error.name: error for error in output_errors(pair, run_pair(pair, {"x": samples}))}


def test_equal_files_have_no_error_at_all(tmp_path: Path) -> None:
    for error in compared(dense(tmp_path / "a.tflite"), dense(tmp_path / "b.tflite")).values():
        assert error.equal
        assert (error.max_abs, error.max_rel, error.snr_db, error.argmax, error.nan) == (0.0, 0.0, None, 1.0, 0)


def test_a_corrupted_weight_shows_in_what_comes_after_it(tmp_path: Path) -> None:
    wrong = SECOND.copy()
    wrong[1, 2] += 3
    errors = compared(dense(tmp_path / "a.tflite"), dense(tmp_path / "b.tflite", second=wrong))
    assert errors["hidden"].equal
    assert (errors["scores"].max_abs or 0) > 0.1
    assert (errors["scores"].snr_db or 99) < 20


def test_a_weight_that_is_not_a_number_is_counted(tmp_path: Path) -> None:
    wrong = SECOND.copy()
    wrong[1, :] = np.nan
    error = compared(dense(tmp_path / "a.tflite"), dense(tmp_path / "b.tflite", second=wrong))["scores"]
    assert (error.nan, error.equal) == (6, False)


def test_swapped_outputs_cannot_pass(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the output 'hidden' is 1x5 in one model and 1x3 in the other"):
        compared(dense(tmp_path / "a.tflite"), dense(tmp_path / "b.tflite", swapped=True))


def test_other_names_are_matched_by_place_and_it_says_so(tmp_path: Path) -> None:
    pair = pair_of(dense(tmp_path / "a.tflite"), dense(tmp_path / "b.tflite", names=("output_0", "output_1")), None)
    assert pair.outputs == {"hidden": "output_0", "scores": "output_1"}
    (note,) = pair.notes
    assert "matched by position" in note
    assert all(error.equal for error in output_errors(pair, run_pair(pair, {"x": SAMPLES})))


def test_models_that_have_nothing_in_common(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"the models have different inputs: 'x' 1x4, and 'x' \?x16"):
        pair_of(dense(tmp_path / "a.tflite"), models.dynamic_batch(tmp_path / "b.tflite"), None)
    with pytest.raises(UsageError, match="no signature 'add'"):
        pair_of(dense(tmp_path / "a.tflite"), dense(tmp_path / "b.tflite"), "add")
    with pytest.raises(UsageError, match="several signatures"):
        pair_of(models.two_signatures(tmp_path / "b.tflite"), models.two_signatures(tmp_path / "b.tflite"), None)


def test_a_select_tf_op_is_told_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(ModelFailed, match="FlexErf") as caught:
        pair_of(models.unknown_op(tmp_path / "f.tflite", "FlexErf"), dense(tmp_path / "b.tflite"), None)
    assert caught.value.cause is Cause.OP_UNSUPPORTED


def test_the_layer_that_breaks_is_named(tmp_path: Path) -> None:
    wrong = SECOND.copy()
    wrong[1, 2] += 3
    reference = dense(tmp_path / "a.tflite", first=FIRST)
    other = dense(tmp_path / "b.tflite", first=FIRST + np.float32(1e-4), second=wrong)
    ranked = layer_errors(pair_of(reference, other, None), {"x": SAMPLES})
    assert (ranked.matched, ranked.total) == (2, 2)
    worst, before = ranked.layers
    assert (worst.tensor, worst.op, worst.node) == ("second/MatMul", "FULLY_CONNECTED", 1)
    assert (worst.loss_db or 0) > 20
    assert (before.tensor, before.loss_db) == ("first/MatMul", None)
    assert (before.error.snr_db or 0) > 50


def test_tensors_without_a_match_are_counted(tmp_path: Path) -> None:
    pair = pair_of(dense(tmp_path / "a.tflite"), dense(tmp_path / "b.tflite", prefix="net/"), None)
    ranked = layer_errors(pair, {"x": SAMPLES})
    # Outputs are matched as outputs, whatever their tensors are called.
    assert (ranked.matched, ranked.total) == (2, 2)
    assert all(one.error.equal for one in ranked.layers)


def test_a_model_that_keeps_a_state(tmp_path: Path) -> None:
    writer = models.ModelWriter()
    graph = writer.graph()
    x, handle = writer.tensor(graph, "x", (1, 4)), writer.tensor(graph, "handle", (), "resource")
    read, y = writer.tensor(graph, "read", (1, 4)), writer.tensor(graph, "y", (1, 4))
    options = schema.VarHandleOptionsT()
    options.container, options.sharedName = "", "state"
    writer.op(graph, "VAR_HANDLE", [], [handle], options)
    writer.op(graph, "ASSIGN_VARIABLE", [handle, x], [], schema.AssignVariableOptionsT())
    writer.op(graph, "READ_VARIABLE", [handle], [read], schema.ReadVariableOptionsT())
    writer.op(graph, "ADD", [read, x], [y], schema.AddOptionsT())
    graph.inputs, graph.outputs = [x], [y]
    path = writer.write(tmp_path / "m.tflite")
    ranked = layer_errors(pair_of(path, path, None), {"x": SAMPLES})
    assert {one.tensor for one in ranked.layers} == {"read", "y"}


def test_a_float_model_and_its_quantised_form() -> None:
    pair = pair_of(shipped("cnn_fp32.tflite"), shipped("cnn_int8.tflite"), None)
    samples = {"image": RNG.uniform(-1, 1, (2, 64, 64, 3)).astype(np.float32)}
    (error,) = output_errors(pair, run_pair(pair, samples))
    assert 5 < (error.snr_db or 0) < 60
    ranked = layer_errors(pair, samples)
    assert (ranked.matched, ranked.total) == (12, 12)
    ratios = [one.error.snr_db or 0.0 for one in ranked.layers]
    assert ratios == sorted(ratios)
    assert {one.node for one in ranked.layers} == set(range(12))


@pytest.mark.parametrize(
    ("name", "plain"),
    [("a/Relu_quantized", "a/Relu"), ("a_dequantize_quantized", "a"), ("_quantized", "_quantized"), ("a", "a")],
)
def test_names_without_what_quantisers_add(name: str, plain: str) -> None:
    assert plain_name(name) == plain
