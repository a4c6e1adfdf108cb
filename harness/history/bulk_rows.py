"""Writes a run's op rows in the fastest way of each database: a large run has a million."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from sqlalchemy import Connection, insert

from harness.history.run_rows import OpValues
from harness.history.tables import ops

if TYPE_CHECKING:
    import psycopg

_AT_ONCE = 20_000
_COLUMNS = tuple(column.name for column in ops.columns)


def write_ops(connection: Connection, rows: Iterable[OpValues], wrote: Callable[[int], None]) -> None:
    """Write op rows.

    Args:
        connection: in a transaction that writes.
        rows: their values, in the order of the columns.
        wrote: called with the number of rows of each batch.
    """
    if connection.dialect.name == "postgresql":
        _copy(connection, rows, wrote)
        return
    statement = str(insert(ops).compile(dialect=connection.dialect, column_keys=list(_COLUMNS)))
    for batch in _batches(rows):
        connection.exec_driver_sql(statement, batch)
        wrote(len(batch))


def _copy(connection: Connection, rows: Iterable[OpValues], wrote: Callable[[int], None]) -> None:
    driver: psycopg.Connection = connection.connection.driver_connection  # type: ignore[assignment]
    names = ", ".join(_COLUMNS)
    with driver.cursor() as cursor, cursor.copy(f"COPY ops ({names}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(["int8", "int4", "text", "text", "float8", "int4"])
        for batch in _batches(rows):
            for row in batch:
                copy.write_row(row)
            wrote(len(batch))


def _batches(rows: Iterable[OpValues]) -> Iterator[list[OpValues]]:
    every = iter(rows)
    while batch := list(islice(every, _AT_ONCE)):
        yield batch
