"""Facts about the conversion of a .tflite file: quantised ops, weights that are zero, ops of TensorFlow's own."""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from harness.errors import ModelFailed
from harness.litert_host.model_file import ModelError, open_graph

_HALF = schema.TensorType.FLOAT16
_NUMBERS: dict[int, type[np.generic]] = {
    schema.TensorType.FLOAT32: np.float32,
    _HALF: np.float16,
    schema.TensorType.INT8: np.int8,
    schema.TensorType.INT16: np.int16,
}
"""Element types whose weights are counted. Packed ones (int4) are left out, because a zero of four bits is no byte of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """The facts that `file_facts` reads."""

    total_ops: int
    quantized_ops: int
    """Ops with a quantised or fp16 weight or input."""
    sparsity: float | None
    """Share of zeros among weights of two and more dimensions, from 0 to 1; None if there are no such weights."""
    sparse_tensors: int = 0
    """Number of weights that are stored without their zeros."""
    flex_ops: tuple[str, ...] = ()
    """TensorFlow's own ops, without the prefix `Flex`."""
    custom_ops: tuple[str, ...] = ()


def file_facts(path: Path) -> FileFacts:
    """Read a model file.

    Raises:
        ModelFailed: it is damaged, or not a .tflite.
    """
    try:
        graph, _size = open_graph(str(path))  # checks every offset; the generated reader does not
    except ModelError as error:
        raise ModelFailed(f"{path.name} is no whole .tflite: {error}") from None
    custom = {op.custom for part in graph.subgraphs for op in part.operators if op.custom}
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, prot=mmap.PROT_READ) as data:
        try:
            model = schema.Model.GetRootAs(data)
            quantised = _quantised_ops(model)
            zeros, weights, sparse = _zeros(model, data)
        except (struct.error, IndexError, ValueError, TypeError) as error:
            raise ModelFailed(f"{path.name} is damaged: {error}") from None
        finally:
            model = None  # its views would keep the mapping open
    return FileFacts(
        total_ops=sum(len(part.operators) for part in graph.subgraphs),
        quantized_ops=quantised,
        sparsity=zeros / weights if weights else None,
        sparse_tensors=sparse,
        flex_ops=tuple(sorted(name.removeprefix("Flex") for name in custom if name.startswith("Flex"))),
        custom_ops=tuple(sorted(name for name in custom if not name.startswith("Flex"))),
    )


def _quantised_ops(model: Any) -> int:
    quantised = 0
    for part in (model.Subgraphs(number) for number in range(model.SubgraphsLength())):
        small = [_is_quantised(part.Tensors(number)) for number in range(part.TensorsLength())]
        for op in (part.Operators(number) for number in range(part.OperatorsLength())):
            quantised += any(small[op.Inputs(number)] for number in range(op.InputsLength()) if op.Inputs(number) >= 0)
    return quantised


def _is_quantised(tensor: Any) -> bool:
    if tensor.Type() == _HALF:
        return True
    quantisation = tensor.Quantization()
    return quantisation is not None and (quantisation.ScaleLength() > 0 or quantisation.DetailsType() > 0)


def _zeros(model: Any, data: mmap.mmap) -> tuple[int, int, int]:
    """Count zeros among weights, weights, and tensors stored without zeros; a buffer that several tensors share counts once."""
    zeros = weights = sparse = 0
    seen: set[int] = set()
    for part in (model.Subgraphs(number) for number in range(model.SubgraphsLength())):
        for tensor in (part.Tensors(number) for number in range(part.TensorsLength())):
            dtype, number = _NUMBERS.get(tensor.Type()), tensor.Buffer()
            if dtype is None or tensor.ShapeLength() < 2 or number in seen:
                continue
            stored = _values(model.Buffers(number), data, dtype)
            if stored is None:
                continue
            seen.add(number)
            if tensor.Sparsity() is not None:  # only what is not zero is stored
                whole = int(np.prod(tensor.ShapeAsNumpy()))
                zeros, weights = zeros + whole - int(np.count_nonzero(stored)), weights + whole
                sparse += 1
            else:
                zeros, weights = zeros + stored.size - int(np.count_nonzero(stored)), weights + stored.size
    return zeros, weights, sparse


def _values(buffer: Any, data: mmap.mmap, dtype: type[np.generic]) -> Any:
    width = np.dtype(dtype).itemsize
    if buffer.Offset() > 1:  # a buffer beyond 2 GB lies behind the flatbuffer
        return np.frombuffer(data[buffer.Offset() : buffer.Offset() + buffer.Size()], dtype)
    if not buffer.DataLength():
        return None
    stored = buffer.DataAsNumpy()
    return np.frombuffer(stored[: len(stored) // width * width].tobytes(), dtype)
