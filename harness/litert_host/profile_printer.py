"""Prints a profile in the real tool's columns, or in its mode `csv`: the same with commas."""

from __future__ import annotations

import math
from collections.abc import Iterable

from harness.litert_host.profile import ModelProfile, Row, SubgraphProfile, TypeSummary
from harness.litert_host.statistics import number

INIT_TITLE = "Profiling Info for Benchmark Initialization:"
RUNS_TITLE = "Operator-wise Profiling Info for Regular Benchmark Runs:"
_BANNER = "=" * 30
_TOP = 10
"""Number of rows in the table by time."""


def _percent(part: float, whole: float) -> float:
    return part / whole * 100 if whole else math.nan


class _Table:
    """Aligned columns between tabs."""

    row_header = "\t".join(
        [
            "",
            f"{'[node type]':>40}",
            "  [first]",
            " [avg ms]",
            "     [%]",
            "  [cdf%]",
            "  [mem KB]",
            "[times called]",
            "[Name]",
        ]
    )
    type_header = "\t".join(
        [
            "",
            f"{'[Node type]':>40}",
            "  [count]",
            "  [avg ms]",
            "    [avg %]",
            "    [cdf %]",
            "  [mem KB]",
            "[times called]",
        ]
    )

    @staticmethod
    def _fixed(value: float, width: int) -> str:
        return f"{'-nan' if math.isnan(value) else f'{value:.3f}':>{width}}"

    def row(self, row: Row, percent: float, cdf: float, calls: int) -> str:
        fixed = self._fixed
        return "\t".join(
            [
                "",
                f"{row.node_type:>40}",
                fixed(row.times.first / 1000, 9),
                fixed(row.times.average / 1000, 9),
                fixed(percent, 7) + "%",
                fixed(cdf, 7) + "%",
                fixed(row.memory_kb, 10),
                f"{calls:>9}",
                row.name,
            ]
        )

    def type_row(self, summary: TypeSummary, percent: float, cdf: float) -> str:
        fixed = self._fixed
        return "\t".join(
            [
                "",
                f"{summary.node_type:>40}",
                f"{summary.count:>9}",
                fixed(summary.microseconds / 1000, 10),
                fixed(percent, 10) + "%",
                fixed(cdf, 10) + "%",
                fixed(summary.memory_kb, 10),
                f"{summary.times_called:>9}",
            ]
        )


class _Commas(_Table):
    """Values between commas. As in the real tool, commas in a name become tabs, those in a type stay."""

    row_header = "node type, first, avg_ms, %, cdf%, mem KB, times called, name"
    type_header = "node type, count, avg_ms, avg %, cdf %, mem KB, times called"

    def row(self, row: Row, percent: float, cdf: float, calls: int) -> str:
        times = f"{number(row.times.first / 1000)}, {number(row.times.average / 1000)}"
        name = row.name.replace(",", "\t")
        return f"{row.node_type}, {times}, {number(percent)}%, {number(cdf)}%, {number(row.memory_kb)}, {calls}, {name}"

    def type_row(self, summary: TypeSummary, percent: float, cdf: float) -> str:
        return (
            f"{summary.node_type}, {summary.count}, {number(summary.microseconds / 1000)}, {number(percent)}%, {number(cdf)}%,"
            f" {number(summary.memory_kb)}, {summary.times_called}"
        )


def _title(text: str) -> str:
    return f"{_BANNER} {text} {_BANNER}"


def _rows(table: _Table, profile: SubgraphProfile, rows: Iterable[Row]) -> list[str]:
    lines, so_far = [table.row_header], 0
    for row in rows:
        so_far += row.times.total
        total = profile.total_us
        lines.append(
            table.row(row, _percent(row.times.total, total), _percent(so_far, total), profile.calls_per_run(row))
        )
    return [*lines, ""]


def _subgraph(table: _Table, profile: SubgraphProfile, several: bool) -> list[str]:
    lines, label = [], ""
    if several and profile.index == 0:
        lines.append(f"Primary graph (name: {profile.name}) profile:")
    elif several:
        label = f"Subgraph (index: {profile.index}, name: {profile.name}) "
        lines.append(f"{label}profile:")
    lines += [_title("Run Order"), *_rows(table, profile, profile.in_run_order())]
    lines += [_title("Top by Computation Time"), *_rows(table, profile, profile.by_time()[:_TOP])]
    lines += [f"Number of nodes executed: {len(profile.rows)}", _title("Summary by node type"), table.type_header]
    summaries = profile.by_type()
    total, so_far = sum(summary.microseconds for summary in summaries), 0
    for summary in summaries:
        so_far += summary.microseconds
        lines.append(table.type_row(summary, _percent(summary.microseconds, total), _percent(so_far, total)))
    lines += [
        "",
        f"{label}Timings (microseconds): {profile.run_totals.line(percentiles=False)}",
        "Memory (bytes): count=0",
    ]
    return [*lines, f"{len(profile.rows)} nodes observed", ""]


def render(title: str, profile: ModelProfile, *, csv: bool) -> str:
    """Make one block of the output: title, tables of each subgraph, and the empty lines after them."""
    table = _Commas() if csv else _Table()
    lines = [title]
    for index in sorted(profile.subgraphs):
        lines += _subgraph(table, profile.subgraphs[index], profile.several)
    return "\n".join(lines) + "\n\n"
