"""Reads rows of the profile's tables: separated by TABs, by spaces after pasting, or by the `, ` of the CSV mode.

All three are read outwards from the two percentages that are side by side in every row. To their left is a known number of numeric columns;
the rest is the node type, which may contain spaces, commas and brackets. To their right are `mem KB` and `times called`; the rest is the
name, which may be empty or contain any separator.
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

_USUAL_ROW = re.compile(
    r"\t? *([^\s\t%](?:[^\t%]*[^\s\t%])?) *"
    r"(?:\t *(-?[0-9]{1,20}\.[0-9]{3}) *)?\t *(-?[0-9]{1,20}\.[0-9]{3}) *\t *(-?[0-9]{1,20}\.[0-9]{3}) *"
    r"\t *(-?[0-9]{1,20}\.[0-9]{1,20})% *\t *(-?[0-9]{1,20}\.[0-9]{1,20})% *"
    r"\t *(-?[0-9]{1,20}\.[0-9]{1,20}) *\t *([0-9]{1,18}) *\t *((?:\S(?:[^\t]*\S)?)?) *"
)
"""A row of operators as the tool prints nearly all of them: one cell for the type, one for the name, all numbers there."""

_MOST_CELLS = 64
"""Number of cells to search for the percentages: node types are a few words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedRow:
    """A row of `Run Order` or `Top by ...`, in microseconds, before it is assigned to a table."""

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
    """A table's heading: the kind of table and the separator of its rows."""

    kind: Literal["ops", "summary"]
    separator: Separator
    has_start: bool


def parse_header(text: str) -> Header | None:
    """Read `[node type]\\t[start]\\t...` or `node type, first, avg_ms, ...`; None if the line is not a heading."""
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
    """Read a row of operators; None if the line is not one, or is cut short."""
    if (usual := _USUAL_ROW.fullmatch(text)) is not None:
        return _usual_row(usual)
    return parse_unusual_op_row(text, header)


def _usual_row(match: re.Match[str]) -> PrintedRow:
    node_type, start, first, avg, share, cdf, mem, times, name = match.groups()
    # As `scaled` and `number` read them.
    return PrintedRow(
        node_type=node_type,
        name=name,
        start_us=None if start is None else float(f"{start}e3"),
        first_us=float(f"{first}e3"),
        avg_us=float(f"{avg}e3"),
        percent=float(share),
        cdf_percent=float(cdf),
        mem_kb=float(mem),
        times_called=int(times),
    )


def parse_unusual_op_row(text: str, header: Header | None) -> PrintedRow | None:
    """Do `parse_op_row` cell by cell. What the usual pattern fits is read alike, five times as slowly."""
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
    # The tool ends the column with a separator even without a name, so a count at the end of a line may lack digits.
    counted = times if separator == "space" or len(cells) > at + 4 else None
    start, first, avg = (cells[at - 3] if has_start else ""), cells[at - 2], cells[at - 1]
    if number(first) is None or number(avg) is None:
        return None
    if separator == "comma":
        if len(cells) <= at + 4:
            return None  # a row of the summary: it has no name
    elif not (_THREE_DECIMALS.fullmatch(first) and _THREE_DECIMALS.fullmatch(avg)):
        return None  # a row of the summary, which has a count here, or another program's columns
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
    """Read a row of `Summary by node type`; None if the line is not one, or is cut short."""
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
    """Return the cells, the index of the first of the two percentages, and the separator."""
    if text.count("\t") >= 6:
        cells = [cell.strip() for cell in text.split("\t")]
        if cells and not cells[0]:
            del cells[0]
        at = _percent_pair(cells)
        if at is not None:
            return cells, at, "tab"
    if header is None or header.separator == "comma":
        cells = [cell.strip(" ") for cell in text.split(", ")]
        if cells and cells[-1].endswith(","):  # an editor removed the blank after the last comma
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
    """Return whether there is a `[start]` column: from the heading, else from the number of columns."""
    if separator == "tab":
        return at >= 4 and number(cells[at - 3]) is not None
    if header is not None:
        return header.has_start
    # Without a heading: a node type may end with a number (`cast 0`), but not with three decimals.
    return at >= 4 and _THREE_DECIMALS.fullmatch(cells[at - 3]) is not None
