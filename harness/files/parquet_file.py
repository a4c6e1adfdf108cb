"""Writes flat tables as Parquet, from rows or from columns. It needs pyarrow (the extra `parquet`), which is loaded when you write.

A table of a million rows consists of blocks, such as the ops of one trial. Within a block some columns hold one value, and some hold the
same values as in other blocks. Both are converted once.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, repeat
from typing import IO, TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np

from harness.errors import SetupError, UsageError
from harness.files.arrow_arrays import arrow_array, arrow_numbers, arrow_type
from harness.files.flat_table import Column, Row, TableValue

if TYPE_CHECKING:
    import pyarrow as pa

_GROUP = 50_000
"""Rows of a row group."""

Cells: TypeAlias = "TableValue | tuple[TableValue, ...] | array[float]"
"""A block's part of a column: one value for all its rows; a value for each; or finite numbers, NaN where one is unknown."""


@dataclass(frozen=True, slots=True)
class RowBlock:
    """Some rows of a table, column by column."""

    rows: int
    cells: tuple[Cells, ...]


def require_parquet() -> None:
    """Check that Parquet can be written. Call it before long work whose end is a Parquet file.

    Raises:
        SetupError: pyarrow is not installed.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        remedy = "pip install 'litert-device-harness[parquet]'"
        raise SetupError(f"Parquet needs the Python package pyarrow: {error}", remedy=remedy) from None


def write_parquet(table: Sequence[Column], rows: Iterable[Row], out: IO[bytes]) -> None:
    """Write Parquet with proper types and nulls.

    Raises:
        SetupError: pyarrow is not installed.
        UsageError: a number has more than 64 bits.
    """
    _write(table, _tables(table, iter(rows)), out)


def write_parquet_blocks(table: Sequence[Column], blocks: Iterable[RowBlock], out: IO[bytes]) -> None:
    """Do `write_parquet` for rows that are kept in columns: the same file, several times as fast.

    Args:
        table: the columns.
        blocks: the rows, with cells in the order of `table`; numbers are finite or NaN, text is text (see `plain`).
        out: where to.

    Raises:
        SetupError, UsageError: as `write_parquet`.
    """
    _write(table, _tables_of_blocks(table, blocks), out)


def _write(table: Sequence[Column], tables: Iterator[pa.Table], out: IO[bytes]) -> None:
    require_parquet()
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema(table)
    waiting = _table(table, [arrow_array((), column.kind) for column in table])
    with pq.ParquetWriter(out, schema) as writer:
        for some in tables:
            waiting = pa.concat_tables([waiting, some])
            while waiting.num_rows >= _GROUP:
                writer.write_table(waiting.slice(0, _GROUP).combine_chunks())
                waiting = waiting.slice(_GROUP)
        writer.write_table(waiting.combine_chunks())


def _tables(table: Sequence[Column], rows: Iterator[Row]) -> Iterator[pa.Table]:
    while batch := list(islice(rows, _GROUP)):
        yield _table(table, [_array(values, one) for values, one in zip(zip(*batch, strict=True), table, strict=True)])


def _tables_of_blocks(table: Sequence[Column], blocks: Iterable[RowBlock]) -> Iterator[pa.Table]:
    shared = _Shared()
    gathered: list[RowBlock] = []
    rows = 0
    for block in blocks:
        gathered.append(block)
        rows += block.rows
        if rows >= _GROUP:
            yield _table(table, [shared.column(gathered, at, one) for at, one in enumerate(table)])
            gathered, rows = [], 0
    if gathered:
        yield _table(table, [shared.column(gathered, at, one) for at, one in enumerate(table)])


def rows_of(block: RowBlock) -> Iterator[Row]:
    """Yield the rows of a block."""
    return zip(*(_cells(part, block.rows) for part in block.cells), strict=True)


def _cells(part: Cells, rows: int) -> Iterable[TableValue]:
    if isinstance(part, array):
        return [None if math.isnan(value) else value for value in part]
    return part if isinstance(part, tuple) else repeat(part, rows)


class _Shared:
    """Turns parts of columns into Arrow's arrays, those that many blocks share only once."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, str], tuple[object, pa.Array]] = {}

    def column(self, blocks: Sequence[RowBlock], place: int, column: Column) -> pa.Array:
        import pyarrow as pa

        parts = [block.cells[place] for block in blocks]
        if all(isinstance(part, array) for part in parts):
            return arrow_numbers(np.frombuffer(b"".join(cast("list[array[float]]", parts))))
        if not any(isinstance(part, array | tuple) for part in parts):
            return _array(cast(list[TableValue], parts), column, [block.rows for block in blocks])
        return pa.concat_arrays(
            [self._part(part, block.rows, column) for part, block in zip(parts, blocks, strict=True)]
        )

    def _part(self, part: Cells, rows: int, column: Column) -> pa.Array:
        if isinstance(part, array):
            return arrow_numbers(np.frombuffer(part))
        if not isinstance(part, tuple):
            return _array([part], column, [rows])
        # By identity, since comparing the values would cost as much as converting them. The entry keeps the tuple alive, and so its id.
        key = (id(part), column.name)
        if key not in self._made:
            self._made[key] = (part, _array(part, column))
        return self._made[key][1]


def _array(values: Sequence[TableValue], column: Column, times: Sequence[int] | None = None) -> pa.Array:
    try:
        return arrow_array(values, column.kind, times=times)
    except OverflowError:
        raise UsageError(
            f"{column.name} holds a number of more than 64 bits, which Parquet has no room for",
            remedy="--format csv or json",
        ) from None


def _schema(table: Sequence[Column]) -> Any:
    import pyarrow as pa

    return pa.schema([(column.name, arrow_type(column.kind)) for column in table])


def _table(table: Sequence[Column], columns: Sequence[Any]) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_arrays(columns, schema=_schema(table))
