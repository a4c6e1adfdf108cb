"""Reads the graph out of a .tflite file: tensors, operators, signatures. Weights are not touched, only where they are.

A minimal reader of the flatbuffer encoding (https://flatbuffers.dev/internals/) with the field numbers of TFLite's schema. It refuses
offsets outside the file, so that a truncated or corrupt model never reaches the native library.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from typing import Any

_CUSTOM = 32
# Control flow, and how many of its options, the first ones, name subgraphs: CALL, IF, WHILE, CALL_ONCE.
_CONTROL_FLOW = {31: 1, 118: 2, 119: 2, 129: 1}
_COPIES = 16  # builders share equal strings and vectors, though not so often
_BLOCKWISE = 2  # QuantizationDetails of the schema


class InvalidModel(Exception):
    """The bytes are not a TFLite model."""


@dataclass(frozen=True, slots=True)
class Quantization:
    """How stored numbers become values: value = scale * (stored - zero point), by channel if there are several scales."""

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int
    """The dimension of the channels."""
    blockwise: bool = False
    """Whether the scales stand in a tensor of their own, one for each block of weights."""


@dataclass(frozen=True, slots=True)
class TensorDetails:
    """What running a model does not need to know of a tensor."""

    buffer: int
    """Number of its buffer; several tensors may share one."""
    quantization: Quantization | None
    sparse: bool
    """Whether the file stores only its values that are not 0."""
    variable: bool
    """Whether it keeps its value from one run to the next."""


@dataclass(frozen=True, slots=True)
class OperatorDetails:
    """What running a model does not need to know of a node."""

    version: int
    subgraphs: tuple[int, ...]
    """Subgraphs that it runs: conditions and bodies of loops, branches."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor. `shape` is the file's own; `signature` has -1 for an unknown size; `element` is the schema's TensorType."""

    name: str
    element: int
    shape: tuple[int, ...]
    signature: tuple[int, ...]
    constant: bool


@dataclass(frozen=True, slots=True)
class Operator:
    """One node. `builtin` is the schema's BuiltinOperator; `custom` the name of a custom operator."""

    builtin: int
    custom: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Subgraph:
    """Tensors and nodes in the order of the file, which is their numbering everywhere."""

    name: str
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    tensor_details: tuple[TensorDetails, ...] = ()
    """By tensor; only with `details` (see `read_graph`), as the next."""
    operator_details: tuple[OperatorDetails, ...] = ()
    """By node."""

    def outputs_label(self, node: int) -> str:
        """Return the names of a node's outputs as in a profile: `[a, b]`."""
        if not 0 <= node < len(self.operators):
            return "[]"
        return (
            "["
            + ", ".join(self.tensors[i].name for i in self.operators[node].outputs if 0 <= i < len(self.tensors))
            + "]"
        )


@dataclass(frozen=True, slots=True)
class Signature:
    """An entry point: its key, its subgraph, and the tensors of its inputs."""

    key: str
    subgraph: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...] = ()
    input_names: tuple[str, ...] = ()
    """The signature's names for its inputs, in the order of `inputs`. The tensors' own names often differ."""
    output_names: tuple[str, ...] = ()
    """The signature's names for its outputs, in the order of `outputs`."""


@dataclass(frozen=True, slots=True)
class Buffer:
    """Where a buffer's bytes are in the file."""

    start: int
    size: int


@dataclass(frozen=True, slots=True)
class Graph:
    """The whole model."""

    subgraphs: tuple[Subgraph, ...]
    signatures: tuple[Signature, ...]
    buffers: tuple[Buffer, ...] = ()
    """Only with `details`, as the following fields."""
    description: str = ""
    """What the converter wrote about itself."""
    metadata: tuple[str, ...] = ()
    """Names of what else the file carries, such as `min_runtime_version`."""


