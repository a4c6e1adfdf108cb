"""What the reader of the graph says beyond what a run needs: versions, quantization, weights, output names."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from harness.litert_host.graph import InvalidModel, Quantization, read_graph
from tests.litert_host import models
from tests.model_files import shipped


def test_versions_quantization_and_names_of_outputs() -> None:
    data = shipped("cnn_int8.tflite").read_bytes()
    graph = read_graph(data, details=True)
    (signature,) = graph.signatures
    assert (signature.input_names, signature.output_names) == (("image",), ("output_0",))
    assert (graph.description, "min_runtime_version" in graph.metadata) == ("MLIR Converted.", True)
    (main,) = graph.subgraphs
    assert [one.version for one in main.operator_details[:2]] == [3, 2]
    quantization = main.tensor_details[main.inputs[0]].quantization
    assert quantization == Quantization((0.007843137718737125,), (-1,), 0)
    weights = main.operators[0].inputs[1]
    by_channel = main.tensor_details[weights].quantization
    assert by_channel is not None
    assert len(by_channel.scales) == len(by_channel.zero_points) == main.tensors[weights].shape[by_channel.axis]


def test_buffers_are_where_the_weights_are(tmp_path: Path) -> None:
    data = models.dynamic_batch(tmp_path / "m.tflite").read_bytes()
    graph = read_graph(data, details=True)
    (main,) = graph.subgraphs
    buffer = graph.buffers[main.tensor_details[1].buffer]
    assert main.tensors[1].name == "w"
    stored = np.frombuffer(data[buffer.start : buffer.start + buffer.size], "<f4")
    assert stored == pytest.approx(np.linspace(-1, 1, 64))


def test_without_details_nothing_of_them_is_read() -> None:
    graph = read_graph(shipped("cnn_int8.tflite").read_bytes())
    assert (graph.buffers, graph.metadata, graph.subgraphs[0].tensor_details) == ((), (), ())


def test_the_subgraphs_of_a_loop(tmp_path: Path) -> None:
    writer = models.ModelWriter()
    main, condition, body = (writer.graph(name) for name in ("main", "condition", "body"))
    x, y = (writer.tensor(main, name, (1,)) for name in ("x", "y"))
    options = schema.WhileOptionsT()
    options.condSubgraphIndex, options.bodySubgraphIndex = 1, 2
    writer.op(main, "WHILE", [x], [y], options)
    main.inputs, main.outputs = [x], [y]
    for graph in (condition, body):
        graph.inputs = graph.outputs = [writer.tensor(graph, "t", (1,))]
    data = writer.write(tmp_path / "loop.tflite").read_bytes()
    assert read_graph(data, details=True).subgraphs[0].operator_details[0].subgraphs == (1, 2)
    options.bodySubgraphIndex = 3
    with pytest.raises(InvalidModel):
        read_graph(writer.write(tmp_path / "loop.tflite").read_bytes(), details=True)


@pytest.mark.parametrize("make", [models.two_signatures, models.quantized])
def test_damaged_files_are_refused_or_read_but_break_nothing(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    whole = make(tmp_path / "m.tflite").read_bytes()
    rng = random.Random(7)
    refused = 0
    for attempt in range(600):
        damaged = bytearray(whole[: rng.randrange(len(whole))] if attempt % 3 == 0 else whole)
        for _ in range(rng.randrange(1, 8)):
            if damaged:
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        try:
            graph = read_graph(bytes(damaged), details=True)
        except InvalidModel:
            refused += 1
            continue
        for subgraph in graph.subgraphs:
            for details in subgraph.tensor_details:
                assert details.buffer < max(1, len(graph.buffers))
        for buffer in graph.buffers:
            assert buffer.start + buffer.size <= len(damaged)
    assert refused > 200


@pytest.mark.parametrize("details", [False, True])
def test_a_small_file_does_not_fill_the_memory(tmp_path: Path, details: bool) -> None:
    """All entries of a long vector may lead to one tensor with a long name: 100 KB would become 400 MB."""
    data = models.add(tmp_path / "m.tflite").read_bytes()
    assert len(read_graph(_with_one_tensor_often(data, 10), details=False).subgraphs[0].tensors) == 10
    with pytest.raises(InvalidModel):
        read_graph(_with_one_tensor_often(data, 20_000), details=details)


def _with_one_tensor_often(model: bytes, count: int) -> bytes:
    """Give the first subgraph a vector of tensors, at the end of the file, whose entries are one table."""
    data = bytearray(model)
    root = struct.unpack_from("<I", data, 0)[0]

    def field(table: int, number: int) -> int:
        vtable = table - struct.unpack_from("<i", data, table)[0]
        return table + int(struct.unpack_from("<H", data, vtable + 4 + 2 * number)[0])

    def followed(at: int) -> int:
        return at + int(struct.unpack_from("<I", data, at)[0])

    subgraph = followed(followed(field(root, 2)) + 4)
    vector = len(data) + (-len(data) % 4)
    data.extend(b"\0" * (vector - len(data)))
    table = vector + 4 + 4 * count
    vtable_size = 4 + 2 * 4
    data += struct.pack("<I", count)
    data += b"".join(struct.pack("<I", table + vtable_size - (vector + 4 + 4 * number)) for number in range(count))
    data += struct.pack("<6H", vtable_size, 8, 0, 0, 0, 4)  # field 3, the name, at 4
    data += struct.pack("<i", vtable_size) + struct.pack("<I", 4)
    data += struct.pack("<I", 20_000) + b"n" * 20_000
    struct.pack_into("<I", data, field(subgraph, 0), vector - field(subgraph, 0))
    return bytes(data)
