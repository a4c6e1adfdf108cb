"""What is read from a file, on models whose content is known."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from harness.errors import ModelFailed
from harness.models.contents import read_contents
from harness.models.inspection import Inspection
from harness.models.rules_of_thumb import rules_for
from harness.records.causes import Cause
from tests import model_files
from tests.litert_host import models


def test_a_quantised_model() -> None:
    path = model_files.shipped("cnn_int8.tflite")
    contents, _ = read_contents(path)
    assert contents.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert contents.size_bytes == path.stat().st_size
    (image,), (output,) = contents.inputs, contents.outputs
    assert (image.name, image.tensor, image.dtype, image.shape) == (
        "image",
        "serving_default_image:0",
        "int8",
        (1, 64, 64, 3),
    )
    assert image.scale == pytest.approx(1 / 127.5)
    assert (image.zero_point, output.zero_point) == (-1, -128)
    assert [(one.op, one.version, one.count) for one in contents.ops] == [
        ("CONV_2D", 3, 4), ("MAX_POOL_2D", 2, 4), ("FULLY_CONNECTED", 4, 2), ("RESHAPE", 1, 1), ("SOFTMAX", 2, 1),
    ]  # fmt: skip
    assert (contents.quantized_ops, contents.total_ops) == (12, 12)
    assert contents.weights.by_dtype["int8"] == sum(
        one.bytes for one in contents.weights.largest if one.dtype == "int8"
    )
    assert sum(contents.weights.by_op.values()) == contents.weights.bytes < contents.size_bytes
    assert contents.weights.largest[0].op == "FULLY_CONNECTED"


def test_names_of_several_signatures(tmp_path: Path) -> None:
    contents, _ = read_contents(models.two_signatures(tmp_path / "m.tflite"))
    assert [(one.key, [x.name for x in one.inputs], [y.name for y in one.outputs]) for one in contents.signatures] == [
        ("add", ["x"], ["output_0"]),
        ("two", ["a", "b"], ["output_0"]),
    ]
    assert [one.name for one in contents.inputs] == ["x"]
    assert contents.subgraphs == 2


def test_open_sizes_are_listed_with_their_tensors(tmp_path: Path) -> None:
    contents, _ = read_contents(models.dynamic_batch(tmp_path / "m.tflite"))
    assert [(one.name, one.shape) for one in contents.dynamic_shapes] == [("x", (-1, 16)), ("y", (-1, 4))]
    assert not read_contents(models.add(tmp_path / "n.tflite"))[0].dynamic_shapes


def test_select_tf_and_custom_ops_are_told_apart(tmp_path: Path) -> None:
    flex, _ = read_contents(models.unknown_op(tmp_path / "f.tflite", "FlexErf"))
    custom, _ = read_contents(models.unknown_op(tmp_path / "c.tflite", "Mine"))
    assert (flex.select_tf_ops, flex.custom_ops) == (("FlexErf",), ())
    assert (custom.select_tf_ops, custom.custom_ops) == ((), ("Mine",))


def test_the_share_of_zeros_counts_weights_and_not_biases(tmp_path: Path) -> None:
    writer = models.ModelWriter()
    graph = writer.graph()
    x = writer.tensor(graph, "x", (1, 4))
    weights = np.array([[0, 0, 0, 1], [0, 2, 0, 3]], np.float32)
    w, b = writer.tensor(graph, "w", (2, 4), data=weights), writer.tensor(graph, "b", (2,), data=np.zeros(2))
    y = writer.tensor(graph, "y", (1, 2))
    writer.op(graph, "FULLY_CONNECTED", [x, w, b], [y], schema.FullyConnectedOptionsT())
    graph.inputs, graph.outputs = [x], [y]
    contents, _ = read_contents(writer.write(tmp_path / "m.tflite"))
    assert contents.weights.sparsity == 5 / 8
    assert contents.weights.sparse_tensors == 0
    assert read_contents(models.add(tmp_path / "n.tflite"))[0].weights.sparsity is None


def test_zeros_that_the_file_leaves_out_count(tmp_path: Path) -> None:
    writer = models.ModelWriter()
    graph = writer.graph()
    x, y = writer.tensor(graph, "x", (1, 4)), writer.tensor(graph, "y", (1, 2))
    w = writer.tensor(graph, "w", (2, 4), data=np.array([1, 2], np.float32))
    graph.tensors[w].sparsity = schema.SparsityParametersT()
    writer.op(graph, "FULLY_CONNECTED", [x, w, -1], [y], schema.FullyConnectedOptionsT())
    graph.inputs, graph.outputs = [x], [y]
    weights = read_contents(writer.write(tmp_path / "m.tflite"))[0].weights
    assert (weights.sparsity, weights.sparse_tensors) == (6 / 8, 1)


def test_a_quantised_weight_means_its_zero_point(tmp_path: Path) -> None:
    writer = models.ModelWriter()
    graph = writer.graph()
    x = writer.tensor(graph, "x", (1, 4))
    w = writer.tensor(graph, "w", (1, 4), "uint8", np.array([[128, 128, 0, 7]]), scale=0.5, zero_point=128)
    y = writer.tensor(graph, "y", (1, 1))
    writer.op(graph, "FULLY_CONNECTED", [x, w, -1], [y], schema.FullyConnectedOptionsT())
    graph.inputs, graph.outputs = [x], [y]
    contents, _ = read_contents(writer.write(tmp_path / "m.tflite"))
    assert (contents.weights.sparsity, contents.quantized_ops) == (0.5, 1)


@pytest.mark.parametrize("make", [model_files.truncated, model_files.garbage_with_identifier])
def test_a_damaged_file_is_one_line(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    with pytest.raises(ModelFailed, match="is damaged, or no TensorFlow Lite model"):
        read_contents(make(tmp_path / "m.tflite"))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ModelFailed, match="cannot be read: it is empty") as caught:
        read_contents(model_files.empty(tmp_path / "m.tflite"))
    assert caught.value.cause is Cause.MODEL_UNREADABLE
    with pytest.raises(ModelFailed, match="No such file"):
        read_contents(tmp_path / "none.tflite")


@pytest.mark.parametrize(
    "make", [models.two_signatures, models.quantized, models.dynamic_batch, models.partly_delegated]
)
def test_damaged_files_are_refused_or_read_but_break_nothing(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    whole = make(tmp_path / "m.tflite").read_bytes()
    rng = random.Random(11)
    read = 0
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(rng.randrange(1, 5)):
            damaged[rng.randrange(len(damaged))] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
        (tmp_path / "d.tflite").write_bytes(damaged)
        try:
            contents, _ = read_contents(tmp_path / "d.tflite")
        except ModelFailed:
            continue
        read += 1
        json.dumps(Inspection(contents=contents, findings=rules_for(contents)).as_json(), allow_nan=False)
    assert read > 50