class _Table:
    """A table at a position of the file; fields by number, None if absent.

    `left` is the number of bytes that may still be copied out of the file. All its tables share it, so that a file whose vectors overlap
    thousands of times does not fill the memory.
    """

    def __init__(self, data: mmap.mmap | bytes, position: int, left: list[int]) -> None:
        self.data = data
        self.position = position
        self.left = left
        self.vtable = position - self._int(position)
        self.fields = (self._unsigned(self.vtable, "H") - 4) // 2

    def _unsigned(self, at: int, kind: str = "I") -> int:
        if at < 0:
            raise InvalidModel
        return int(struct.unpack_from(f"<{kind}", self.data, at)[0])

    def _int(self, at: int) -> int:
        return self._unsigned(at, "i")

    def _at(self, field: int) -> int | None:
        if field >= self.fields:
            return None
        offset = self._unsigned(self.vtable + 4 + 2 * field, "H")
        return self.position + offset if offset else None

    def scalar(self, field: int, kind: str = "i", *, default: int = 0) -> int:
        at = self._at(field)
        return default if at is None else self._unsigned(at, kind)

    def _vector(self, field: int, size: int) -> tuple[int, int]:
        """Return where a vector's elements begin and their number; `size` is that of an element that will be copied."""
        at = self._at(field)
        if at is None:
            return 0, 0
        start = at + self._unsigned(at)
        count = self._unsigned(start)
        self.left[0] -= count * size
        if start + 4 + size * count > len(self.data) or self.left[0] < 0:
            raise InvalidModel
        return start + 4, count

    def text(self, field: int) -> str:
        start, count = self._vector(field, 1)
        return bytes(self.data[start : start + count]).decode("utf-8", "replace")

    def ints(self, field: int) -> tuple[int, ...]:
        start, count = self._vector(field, 4)
        return struct.unpack_from(f"<{count}i", self.data, start)

    def tables(self, field: int) -> list[_Table]:
        start, count = self._vector(field, 4)
        return [_Table(self.data, at + self._unsigned(at), self.left) for at in range(start, start + 4 * count, 4)]

    def numbers(self, field: int, kind: str) -> tuple[Any, ...]:
        """Read a vector of another type: `kind` is `struct`'s letter."""
        start, count = self._vector(field, struct.calcsize(f"<{kind}"))
        return struct.unpack_from(f"<{count}{kind}", self.data, start)

    def table(self, field: int) -> _Table | None:
        at = self._at(field)
        return None if at is None else _Table(self.data, at + self._unsigned(at), self.left)

    def bytes_at(self, field: int) -> tuple[int, int]:
        """Return where a vector of bytes begins, and its length; nothing is copied."""
        start, count = self._vector(field, 0)
        if start + count > len(self.data):
            raise InvalidModel
        return start, count


def _tensor(table: _Table, buffer_sizes: list[int]) -> Tensor:
    shape, buffer = table.ints(0), table.scalar(2, "I")
    if buffer >= max(1, len(buffer_sizes)):
        raise InvalidModel
    constant = bool(buffer_sizes) and buffer_sizes[buffer] > 0
    return Tensor(table.text(3), table.scalar(1, "b"), shape, table.ints(7) or shape, constant)


def _tensor_details(table: _Table) -> TensorDetails:
    return TensorDetails(
        table.scalar(2, "I"), _quantization(table.table(4)), table.table(6) is not None, bool(table.scalar(5, "B"))
    )


def _quantization(table: _Table | None) -> Quantization | None:
    if table is None:
        return None
    scales, blockwise = table.numbers(2, "f"), table.scalar(4, "B") == _BLOCKWISE
    if not scales and not blockwise:
        return None  # only the range that the converter saw
    return Quantization(scales, table.numbers(3, "q"), table.scalar(6), blockwise)


def _operator(table: _Table, codes: list[tuple[int, str]]) -> Operator:
    code = table.scalar(0, "I")
    if code >= len(codes):
        raise InvalidModel
    return Operator(*codes[code], table.ints(1), table.ints(2))


def _operator_details(table: _Table, codes: list[tuple[int, str]], versions: list[int]) -> OperatorDetails:
    code = table.scalar(0, "I")
    named = _CONTROL_FLOW.get(codes[code][0], 0)
    options = table.table(4) if named else None
    subgraphs = tuple(options.scalar(field) for field in range(named)) if options is not None else ()
    return OperatorDetails(versions[code], subgraphs)


