"""Tiny .tflite models, written with the schema classes of the LiteRT wheel, so that these tests need no TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

_TYPES = {
    "float32": schema.TensorType.FLOAT32,
    "int32": schema.TensorType.INT32,
    "int64": schema.TensorType.INT64,
    "int8": schema.TensorType.INT8,
    "uint8": schema.TensorType.UINT8,
    "bool": schema.TensorType.BOOL,
    "resource": schema.TensorType.RESOURCE,
}


@dataclass
class Graph:
    """One subgraph under construction."""

    name: str
    tensors: list[Any] = field(default_factory=list)
    operators: list[Any] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)


class ModelWriter:
    """Collects tensors and operators and packs them into a model file."""

    def __init__(self) -> None:
        self.buffers: list[Any] = [schema.BufferT()]
        self.codes: list[Any] = []
        self.graphs: list[Graph] = []
        self.signatures: list[Any] = []

    def graph(self, name: str = "main") -> Graph:
        graph = Graph(name)
        self.graphs.append(graph)
        return graph

    def tensor(
        self,
        graph: Graph,
        name: str,
        shape: Sequence[int],
        dtype: str = "float32",
        data: npt.NDArray[Any] | None = None,
        scale: float | Sequence[float] | None = None,
        zero_point: int = 0,
        signature: Sequence[int] | None = None,
    ) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = name, list(shape), _TYPES[dtype]
        if signature is not None:
            tensor.shapeSignature = list(signature)
        if scale is not None:
            scales = [scale] if isinstance(scale, float) else list(scale)
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = scales
            tensor.quantization.zeroPoint = [zero_point] * len(scales)
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data, dtype).tobytes(), np.uint8)
            tensor.buffer = len(self.buffers)
            self.buffers.append(buffer)
        graph.tensors.append(tensor)
        return len(graph.tensors) - 1

    def op(
        self,
        graph: Graph,
        kind: str,
        inputs: Sequence[int],
        outputs: Sequence[int],
        options: Any = None,
        version: int = 1,
    ) -> None:
        """`kind` is a builtin operator's name, or that of a custom operator when no builtin has it."""
        builtin = getattr(schema.BuiltinOperator, kind, None)
        code = schema.OperatorCodeT()
        code.version = version
        if builtin is None:
            code.customCode, builtin = kind, schema.BuiltinOperator.CUSTOM
        code.builtinCode, code.deprecatedBuiltinCode = builtin, min(builtin, 127)
        operator = schema.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = len(self.codes), list(inputs), list(outputs)
        if options is not None:
            operator.builtinOptions = options
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        self.codes.append(code)
        graph.operators.append(operator)

    def signature(self, key: str, graph: Graph, inputs: dict[str, int], outputs: dict[str, int]) -> None:
        signature = schema.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = key, self.graphs.index(graph)
        signature.inputs = [_named(name, index) for name, index in inputs.items()]
        signature.outputs = [_named(name, index) for name, index in outputs.items()]
        self.signatures.append(signature)

    def write(self, path: Path) -> Path:
        model = schema.ModelT()
        model.version, model.description = 3, "test"
        model.operatorCodes, model.buffers, model.signatureDefs = self.codes, self.buffers, self.signatures
        model.subgraphs = []
        for graph in self.graphs:
            subgraph = schema.SubGraphT()
            subgraph.name, subgraph.tensors, subgraph.operators = graph.name, graph.tensors, graph.operators
            subgraph.inputs, subgraph.outputs = graph.inputs, graph.outputs
            model.subgraphs.append(subgraph)
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        path.write_bytes(bytes(builder.Output()))
        return path


def _named(name: str, index: int) -> Any:
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name, index
    return entry


def add(path: Path) -> Path:
    """y = x + x, then doubled: two float ops that XNNPACK takes whole. Without signatures."""
    writer = ModelWriter()
    graph = writer.graph()
    x = writer.tensor(graph, "serving_default_x:0", (1, 8, 8, 3))
    middle = writer.tensor(graph, "sum", (1, 8, 8, 3))
    y = writer.tensor(graph, "y", (1, 8, 8, 3))
    writer.op(graph, "ADD", [x, x], [middle], schema.AddOptionsT())
    writer.op(graph, "MUL", [middle, middle], [y], schema.MulOptionsT())
    graph.inputs, graph.outputs = [x], [y]
    return writer.write(path)


def image(path: Path) -> Path:
    """Doubles an image of 224 by 224 pixels; its input is called `input`."""
    writer = ModelWriter()
    graph = writer.graph()
    x = writer.tensor(graph, "input", (1, 224, 224, 3))
    y = writer.tensor(graph, "y", (1, 224, 224, 3))
    writer.op(graph, "ADD", [x, x], [y], schema.AddOptionsT())
    graph.inputs, graph.outputs = [x], [y]
    return writer.write(path)


