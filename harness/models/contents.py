"""What a .tflite file holds: inputs and outputs, signatures, ops, weights, and what makes a model hard to run. Nothing runs here."""

from __future__ import annotations

import hashlib
import math
import mmap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.errors import ModelFailed
from harness.litert_host.graph import Graph, InvalidModel, Operator, Subgraph, Tensor, is_custom, read_graph
from harness.litert_host.schema_names import operator_name, type_names
from harness.models.select_tf_ops import SELECT_TF
from harness.records.causes import Cause

CONTROL_FLOW = frozenset(
    {"CALL", "CALL_ONCE", "IF", "STABLEHLO_CASE", "STABLEHLO_COMPOSITE", "STABLEHLO_WHILE", "WHILE"}
)
_LARGEST = 10
_FLOAT16 = 1  # TensorType of the schema
_CAST_ONLY = ("DEQUANTIZE", "QUANTIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTensor:
    """An input, an output, or a tensor of unknown size."""

    name: str
    """The signature's name for it; the tensor's own in a model without signatures."""
    tensor: str
    dtype: str
    """As NumPy writes it (`float32`), where NumPy has the type."""
    shape: tuple[int, ...]
    """-1 for an open size."""
    scale: float | None = None
    """None if it is not quantised; the first one if each channel has its own."""
    zero_point: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSignature:
    """An entry point."""

    key: str
    inputs: tuple[ShownTensor, ...]
    outputs: tuple[ShownTensor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpCount:
    """An op in one version, and how often it occurs."""

    op: str
    version: int
    count: int
    custom: bool
    """Whether it is a custom op, which no runtime has built in."""
    select_tf: bool
    """Whether it is one of TensorFlow's own ops, which a binary with Flex runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """A constant tensor of the file."""

    tensor: str
    dtype: str
    shape: tuple[int, ...]
    bytes: int
    op: str | None
    """The first op that reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """The constants of a model."""

    bytes: int
    by_dtype: dict[str, int]
    """Bytes by type, most first."""
    by_op: dict[str, int]
    """Bytes by the op that reads them first, most first."""
    largest: tuple[Weight, ...]
    sparse_tensors: int
    """Number of tensors that the file stores without their zeros."""
    sparsity: float | None
    """Share of zeros among the weights of two and more dimensions, 0 to 1; None without any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelContents:
    """What a model file holds."""

    path: str
    sha256: str
    size_bytes: int
    inputs: tuple[ShownTensor, ...]
    outputs: tuple[ShownTensor, ...]
    signatures: tuple[ShownSignature, ...]
    ops: tuple[OpCount, ...]
    dynamic_shapes: tuple[ShownTensor, ...]
    """Inputs, outputs and tensors between ops that have an open size."""
    weights: Weights
    activations: dict[str, int]
    """Number of tensors that ops make, by type."""
    control_flow: dict[str, int]
    variables: int
    """Tensors that keep their value from one run to the next."""
    quantized_ops: int
    """Ops with an integer or float16 weight, or a quantised input. Ops that only convert between types do not count."""
    total_ops: int
    subgraphs: int
    description: str
    metadata: tuple[str, ...]

    @property
    def select_tf_ops(self) -> tuple[str, ...]:
        """Names of Select TF ops, each once."""
        return tuple(dict.fromkeys(one.op for one in self.ops if one.select_tf))

    @property
    def custom_ops(self) -> tuple[str, ...]:
        """Names of custom ops other than Select TF ops, each once."""
        return tuple(dict.fromkeys(one.op for one in self.ops if one.custom and not one.select_tf))


def read_contents(path: Path) -> tuple[ModelContents, Graph]:
    """Read a model file.

    Raises:
        ModelFailed: it cannot be read, or is no whole TensorFlow Lite model.
    """
    try:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            graph = read_graph(data, details=True)
            return _contents(path, graph, data), graph
    except InvalidModel:
        raise ModelFailed(f"{path} is damaged, or no TensorFlow Lite model") from None
    except (OSError, ValueError) as error:  # ValueError: mmap of an empty file
        reason = getattr(error, "strerror", None) or "it is empty"
        raise ModelFailed(f"{path} cannot be read: {reason}", cause=Cause.MODEL_UNREADABLE) from None


def _contents(path: Path, graph: Graph, data: mmap.mmap) -> ModelContents:
    nodes = [(subgraph, number) for subgraph in graph.subgraphs for number in range(len(subgraph.operators))]
    main = graph.subgraphs[0]
    signatures = tuple(
        ShownSignature(
            key=one.key,
            inputs=_named(graph.subgraphs[one.subgraph], one.input_names, one.inputs),
            outputs=_named(graph.subgraphs[one.subgraph], one.output_names, one.outputs),
        )
        for one in graph.signatures
    )
    entry = next((one for one in graph.signatures if one.subgraph == 0), None)
    names = (
        {}
        if entry is None
        else dict(zip(entry.inputs + entry.outputs, entry.input_names + entry.output_names, strict=True))
    )
    ops = Counter(
        (operator_name(operator), subgraph.operator_details[number].version, is_custom(operator))
        for subgraph, number in nodes
        for operator in (subgraph.operators[number],)
    )
    made = [
        tensor for subgraph in graph.subgraphs for index in _made(subgraph) for tensor in (subgraph.tensors[index],)
    ]
    control = Counter(name for (name, _, custom), count in ops.items() if not custom for _ in range(count))
    return ModelContents(
        path=str(path),
        sha256=hashlib.sha256(data).hexdigest(),
        size_bytes=len(data),
        inputs=_shown(main, main.inputs, names),
        outputs=_shown(main, main.outputs, names),
        signatures=signatures,
        ops=tuple(
            OpCount(
                op=name, version=version, count=count, custom=custom, select_tf=custom and name.startswith(SELECT_TF)
            )
            for (name, version, custom), count in sorted(ops.items(), key=lambda one: (-one[1], one[0]))
        ),
        dynamic_shapes=tuple(_open_sizes(graph, names)),
        weights=_weights(graph, data),
        activations=dict(Counter(dtype_of(tensor) for tensor in made).most_common()),
        control_flow={name: count for name, count in control.items() if name in CONTROL_FLOW},
        variables=sum(one.variable for subgraph in graph.subgraphs for one in subgraph.tensor_details)
        + sum(operator_name(node) == "VAR_HANDLE" for node in main.operators),
        quantized_ops=sum(_quantized(subgraph) for subgraph in graph.subgraphs),
        total_ops=sum(operator_name(subgraph.operators[number]) not in _CAST_ONLY for subgraph, number in nodes),
        subgraphs=len(graph.subgraphs),
        description=graph.description,
        metadata=graph.metadata,
    )


def dtype_of(tensor: Tensor) -> str:
    """Return the name of a tensor's type."""
    return type_names().get(tensor.element, f"type {tensor.element}").lower()


def _named(subgraph: Subgraph, names: Sequence[str], indices: Sequence[int]) -> tuple[ShownTensor, ...]:
    return tuple(_one(subgraph, index, name) for name, index in zip(names, indices, strict=True))


def _shown(subgraph: Subgraph, indices: Sequence[int], names: dict[int, str]) -> tuple[ShownTensor, ...]:
    return tuple(_one(subgraph, index, names.get(index, subgraph.tensors[index].name)) for index in indices)


def _one(subgraph: Subgraph, index: int, name: str) -> ShownTensor:
    tensor, quantization = subgraph.tensors[index], subgraph.tensor_details[index].quantization
    scaled = quantization is not None and quantization.scales and math.isfinite(quantization.scales[0])
    return ShownTensor(
        name=name,
        tensor=tensor.name,
        dtype=dtype_of(tensor),
        shape=tensor.signature,
        scale=quantization.scales[0] if quantization is not None and scaled else None,
        zero_point=(quantization.zero_points or (0,))[0] if quantization is not None and scaled else None,
    )


def _made(subgraph: Subgraph) -> list[int]:
    """Return the tensors that are not stored in the file: inputs, and the results of ops."""
    return list(dict.fromkeys([*subgraph.inputs, *(index for node in subgraph.operators for index in node.outputs)]))


def _open_sizes(graph: Graph, names: dict[int, str]) -> Iterator[ShownTensor]:
    for number, subgraph in enumerate(graph.subgraphs):
        for index in _made(subgraph):
            if any(size < 0 for size in subgraph.tensors[index].signature):
                tensor = subgraph.tensors[index]
                yield _one(subgraph, index, names.get(index, tensor.name) if number == 0 else tensor.name)


def _readers(subgraph: Subgraph) -> dict[int, str]:
    """Return the first op that reads each tensor. For a weight that is only converted, that is the op that reads the result."""
    first: dict[int, Operator] = {}
    for node in subgraph.operators:
        for index in node.inputs:
            first.setdefault(index, node)
    found = {}
    for index, node in first.items():
        name = operator_name(node)
        if name in ("DEQUANTIZE", "DENSIFY") and node.outputs and node.outputs[0] in first:
            name = operator_name(first[node.outputs[0]])
        found[index] = name
    return found


def _weights(graph: Graph, data: mmap.mmap) -> Weights:
    seen: set[int] = set()
    every: list[Weight] = []
    zeros = stored = sparse = 0
    for subgraph in graph.subgraphs:
        readers = _readers(subgraph)
        for index, (tensor, details) in enumerate(zip(subgraph.tensors, subgraph.tensor_details, strict=True)):
            if not tensor.constant or details.buffer in seen:
                continue
            seen.add(details.buffer)
            buffer = graph.buffers[details.buffer]
            every.append(
                Weight(
                    tensor=tensor.name,
                    dtype=dtype_of(tensor),
                    shape=tensor.shape,
                    bytes=buffer.size,
                    op=readers.get(index),
                )
            )
            sparse += details.sparse
            if len(tensor.shape) > 1 and tensor.element in _COUNTED:
                zero = (details.quantization.zero_points or (0,))[0] if details.quantization else 0
                none, count = _zeros(data, buffer.start, buffer.size, _COUNTED[tensor.element], zero)
                if details.sparse:  # its zeros are not in the file
                    whole = max(count, math.prod(max(0, size) for size in tensor.shape))
                    none, count = none + whole - count, whole
                zeros, stored = zeros + none, stored + count
    by_dtype: Counter[str] = Counter()
    by_op: Counter[str] = Counter()
    for one in every:
        by_dtype[one.dtype] += one.bytes
        by_op[one.op or "no op"] += one.bytes
    return Weights(
        bytes=sum(one.bytes for one in every),
        by_dtype=dict(by_dtype.most_common()),
        by_op=dict(by_op.most_common()),
        largest=tuple(sorted(every, key=lambda one: -one.bytes)[:_LARGEST]),
        sparse_tensors=sparse,
        sparsity=zeros / stored if stored else None,
    )


_COUNTED = {0: "<f4", 1: "<f2", 3: "u1", 7: "<i2", 9: "i1", 17: "i4"}
"""Types of weights, by the schema's number; `i4` stands for two 4-bit numbers in a byte."""


def _zeros(data: mmap.mmap, start: int, size: int, kind: str, zero: int) -> tuple[int, int]:
    """Count the elements that mean 0, and all."""
    if kind == "i4":
        packed = np.frombuffer(data, "u1", size, start)
        both = int(np.count_nonzero((packed & 15) == (zero & 15))) + int(np.count_nonzero((packed >> 4) == (zero & 15)))
        del packed
        return both, 2 * size
    width = np.dtype(kind).itemsize
    values = np.frombuffer(data, kind, size // width, start)
    count = values.size - int(np.count_nonzero(values)) if zero == 0 else int(np.count_nonzero(values == zero))
    total = int(values.size)
    del values  # a mapped file cannot be closed while an array shows it
    return count, total


def _quantized(subgraph: Subgraph) -> int:
    """Count the ops with an integer or float16 weight, or a quantised input. A weight may be converted at run time before it is read."""
    sources = {
        index: node.inputs[0]
        for node in subgraph.operators
        if operator_name(node) == "DEQUANTIZE" and node.inputs and subgraph.tensors[node.inputs[0]].constant
        for index in node.outputs
    }

    def counts(index: int) -> bool:
        source = sources.get(index, index)
        return subgraph.tensor_details[source].quantization is not None or subgraph.tensors[source].element == _FLOAT16

    return sum(
        any(counts(index) for index in node.inputs if index >= 0)
        for node in subgraph.operators
        if operator_name(node) not in _CAST_ONLY
    )
