"""Rows and headings of the profile's tables, one by one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.benchmark_model.rows import (
    _USUAL_ROW,
    Header,
    PrintedRow,
    parse_header,
    parse_op_row,
    parse_summary_row,
    parse_unusual_op_row,
)
from harness.records import OpTypeSummary
from tests.benchmark_model.recorded import LOGS

TABS = Header(kind="ops", separator="tab", has_start=False)
BLANKS = Header(kind="ops", separator="space", has_start=False)
STARTS = Header(kind="ops", separator="space", has_start=True)
COMMAS = Header(kind="ops", separator="comma", has_start=False)


@pytest.mark.parametrize(
    ("line", "header"),
    [
        ("\t[node type]\t[first]\t[avg ms]\t[%]\t[cdf%]\t[mem KB]\t[times called]\t[Name]", TABS),
        ("[node type] [first] [avg ms] [%] [cdf%] [mem KB] [times called] [Name]", BLANKS),
        ("[node type] [start] [first] [avg ms] [%] [cdf%] [mem KB] [times called] [Name]", STARTS),
        ("[node type] [first] [avg ms]", BLANKS),
        ("[node type] [avg ms] [Name]", BLANKS),
        ("[Node type]\t[count]\t[avg ms]", Header(kind="summary", separator="tab", has_start=False)),
        ("node type, first, avg_ms, %, cdf%, mem KB, times called, name", COMMAS),
        ("node type, start, first, avg_ms, %, cdf%, mem KB, times called, name",
         Header(kind="ops", separator="comma", has_start=True)),
        ("node type, avg_ms, name", COMMAS),
        ("node type, first", COMMAS),
        ("node type, count, avg_ms, avg %", Header(kind="summary", separator="comma", has_start=False)),
        ("type of node", None),
        ("", None),
    ],
)  # fmt: skip
def test_headings(line: str, header: Header | None) -> None:
    assert parse_header(line) == header


def op(**values: Any) -> PrintedRow:
    known: dict[str, Any] = {
        "node_type": "ADD", "name": "[a]:0", "start_us": None, "first_us": 1500, "avg_us": 1250,
        "percent": 50.5, "cdf_percent": 60.25, "mem_kb": 4, "times_called": 2,
    }  # fmt: skip
    return PrintedRow(**{**known, **values})


ROW = ("ADD", "1.500", "1.250", "50.500%", "60.250%", "4.000", "2", "[a]:0")


@pytest.mark.parametrize(
    ("row", "header", "expected"),
    [
        ("\t" + "\t".join(ROW), TABS, op()),
        ("\t".join(ROW), TABS, op()),
        ("\t".join(("ADD", "0.250", *ROW[1:])), TABS, op(start_us=250)),
        ("\t".join(("cast 0", *ROW[1:])), TABS, op(node_type="cast 0")),
        ("\t".join(ROW[:-1]) + "\t", TABS, op(name="")),
        ("\t".join(ROW[:-1]), TABS, op(name="", times_called=None)),
        ("\t".join(ROW) + "\tx", TABS, op(name="[a]:0\tx")),
        ("   ".join(ROW), BLANKS, op()),
        ("   ".join(ROW[:-1]), BLANKS, op(name="")),
        ("  ".join(("cast 0.125", *ROW[1:])), BLANKS, op(node_type="cast 0.125")),
        ("  ".join(("cast", "0.125", *ROW[1:])), STARTS, op(node_type="cast", start_us=125)),
        ("  ".join(("cast", "0.125", *ROW[1:])), None, op(node_type="cast", start_us=125)),
        ("  ".join(("cast", "0.12", *ROW[1:])), None, op(node_type="cast 0.12")),
        ("  ".join(("0.125", *ROW[1:])), None, op(node_type="0.125")),
        ("  ".join((*ROW[:3], "50.500%60.250%", *ROW[5:])), BLANKS, op()),
        (", ".join(ROW), COMMAS, op()),
        (", ".join(("Fully Connected (NC, F32)", *ROW[1:])), COMMAS, op(node_type="Fully Connected (NC, F32)")),
        (", ".join(("ADD", "1.5", "8.3e-05", *ROW[3:])), COMMAS, op(avg_us=0.083)),
        (", ".join((*ROW[:-1], "[a\tb]:0")), COMMAS, op(name="[a,b]:0")),
        (", ".join((*ROW[:-1], "a", "b")), COMMAS, op(name="a, b")),
        (", ".join(ROW[:-1]) + ",", COMMAS, op(name="")),
        (", ".join(("ADD", "0.25", *ROW[1:])), Header(kind="ops", separator="comma", has_start=True), op(start_us=250)),
        ("\t".join((*ROW[:3], "-nan%", "-nan%", *ROW[5:])), TABS, op(percent=None, cdf_percent=None)),
    ],
)
def test_a_row_of_ops(row: str, header: Header | None, expected: PrintedRow) -> None:
    assert parse_op_row(row, header) == expected


@pytest.mark.parametrize(
    ("row", "header"),
    [
        ("", None),
        ("50.500%  60.250%  4.000  2", BLANKS),
        ("\t".join(ROW[1:]), TABS),  # the second half of a broken row
        ("   ".join(ROW[1:]), BLANKS),
        ("   ".join(ROW[:6]), BLANKS),  # its calls are missing
        ("   ".join((*ROW[:6], "x")), BLANKS),
        ("   ".join(("ADD", "1.5", *ROW[2:])), BLANKS),  # another program's columns
        ("   ".join(("ADD", "1.500", "1.25", *ROW[3:])), BLANKS),
        ("   ".join(("ADD", "nan", *ROW[2:])), BLANKS),
        (", ".join(("ADD", "x", *ROW[2:])), COMMAS),
        (", ".join(("ADD", "1.5", "x", *ROW[3:])), COMMAS),
        (", ".join(ROW[:-1]), COMMAS),  # a row of the summary has no name
        ("   ".join((*ROW[:3], "50.500%", "60.250", *ROW[5:])), BLANKS),
        ("   ".join((*ROW[:3], "50.500", "60.250%", *ROW[5:])), BLANKS),
    ],
)
def test_no_row_of_ops(row: str, header: Header | None) -> None:
    assert parse_op_row(row, header) is None


SUMMARY = OpTypeSummary(
    node_type="ADD", count=3, avg_us=1250, percent=50.5, cdf_percent=60.25, mem_kb=4, times_called=6
)
SUMMARY_ROW = ("ADD", "3", "1.250", "50.500%", "60.250%", "4.000", "6")


@pytest.mark.parametrize(
    "row",
    ["\t".join(SUMMARY_ROW), "\t" + "\t".join(SUMMARY_ROW) + "\t", "  ".join(SUMMARY_ROW), ", ".join(SUMMARY_ROW),
     ", ".join(SUMMARY_ROW) + ","],
)  # fmt: skip
def test_a_row_of_the_summary(row: str) -> None:
    assert parse_summary_row(row, None) == SUMMARY


@pytest.mark.parametrize(
    "row",
    [
        "",
        "\t".join(SUMMARY_ROW[:-1]),
        "  ".join(SUMMARY_ROW[:-1]),
        "\t".join((*SUMMARY_ROW, "", "[a]:0")),  # a row of ops has a name
        "  ".join(("ADD", "x", *SUMMARY_ROW[2:])),
        "  ".join(("ADD", "3", "x", *SUMMARY_ROW[3:])),
        "  ".join((*SUMMARY_ROW[:-1], "x")),
        "  ".join(SUMMARY_ROW[2:]),
    ],
)
def test_no_row_of_the_summary(row: str) -> None:
    assert parse_summary_row(row, None) is None


def test_percentages_far_to_the_right_are_another_program_s() -> None:
    assert parse_op_row("   ".join(("x " * 58, *ROW[1:])), BLANKS) is not None
    assert parse_op_row("   ".join(("x " * 80, *ROW[1:])), BLANKS) is None


def _recorded_rows() -> list[str]:
    texts = (path.read_text(errors="replace") for path in sorted(LOGS.rglob("*.log")))
    return [line for text in texts for line in text.splitlines() if line.count("%") >= 2]


def test_the_usual_pattern_reads_every_recorded_row_as_the_cells_do() -> None:
    rows = _recorded_rows()
    usual = [row for row in rows if _USUAL_ROW.fullmatch(row)]
    assert len(usual) > 1000
    for row in usual:
        for header in (None, parse_header(row), Header(kind="ops", separator="comma", has_start=True)):
            assert repr(parse_op_row(row, header)) == repr(parse_unusual_op_row(row, header)), row


@given(
    st.lists(st.tuples(st.integers(0, 200), st.sampled_from("\t %.,-09eanz[]:é\u2003\x0b٣"), st.booleans()), max_size=4)
)
def test_a_spoiled_row_is_read_alike_by_the_pattern_and_by_cells(changes: list[tuple[int, str, bool]]) -> None:
    row = "\t             CONV_2D (a)\t    0.100\t    0.683\t    0.597\t  1.340%\t  1.340%\t     0.000\t        1\t[a b]:0"
    for place, character, replaced in changes:
        at = place % len(row)
        row = row[:at] + character + row[at + replaced :]
    assert repr(parse_op_row(row, None)) == repr(parse_unusual_op_row(row, None))
