"""Makes Arrow's arrays from Python values by their memory layout (arrow.apache.org/docs/format/Columnar.html).

`pyarrow.array` does so too, but loads pandas to ask whether it got a Series. That takes longer than to write a million rows.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from harness.files.flat_table import ColumnKind, TableValue

if TYPE_CHECKING:
    import pyarrow as pa


def arrow_type(kind: ColumnKind) -> Any:
    """Return Arrow's type for a column."""
    import pyarrow as pa

    return {"text": pa.string(), "integer": pa.int64(), "number": pa.float64(), "flag": pa.bool_()}[kind]


def arrow_array(values: Sequence[TableValue], kind: ColumnKind, *, times: Sequence[int] | None = None) -> pa.Array:
    """Convert some values; None becomes null.

    Args:
        values: of the column's kind.
        kind: that kind.
        times: how often each value follows itself; None: once.

    Raises:
        OverflowError: a number has more than 64 bits.
    """
    import pyarrow as pa

    counts = np.ones(len(values), np.int64) if times is None else np.array(times, np.int64)
    known = np.repeat(np.array([value is not None for value in values], np.bool_), counts)
    if kind == "text":
        data: list[Any] = _text([cast(str, value or "").encode() for value in values], counts)
    elif kind == "flag":
        data = [_bits(np.repeat(np.array([bool(value) for value in values], np.bool_), counts))]
    else:
        code = "q" if kind == "integer" else "d"
        numbers = array(code, [cast(int, 0 if value is None else value) for value in values])
        data = [pa.py_buffer(np.repeat(np.array(numbers), counts))]
    return pa.Array.from_buffers(arrow_type(kind), len(known), [None if known.all() else _bits(known), *data])


def arrow_numbers(numbers: npt.NDArray[np.float64]) -> pa.Array:
    """Convert numbers; NaN becomes null."""
    import pyarrow as pa

    known = ~np.isnan(numbers)
    validity = None if known.all() else _bits(known)
    return pa.Array.from_buffers(pa.float64(), len(numbers), [validity, pa.py_buffer(np.ascontiguousarray(numbers))])


def _text(words: list[bytes], counts: npt.NDArray[np.int64]) -> list[Any]:
    import pyarrow as pa

    ends = np.cumsum(np.repeat(np.array([len(word) for word in words], np.int64), counts))
    if len(ends) and ends[-1] > np.iinfo(np.int32).max:
        raise ValueError("an array of text holds at most 2 GiB")
    offsets = np.concatenate([[0], ends]).astype(np.int32)
    whole = b"".join(word * count for word, count in zip(words, counts.tolist(), strict=True))
    return [pa.py_buffer(offsets), pa.py_buffer(whole)]


def _bits(flags: npt.NDArray[np.bool_]) -> pa.Buffer:
    import pyarrow as pa

    return pa.py_buffer(np.packbits(flags, bitorder="little"))