def two_inputs(path: Path) -> Path:
    """Two inputs of unlike types: float a and int32 b; outputs a + cast(b), and b + b."""
    writer = ModelWriter()
    graph = writer.graph()
    a = writer.tensor(graph, "a", (4, 16))
    b = writer.tensor(graph, "b", (4, 16), "int32")
    cast = writer.tensor(graph, "cast", (4, 16))
    y = writer.tensor(graph, "y", (4, 16))
    z = writer.tensor(graph, "z", (4, 16), "int32")
    options = schema.CastOptionsT()
    options.inDataType, options.outDataType = schema.TensorType.INT32, schema.TensorType.FLOAT32
    writer.op(graph, "CAST", [b], [cast], options)
    writer.op(graph, "ADD", [a, cast], [y], schema.AddOptionsT())
    writer.op(graph, "ADD", [b, b], [z], schema.AddOptionsT())
    graph.inputs, graph.outputs = [a, b], [y, z]
    return writer.write(path)


def _conv_options() -> Any:
    options = schema.Conv2DOptionsT()
    options.strideW = options.strideH = 1
    options.padding = schema.Padding.SAME
    options.fusedActivationFunction = schema.ActivationFunctionType.RELU
    return options


def convolutions(path: Path, layers: int = 6, size: int = 48, channels: int = 16) -> Path:
    """A chain of fp32 convolutions: about a millisecond of arithmetic on a present-day core."""
    writer = ModelWriter()
    graph = writer.graph()
    rng = np.random.default_rng(1)
    last = writer.tensor(graph, "image", (1, size, size, channels))
    graph.inputs = [last]
    for layer in range(layers):
        weights = rng.normal(0, 0.1, (channels, 3, 3, channels)).astype(np.float32)
        w = writer.tensor(graph, f"weights_{layer}", weights.shape, data=weights)
        b = writer.tensor(graph, f"bias_{layer}", (channels,), data=np.zeros(channels, np.float32))
        y = writer.tensor(graph, f"conv_{layer}", (1, size, size, channels))
        writer.op(graph, "CONV_2D", [last, w, b], [y], _conv_options())
        last = y
    graph.outputs = [last]
    return writer.write(path)


def quantized(path: Path, *, zero_point: int = -4) -> Path:
    """A full int8 convolution with per-channel weights; with a zero point far off, half of its outputs are clipped."""
    writer = ModelWriter()
    graph = writer.graph()
    rng = np.random.default_rng(2)
    x = writer.tensor(graph, "x", (1, 16, 16, 8), "int8", scale=0.02, zero_point=3)
    w = writer.tensor(graph, "w", (8, 3, 3, 8), "int8", rng.integers(-127, 128, (8, 3, 3, 8)), scale=[0.01] * 8)
    w_quantization = graph.tensors[w].quantization
    w_quantization.quantizedDimension = 0
    b = writer.tensor(graph, "b", (8,), "int32", rng.integers(-50, 50, 8), scale=[0.0002] * 8)
    y = writer.tensor(graph, "y", (1, 16, 16, 8), "int8", scale=0.05, zero_point=zero_point)
    options = _conv_options()
    options.fusedActivationFunction = schema.ActivationFunctionType.NONE
    writer.op(graph, "CONV_2D", [x, w, b], [y], options, version=3)
    graph.inputs, graph.outputs = [x], [y]
    return writer.write(path)


def partly_delegated(path: Path) -> Path:
    """CONV, then CAST, RIGHT_SHIFT, CAST that stay built-in, then CONV: XNNPACK makes two partitions."""
    writer = ModelWriter()
    graph = writer.graph()
    rng = np.random.default_rng(3)
    shape = (1, 24, 24, 8)

    def conv(source: int, name: str) -> int:
        w = writer.tensor(graph, f"{name}_w", (8, 3, 3, 8), data=rng.normal(0, 0.1, (8, 3, 3, 8)))
        b = writer.tensor(graph, f"{name}_b", (8,), data=np.ones(8))
        y = writer.tensor(graph, name, shape)
        writer.op(graph, "CONV_2D", [source, w, b], [y], _conv_options())
        return y

    def cast(source: int, name: str, to: str) -> int:
        y = writer.tensor(graph, name, shape, to)
        options = schema.CastOptionsT()
        options.inDataType, options.outDataType = (
            (schema.TensorType.FLOAT32, schema.TensorType.INT32)
            if to == "int32"
            else (schema.TensorType.INT32, schema.TensorType.FLOAT32)
        )
        writer.op(graph, "CAST", [source], [y], options)
        return y

    x = writer.tensor(graph, "x", shape)
    whole = cast(conv(x, "first"), "whole", "int32")
    one = writer.tensor(graph, "one", (), "int32", np.array(1))
    shifted = writer.tensor(graph, "shifted", shape, "int32")
    writer.op(graph, "RIGHT_SHIFT", [whole, one], [shifted])
    graph.outputs = [conv(cast(shifted, "back", "float32"), "second")]
    graph.inputs = [x]
    return writer.write(path)


