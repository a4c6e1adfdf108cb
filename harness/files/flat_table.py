"""Writes flat tables as CSV or JSON. Parquet: `parquet_file.py`.

An unknown value is null (an empty cell in CSV), never 0; so is a NaN, such as `-nan` of a tool that divided by zero (`plain` does this).

Text by strangers (names of models, devices, ops) is exact in JSON and Parquet. In CSV, a text cell that a spreadsheet would take for a
formula (it begins with `=`, `+`, `-`, `@`, a tab or a carriage return) gets an apostrophe in front, the spreadsheet's mark for text: people
open CSV files by double click, and an op name must not become a command. Number columns stay as they are.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Literal

TableValue = str | int | float | bool | None
Row = tuple[TableValue, ...]
ColumnKind = Literal["text", "integer", "number", "flag"]

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Column:
    """Name and kind of a column."""

    name: str
    kind: ColumnKind


def columns(text: str) -> tuple[Column, ...]:
    """Read `run_id:t threads:i init_us:n synthetic:f`: text, integer, number, flag."""
    kinds: dict[str, ColumnKind] = {"t": "text", "i": "integer", "n": "number", "f": "flag"}
    return tuple(Column(name, kinds[kind]) for name, kind in (word.split(":") for word in text.split()))


def plain(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the rows with null for NaN and infinity, and with escapes for the bytes of a file name that are no text."""
    for row in rows:
        yield tuple(map(plain_cell, row))


def plain_cell(cell: TableValue) -> TableValue:
    """Return a cell as `plain` gives it."""
    if isinstance(cell, float):
        return cell if math.isfinite(cell) else None
    if isinstance(cell, str) and not cell.isascii():
        return cell.encode("utf-8", "backslashreplace").decode("utf-8")
    return cell


def write_csv(table: Sequence[Column], rows: Iterable[Row], out: IO[str]) -> None:
    """Write CSV (RFC 4180 with `\\n` line ends); flags are `true` and `false`."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.name for column in table])
    for row in rows:
        writer.writerow([_csv_cell(value) for value in row])


def write_json(table: Sequence[Column], rows: Iterable[Row], out: IO[str]) -> None:
    """Write a JSON list of objects, one a line."""
    names = [column.name for column in table]
    separator = "[\n"
    for row in rows:
        out.write(separator + json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, allow_nan=False))
        separator = ",\n"
    out.write("\n]\n" if separator != "[\n" else "[]\n")


def _csv_cell(value: TableValue) -> TableValue:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return "'" + value
    return value
