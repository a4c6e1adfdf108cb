from __future__ import annotations

import io
import math
from array import array
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.errors import UsageError
from harness.files.arrow_arrays import arrow_array, arrow_type
from harness.files.flat_table import ColumnKind, TableValue, columns
from harness.files.parquet_file import RowBlock, write_parquet, write_parquet_blocks

TABLE = columns("trial:t index:i name:t us:n calls:i known:f half:n")


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("text", ["", "a", None, "模型", "", "<b>"]),
        ("text", [None, None]),
        ("integer", [0, None, -(2**63), 2**63 - 1]),
        ("number", [0.0, None, -1.5, 1e308, 3]),
        ("flag", [True, None, False] * 7),
        ("text", []),
        ("flag", []),
    ],
)
def test_an_array_is_what_pyarrow_makes(kind: ColumnKind, values: Sequence[TableValue]) -> None:
    made = arrow_array(values, kind)
    made.validate(full=True)
    assert made.equals(pa.array(values, type=arrow_type(kind)))
    times = [at % 3 for at in range(len(values))]
    repeated = arrow_array(values, kind, times=times)
    repeated.validate(full=True)
    assert repeated.to_pylist() == [
        value for value, count in zip(made.to_pylist(), times, strict=True) for _ in range(count)
    ]


def _blocks(sizes: Sequence[int]) -> list[RowBlock]:
    names = {size: tuple(f"[op]:{at}" if at % 5 else "" for at in range(size)) for size in sizes}
    return [
        RowBlock(
            size,
            (
                f"t{number}",
                tuple(range(size)),
                names[size],
                array("d", [at * 0.5 if at % 7 else math.nan for at in range(size)]),
                None if number % 3 == 0 else (1, None) * (size // 2) + (1,) * (size % 2),
                number % 2 == 0 if number % 3 else None,
                array("d", [1.0] * size) if number % 4 else None,
            ),
        )
        for number, size in enumerate(sizes)
    ]


def _rows(blocks: Sequence[RowBlock]) -> list[tuple[TableValue, ...]]:
    return [
        tuple(
            (None if math.isnan(cell[at]) else cell[at])
            if isinstance(cell, array)
            else cell[at]
            if isinstance(cell, tuple)
            else cell
            for cell in block.cells
        )
        for block in blocks
        for at in range(block.rows)
    ]


@pytest.mark.parametrize(
    "sizes", [[], [0], [1], [3, 0, 200, 200], [30_000, 20_000], [30_000, 30_000, 50_001, 7], [120_000]]
)
def test_blocks_give_the_file_that_their_rows_give(sizes: list[int]) -> None:
    blocks = _blocks(sizes)
    by_rows, by_blocks = io.BytesIO(), io.BytesIO()
    write_parquet(TABLE, _rows(blocks), by_rows)
    write_parquet_blocks(TABLE, blocks, by_blocks)
    assert by_blocks.getvalue() == by_rows.getvalue()
    if sum(sizes) < 1000:
        assert [tuple(row.values()) for row in pq.read_table(by_blocks).to_pylist()] == _rows(blocks)


@pytest.mark.parametrize("cells", [(2**63,), 2**63])
def test_a_number_of_more_than_64_bits_is_refused(cells: tuple[TableValue, ...] | int) -> None:
    with pytest.raises(UsageError, match="calls holds a number of more than 64 bits"):
        write_parquet_blocks(columns("calls:i"), [RowBlock(1, (cells,))], io.BytesIO())
