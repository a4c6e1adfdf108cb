"""Packs the ops of all cells for the page's scripts (`reports/js/ops.js`, `pair.js`). Pure.

Size counts, since a run may have a million op rows: ops are aggregated per cell, and the lists of types and names, which all cells of a
model and delegate share, are kept once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations_with_replacement
from typing import Any

from harness.analysis.centre import centre
from harness.analysis.metrics import Metric, shown
from harness.analysis.op_placement import on_delegate
from harness.analysis.op_profile import OpRow, op_rows
from harness.records import Purpose, Result, Status
from harness.report.cell_summaries import ReportCell
from harness.report.embed import Json, rounded
from harness.report.op_pairs import alignments
from harness.report.verdicts import Verdicts


class OpTables:
    """Op profiles with their common parts shared: strings once, lists of ops once."""

    def __init__(self, digits: int = 5) -> None:
        self.digits = digits
        """Number of significant digits of a cost."""
        self.strings: dict[str, int] = {}
        self.lists: dict[tuple[tuple[Any, ...], ...], int] = {}
        self.aligned: list[list[OpRow]] = []
        """The ops of each list that comparisons use: those of the primary graph that have a time."""
        self.profiles: list[Json] = []

    def add(self, ops: Sequence[OpRow], processes: Sequence[Result]) -> int:
        """Keep the ops of some processes; return their place in `profiles`."""
        rows = tuple(
            (
                op.index,
                self._string(op.node_type),
                self._string(op.name),
                op.subgraph,
                on_delegate(op.node_type, op.name),
                op.adds_up,
            )
            for op in ops
        )
        if rows not in self.lists:
            self.lists[rows] = len(self.lists)
            self.aligned.append([op for op in ops if op.adds_up])
        once = all(op.times_called == 1 and op.avg_us == op.seen_us for op in ops)
        parts = [op.cost_us if op.costs_us else None for op in ops]
        averages = [
            value for one in processes if (value := shown(one, Metric.INFERENCE_AVG, Purpose.PROFILE)) is not None
        ]
        self.profiles.append(
            {
                "list": self.lists[rows],
                # Left out in the usual case: every op is called once, so its average is its cost.
                "avg": None if once else [rounded(op.avg_us, min(4, self.digits)) for op in ops],
                "calls": None if once else [rounded(op.times_called) for op in ops],
                "cost": [rounded(op.seen_us, self.digits) for op in ops],
                # Differs only if a process did not see an op.
                "part": None if parts == [op.seen_us for op in ops] else [rounded(part, self.digits) for part in parts],
                "seen": None if all(op.seen_in == len(processes) for op in ops) else [op.seen_in for op in ops],
                "processes": len(processes),
                "total": rounded(sum(op.seen_us for op in ops if op.seen_us is not None and not op.nested)),
                "run": rounded(centre(averages)) if averages else None,
                "invalid": any(one.status is Status.INVALID for one in processes),
                "synthetic": any(one.synthetic for one in processes),
            }
        )
        return len(self.profiles) - 1

    def as_json(self) -> Json:
        """Return the profiles, the columns of each list of ops, and the strings to which they point."""
        return {
            "strings": list(self.strings),
            "lists": [
                {
                    "index": [row[0] for row in rows],
                    "type": [row[1] for row in rows],
                    "name": [row[2] for row in rows],
                    "subgraph": [row[3] for row in rows],
                    "delegate": [None if row[4] is None else int(row[4]) for row in rows],
                    "aligned": None if all(row[5] for row in rows) else [int(row[5]) for row in rows],
                }
                for rows in self.lists
            ],
            "profiles": self.profiles,
        }

    def _string(self, text: str) -> int:
        return self.strings.setdefault(text, len(self.strings))


def op_data(cells: tuple[ReportCell, ...], verdicts: Verdicts | None = None) -> Json:
    """Return the ops of all cells, their profiles and the matching ops. The page reads them when it first shows ops."""
    profiles = [(cell, processes, op_rows(processes)) for cell in cells if (processes := cell.profiled())]
    tables = OpTables(_digits(sum(len(ops) for *_, ops in profiles)))
    by_cell = {cell.id: tables.add(ops, processes) for cell, processes, ops in profiles}
    list_of = {cell: tables.profiles[place]["list"] for cell, place in by_cell.items()}
    found, left_out = alignments(tables.aligned, _wanted(cells, verdicts, list_of))
    return {
        **tables.as_json(),
        "cells": by_cell,
        "aligned": {f"{base},{head}": groups for (base, head), groups in found.items()},
        "unaligned": left_out,
    }


def _wanted(
    cells: Sequence[ReportCell], verdicts: Verdicts | None, list_of: Mapping[str, int]
) -> Iterator[tuple[int, int]]:
    """Pairs of lists: those that the report's own baseline compares, then all others of a model."""
    for one in verdicts.table.comparisons if verdicts and verdicts.table else ():
        if verdicts is not None and one.head.key is not None:
            base, head = verdicts.base_id(one), verdicts.shown_id(one)
            if base is not None and base in list_of and head in list_of:
                yield list_of[base], list_of[head]
    by_model: dict[str, dict[int, None]] = {}
    for cell in cells:
        if cell.id in list_of:
            by_model.setdefault(cell.key.model, {})[list_of[cell.id]] = None
    for lists in by_model.values():
        yield from combinations_with_replacement(lists, 2)


def _digits(costs: int) -> int:
    """Choose fewer digits for many costs: each digit of a million costs is half a megabyte, and phones do not repeat to three digits."""
    return 5 if costs <= 300_000 else 4 if costs <= 600_000 else 3