def _buffer(table: _Table) -> Buffer:
    """A buffer beyond 2 GB has an offset into the file (fields 1 and 2) instead of its bytes."""
    inside = Buffer(*table.bytes_at(0))
    if inside.size:
        return inside
    outside = Buffer(table.scalar(1, "Q"), table.scalar(2, "Q"))
    if outside.size and outside.start + outside.size > len(table.data):
        raise InvalidModel
    return outside


def _check_tensors(subgraph: Subgraph, indices: tuple[int, ...]) -> None:
    if any(not 0 <= index < len(subgraph.tensors) for index in indices):
        raise InvalidModel


def _check_operators(subgraph: Subgraph, subgraphs: int) -> None:
    """Check what only those need who follow the edges; -1 is an input that is left out."""
    for operator, its in zip(subgraph.operators, subgraph.operator_details, strict=True):
        _check_tensors(subgraph, tuple(index for index in operator.inputs if index != -1) + operator.outputs)
        if any(not 0 <= index < subgraphs for index in its.subgraphs):
            raise InvalidModel


def read_graph(data: mmap.mmap | bytes, *, details: bool = False) -> Graph:
    """Read a model's graph.

    Args:
        data: the content of the file.
        details: also read what running it does not need: quantization, sparsity, the place of weights, who made it. This takes longer.

    Raises:
        InvalidModel: the file is not a TFLite flatbuffer, or has offsets outside itself.
    """
    try:
        if bytes(data[4:8]) != b"TFL3":
            raise InvalidModel
        model = _Table(data, struct.unpack_from("<I", data, 0)[0], [_COPIES * len(data) + (1 << 20)])
        codes = [(max(t.scalar(0, "b"), t.scalar(3)), t.text(1)) for t in model.tables(1)]
        versions = [t.scalar(2, default=1) for t in model.tables(1)] if details else []
        # A buffer beyond 2 GB has an offset into the file (fields 1 and 2) instead of its bytes.
        sizes = [buffer.bytes_at(0)[1] or buffer.scalar(2, "Q") for buffer in model.tables(4)]
        subgraphs = tuple(
            Subgraph(
                table.text(4),
                tuple(_tensor(tensor, sizes) for tensor in table.tables(0)),
                tuple(_operator(operator, codes) for operator in table.tables(3)),
                table.ints(1),
                table.ints(2),
                tuple(_tensor_details(tensor) for tensor in table.tables(0)) if details else (),
                tuple(_operator_details(node, codes, versions) for node in table.tables(3)) if details else (),
            )
            for table in model.tables(2)
        )
        signatures = tuple(
            Signature(
                table.text(2),
                table.scalar(4, "I"),
                tuple(entry.scalar(1, "I") for entry in table.tables(0)),
                tuple(entry.scalar(1, "I") for entry in table.tables(1)),
                tuple(entry.text(0) for entry in table.tables(0)),
                tuple(entry.text(0) for entry in table.tables(1)),
            )
            for table in model.tables(7)
        )
        buffers = tuple(_buffer(table) for table in model.tables(4)) if details else ()
        description = model.text(3) if details else ""
        metadata = tuple(table.text(0) for table in model.tables(6)) if details else ()
    except (struct.error, IndexError, ValueError, OverflowError) as error:
        raise InvalidModel from error
    if not subgraphs:
        raise InvalidModel
    for signature in signatures:
        if signature.subgraph >= len(subgraphs):
            raise InvalidModel
        _check_tensors(subgraphs[signature.subgraph], signature.inputs)
    for subgraph in subgraphs:
        _check_tensors(subgraph, subgraph.inputs + subgraph.outputs)
        if details:
            _check_operators(subgraph, len(subgraphs))
    if details:
        for signature in signatures:
            _check_tensors(subgraphs[signature.subgraph], signature.outputs)
    return Graph(subgraphs, signatures, buffers, description, metadata)


def is_custom(operator: Operator) -> bool:
    """Return whether a node is a custom operator, which has a name instead of a number."""
    return operator.builtin == _CUSTOM
