"""Reads the graph out of a .tflite file: tensors, operators, signatures. Weights are not touched.

A minimal reader of the flatbuffer encoding (https://flatbuffers.dev/internals/) with the field numbers of TFLite's schema. It refuses
offsets outside the file, so that a truncated or corrupt model never reaches the native library.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass

_CUSTOM = 32


class InvalidModel(Exception):
    """The bytes are not a TFLite model."""


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
    """Likewise for its outputs."""


@dataclass(frozen=True, slots=True)
class Graph:
    """The whole model."""

    subgraphs: tuple[Subgraph, ...]
    signatures: tuple[Signature, ...]


class _Table:
    """A table at a position of the file; fields by number, None if absent."""

    def __init__(self, data: mmap.mmap | bytes, position: int) -> None:
        self.data = data
        self.position = position
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

    def scalar(self, field: int, kind: str = "i") -> int:
        at = self._at(field)
        return 0 if at is None else self._unsigned(at, kind)

    def _vector(self, field: int) -> tuple[int, int]:
        at = self._at(field)
        if at is None:
            return 0, 0
        start = at + self._unsigned(at)
        return start + 4, self._unsigned(start)

    def text(self, field: int) -> str:
        start, count = self._vector(field)
        if start + count > len(self.data):
            raise InvalidModel
        return bytes(self.data[start : start + count]).decode("utf-8", "replace")

    def ints(self, field: int) -> tuple[int, ...]:
        start, count = self._vector(field)
        if start + 4 * count > len(self.data):
            raise InvalidModel
        return struct.unpack_from(f"<{count}i", self.data, start)

    def tables(self, field: int) -> list[_Table]:
        start, count = self._vector(field)
        if start + 4 * count > len(self.data):
            raise InvalidModel
        return [_Table(self.data, at + self._unsigned(at)) for at in range(start, start + 4 * count, 4)]

    def byte_length(self, field: int) -> int:
        start, count = self._vector(field)
        if start + count > len(self.data):
            raise InvalidModel
        return count


def _tensor(table: _Table, buffer_sizes: list[int]) -> Tensor:
    shape, buffer = table.ints(0), table.scalar(2, "I")
    if buffer >= max(1, len(buffer_sizes)):
        raise InvalidModel
    constant = bool(buffer_sizes) and buffer_sizes[buffer] > 0
    return Tensor(table.text(3), table.scalar(1, "b"), shape, table.ints(7) or shape, constant)


def _operator(table: _Table, codes: list[tuple[int, str]]) -> Operator:
    code = table.scalar(0, "I")
    if code >= len(codes):
        raise InvalidModel
    return Operator(*codes[code], table.ints(1), table.ints(2))


def _check_tensors(subgraph: Subgraph, indices: tuple[int, ...]) -> None:
    if any(not 0 <= index < len(subgraph.tensors) for index in indices):
        raise InvalidModel


def read_graph(data: mmap.mmap | bytes) -> Graph:
    """Read a model's graph.

    Args:
        data: the content of the file.

    Raises:
        InvalidModel: the file is not a TFLite flatbuffer, or has offsets outside itself.
    """
    try:
        if bytes(data[4:8]) != b"TFL3":
            raise InvalidModel
        model = _Table(data, struct.unpack_from("<I", data, 0)[0])
        codes = [(max(t.scalar(0, "b"), t.scalar(3)), t.text(1)) for t in model.tables(1)]
        # A buffer beyond 2 GB has an offset into the file (fields 1 and 2) instead of its bytes.
        sizes = [buffer.byte_length(0) or buffer.scalar(2, "Q") for buffer in model.tables(4)]
        subgraphs = tuple(
            Subgraph(
                table.text(4),
                tuple(_tensor(tensor, sizes) for tensor in table.tables(0)),
                tuple(_operator(operator, codes) for operator in table.tables(3)),
                table.ints(1),
                table.ints(2),
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
    return Graph(subgraphs, signatures)


def is_custom(operator: Operator) -> bool:
    """Return whether a node is a custom operator, which has a name instead of a number."""
    return operator.builtin == _CUSTOM