def gather(path: Path) -> Path:
    """Takes rows of a table by index: random int32 indices lie out of its bounds."""
    writer = ModelWriter()
    graph = writer.graph()
    table = writer.tensor(graph, "table", (3, 2), data=np.arange(6, dtype=np.float32).reshape(3, 2))
    x = writer.tensor(graph, "serving_default_x:0", (4,), "int32")
    y = writer.tensor(graph, "y", (4, 2))
    writer.op(graph, "GATHER", [table, x], [y], schema.GatherOptionsT())
    graph.inputs, graph.outputs = [x], [y]
    return writer.write(path)


def unknown_op(path: Path, name: str = "MatrixInverse") -> Path:
    """One custom operator that no library registers (`Flex...` names are TensorFlow's own ops)."""
    writer = ModelWriter()
    graph = writer.graph()
    x = writer.tensor(graph, "x", (4, 4))
    y = writer.tensor(graph, "y", (4, 4))
    writer.op(graph, name, [x], [y])
    graph.inputs, graph.outputs = [x], [y]
    return writer.write(path)


def two_signatures(path: Path) -> Path:
    """Signatures `add` (x + x) and `two` (a * b), a subgraph each."""
    writer = ModelWriter()
    first, second = writer.graph("add"), writer.graph("two")
    x = writer.tensor(first, "add_x:0", (2, 3))
    y = writer.tensor(first, "StatefulPartitionedCall:0", (2, 3))
    writer.op(first, "ADD", [x, x], [y], schema.AddOptionsT())
    first.inputs, first.outputs = [x], [y]
    a = writer.tensor(second, "two_a:0", (5,))
    b = writer.tensor(second, "two_b:0", (5,))
    c = writer.tensor(second, "StatefulPartitionedCall_1:0", (5,))
    writer.op(second, "MUL", [a, b], [c], schema.MulOptionsT())
    second.inputs, second.outputs = [a, b], [c]
    writer.signature("add", first, {"x": x}, {"output_0": y})
    writer.signature("two", second, {"a": a, "b": b}, {"output_0": c})
    return writer.write(path)


def with_swapped_outputs(path: Path) -> Path:
    """`crossed_orders` whose signature calls the difference `total` and the other way round."""
    return crossed_orders(path, swapped=True)


def crossed_orders(path: Path, *, swapped: bool = False) -> Path:
    """Inputs and outputs of one shape, which the signature names in the other order than the subgraph has them: x - y, and x + y."""
    writer = ModelWriter()
    graph = writer.graph()
    x = writer.tensor(graph, "first:0", (1, 3))
    y = writer.tensor(graph, "second:0", (1, 3))
    difference = writer.tensor(graph, "Call:1", (1, 3))
    total = writer.tensor(graph, "Call:0", (1, 3))
    writer.op(graph, "SUB", [x, y], [difference], schema.SubOptionsT())
    writer.op(graph, "ADD", [x, y], [total], schema.AddOptionsT())
    graph.inputs, graph.outputs = [x, y], [difference, total]
    writer.signature(
        "serving_default",
        graph,
        {"b": y, "a": x},
        {"total": difference if swapped else total, "difference": total if swapped else difference},
    )
    return writer.write(path)


def dynamic_batch(path: Path) -> Path:
    """A fully connected layer whose batch is unknown (1 in the file's own shape)."""
    writer = ModelWriter()
    graph = writer.graph()
    x = writer.tensor(graph, "serving_default_x:0", (1, 16), signature=(-1, 16))
    w = writer.tensor(graph, "w", (4, 16), data=np.linspace(-1, 1, 64, dtype=np.float32).reshape(4, 16))
    b = writer.tensor(graph, "b", (4,), data=np.zeros(4))
    y = writer.tensor(graph, "y", (1, 4), signature=(-1, 4))
    writer.op(graph, "FULLY_CONNECTED", [x, w, b], [y], schema.FullyConnectedOptionsT())
    graph.inputs, graph.outputs = [x], [y]
    writer.signature("serving_default", graph, {"x": x}, {"y": y})
    return writer.write(path)


def data_dependent_output(path: Path) -> Path:
    """Coordinates of the true elements: how many there are, only the data tell."""
    writer = ModelWriter()
    graph = writer.graph()
    x = writer.tensor(graph, "x", (6,), "bool")
    y = writer.tensor(graph, "where", (1, 1), "int64", signature=(-1, 1))
    writer.op(graph, "WHERE", [x], [y])
    graph.inputs, graph.outputs = [x], [y]
    return writer.write(path)


def large_activations(path: Path) -> Path:
    """x * 300 * 300 / 90000: fits float32 for x up to 4; the product is infinite in half precision from 0.73 on."""
    writer = ModelWriter()
    graph = writer.graph()
    x = writer.tensor(graph, "x", (1, 64))
    y = writer.tensor(graph, "y", (1, 64))
    previous = x
    for number, factor in enumerate((300.0, 300.0, 1 / 90000)):
        by = writer.tensor(graph, f"factor_{number}", (1,), data=np.array([factor], np.float32))
        made = y if number == 2 else writer.tensor(graph, f"product_{number}", (1, 64))
        writer.op(graph, "MUL", [previous, by], [made], schema.MulOptionsT())
        previous = made
    graph.inputs, graph.outputs = [x], [y]
    return writer.write(path)
