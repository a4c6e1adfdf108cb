"""Rows of the profile's tables: separated by TABs, by the spaces that pasting made of them, or by the `, ` of the CSV mode.

All three are read from the two percentages that stand side by side in every row. To their left the columns are numbers whose number is
known, so what remains is the node type, which may hold spaces, commas and brackets; to their right are `mem KB` and `times called`, and
what remains is the name, which may be empty or hold any of the separators.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from harness.benchmark_model.numbers import number, percent, scaled, whole
from harness.records import OpTypeSummary

Separator = Literal["tab", "space", "comma"]

_PERCENT = re.compile(r"-?(?:\d{1,20}(?:\.\d{1,20})?(?:e[+-]?\d{1,3})?|nan|inf)%")
_TWO_PERCENTS = re.compile(rf"({_PERCENT.pattern})({_PERCENT.pattern})")
_THREE_DECIMALS = re.compile(r"-?\d{1,20}\.\d{3}")

_MOST_CELLS = 64
"""How far to the right the percentages are looked for: node types are a few words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedRow:
    """A row of `Run Order` or `Top by ...`, in microseconds; not yet placed in a table."""

    node_type: str
    name: str
    start_us: float | None
    first_us: float | None
    avg_us: float | None
    percent: float | None
    cdf_percent: float | None
    mem_kb: float | None
    times_called: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A table's heading: which table it is and how its rows are separated."""

    kind: Literal["ops", "summary"]
    separator: Separator
    has_start: bool


def parse_header(text: str) -> Header | None:
    """Read `[node type]\\t[start]\\t...` or `node type, first, avg_ms, ...`; None where the line is no heading."""
    low = text.strip().lower()
    if low.startswith("[node type]"):
        kind: Literal["ops", "summary"] = "ops" if "[name]" in low or "[first]" in low else "summary"
        return Header(kind=kind, separator="tab" if "\t" in text.strip() else "space", has_start="[start]" in low)
    if low.startswith("node type,"):
        fields = [field.strip() for field in low.split(",")]
        return Header(
            kind="ops" if "name" in fields or "first" in fields else "summary",
            separator="comma",
            has_start="start" in fields,
        )
    return None


def parse_op_row(text: str, header: Header | None) -> PrintedRow | None:
    """Read a row of operators; None where the line is none, or is cut short."""
    found = _split(text, header)
    if found is None:
        return None
    cells, at, separator = found
    has_start = _has_start(cells, at, separator, header)
    numbers = 3 if has_start else 2
    if at - numbers < 1:  # a row without its type is the second half of a broken line
        return None
    times = whole(cells[at + 3]) if len(cells) > at + 3 else None
    if times is None:
        return None
    # The tool ends the column with a separator even where no name follows: a count at the end of a line may lack digits.
    counted = times if separator == "space" or len(cells) > at + 4 else None
    start, first, avg = (cells[at - 3] if has_start else ""), cells[at - 2], cells[at - 1]
    if number(first) is None or number(avg) is None:
        return None
    if separator == "comma":
        if len(cells) <= at + 4:
            return None  # a row of the summary: it has no name
    elif not (_THREE_DECIMALS.fullmatch(first) and _THREE_DECIMALS.fullmatch(avg)):
        return None  # a row of the summary, where a count stands here; or some other program's columns
    joiner = {"tab": "\t", "space": " ", "comma": ", "}[separator]
    name = joiner.join(cells[at + 4 :])
    if separator == "comma":
        name = name.replace("\t", ",")
    return PrintedRow(
        node_type=joiner.join(cells[: at - numbers]).strip(),
        name=name.strip(),
        start_us=scaled(start, 3),
        first_us=scaled(first, 3),
        avg_us=scaled(avg, 3),
        percent=percent(cells[at]),
        cdf_percent=percent(cells[at + 1]),
        mem_kb=number(cells[at + 2]),
        times_called=counted,
    )


def parse_summary_row(text: str, header: Header | None) -> OpTypeSummary | None:
    """Read a row of `Summary by node type`; None where the line is none, or is cut short."""
    found = _split(text, header)
    if found is None:
        return None
    cells, at, separator = found
    if at < 2 or len(cells) <= at + 3 or (separator != "space" and len(cells) > at + 5):
        return None
    count, times = whole(cells[at - 2]), whole(cells[at + 3])
    if count is None or times is None or number(cells[at - 1]) is None:
        return None
    joiner = {"tab": "\t", "space": " ", "comma": ", "}[separator]
    return OpTypeSummary(
        node_type=joiner.join(cells[: at - 2]).strip(),
        count=count,
        avg_us=scaled(cells[at - 1], 3),
        percent=percent(cells[at]),
        cdf_percent=percent(cells[at + 1]),
        mem_kb=number(cells[at + 2]),
        times_called=times,
    )


def _split(text: str, header: Header | None) -> tuple[list[str], int, Separator] | None:
    """Cells, the index of the first of the two percentages, and what separates the cells."""
    if text.count("\t") >= 6:
        cells = [cell.strip() for cell in text.split("\t")]
        if cells and not cells[0]:
            del cells[0]
        at = _percent_pair(cells)
        if at is not None:
            return cells, at, "tab"
    if header is None or header.separator == "comma":
        cells = [cell.strip(" ") for cell in text.split(", ")]
        if cells and cells[-1].endswith(","):  # an editor took the blank after the last comma
            cells[-1:] = [cells[-1][:-1], ""]
        at = _percent_pair(cells)
        if at is not None:
            return cells, at, "comma"
    cells = text.split()
    for index, cell in enumerate(cells[:_MOST_CELLS]):
        if (both := _TWO_PERCENTS.fullmatch(cell)) is not None:
            cells[index : index + 1] = [both[1], both[2]]
            break
    at = _percent_pair(cells)
    return None if at is None else (cells, at, "space")


def _percent_pair(cells: list[str]) -> int | None:
    for index in range(2, min(len(cells) - 1, _MOST_CELLS)):
        if cells[index].endswith("%") and _PERCENT.fullmatch(cells[index]) and _PERCENT.fullmatch(cells[index + 1]):
            return index
    return None


def _has_start(cells: list[str], at: int, separator: Separator, header: Header | None) -> bool:
    """Whether a `[start]` column is there: as the heading says, else by the number of columns."""
    if separator == "tab":
        return at >= 4 and number(cells[at - 3]) is not None
    if header is not None:
        return header.has_start
    # Without a heading: a node type may end in a number (`cast 0`), but not in one with three decimals.
    return at >= 4 and _THREE_DECIMALS.fullmatch(cells[at - 3]) is not None
