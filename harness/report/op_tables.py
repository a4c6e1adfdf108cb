"""The ops of all cells for the page's scripts, in a compact form. Pure. The scripts' side: `reports/js/ops.js` and `pair.js`.

Their size counts: a run may have a million op rows. Ops are aggregated per cell, and the lists of op types and names, which all cells of a
model and delegate share, are kept once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations_with_replacement
from typing import Any

from harness.analysis.op_profile import OpRow
from harness.records import Status
from harness.report.aligned import alignments
from harness.report.cell_summaries import Cell
from harness.report.embed import rounded
from harness.report.ops import OpCost, OpProfile, profile_of
from harness.report.verdicts import Verdicts, report_key

Json = dict[str, Any]


class OpTables:
    """Op profiles with their common parts shared: strings once, lists of ops once."""

    def __init__(self, digits: int = 5) -> None:
        self.digits = digits
        """Significant ones, of a cost."""
        self.strings: dict[str, int] = {}
        self.lists: dict[tuple[tuple[Any, ...], ...], int] = {}
        self.aligned: list[list[OpRow]] = []
        """Of each list, the ops that a comparison speaks of: those of the primary graph that have a time."""
        self.profiles: list[Json] = []

    def add(self, profile: OpProfile, *, invalid: bool, synthetic: bool) -> int:
        """Keep a profile; the answer is its place in `profiles`."""
        rows = tuple(
            (op.index, self._string(op.node_type), self._string(op.name), op.subgraph, op.on_delegate, _takes_part(op))
            for op in profile.ops
        )
        if rows not in self.lists:
            self.lists[rows] = len(self.lists)
            self.aligned.append(
                [
                    OpRow(index=op.index, node_type=op.node_type, name=op.name, costs_us=())
                    for op in profile.ops
                    if _takes_part(op)
                ]
            )
        once = all(op.times_called == 1 and op.avg_us == op.cost_us for op in profile.ops)
        alike = all(op.part_us == op.cost_us for op in profile.ops)
        self.profiles.append(
            {
                "list": self.lists[rows],
                # Left out in the usual case, where every op is called once and its average is its cost.
                "avg": None if once else [rounded(op.avg_us, min(4, self.digits)) for op in profile.ops],
                "calls": None if once else [rounded(op.times_called) for op in profile.ops],
                "cost": [rounded(op.cost_us, self.digits) for op in profile.ops],
                # Differs only where a process did not see an op.
                "part": None if alike else [rounded(op.part_us, self.digits) for op in profile.ops],
                "seen": None if all(op.processes == profile.processes for op in profile.ops) else self._seen(profile),
                "processes": profile.processes,
                "total": rounded(profile.total_us),
                "run": rounded(profile.run_avg_us),
                "invalid": invalid,
                "synthetic": synthetic,
            }
        )
        return len(self.profiles) - 1

    def as_json(self) -> Json:
        """Columns of each list of ops, and the strings that they point to."""
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

    @staticmethod
    def _seen(profile: OpProfile) -> list[int]:
        return [op.processes for op in profile.ops]


def op_data(cells: tuple[Cell, ...], verdicts: Verdicts | None = None) -> Json:
    """The ops of all cells, which cell has which profile, and which ops stand for which: read by the page when it first shows ops."""
    profiles = [(cell, profile) for cell in cells if (profile := profile_of(cell.profiled())) is not None]
    tables = OpTables(_digits(sum(len(profile.ops) for _, profile in profiles)))
    by_cell = {
        cell.key.id: tables.add(
            profile,
            invalid=any(result.status is Status.INVALID for result in cell.profiled()),
            synthetic=any(result.synthetic for result in cell.profiled()),
        )
        for cell, profile in profiles
    }
    list_of = {cell: tables.profiles[place]["list"] for cell, place in by_cell.items()}
    found, left_out = alignments(tables.aligned, _wanted(cells, verdicts, list_of))
    return {
        **tables.as_json(),
        "cells": by_cell,
        "aligned": {f"{base},{head}": groups for (base, head), groups in found.items()},
        "unaligned": left_out,
    }


def _wanted(cells: Sequence[Cell], verdicts: Verdicts | None, list_of: Mapping[str, int]) -> Iterator[tuple[int, int]]:
    """Pairs of lists: first those that the report's own baseline compares, then all others of a model."""
    for one in verdicts.table.comparisons if verdicts and verdicts.table else ():
        if one.base.key is not None and one.head.key is not None:
            base, head = report_key(one.base.key).id, report_key(one.head.key).id
            if base in list_of and head in list_of:
                yield list_of[base], list_of[head]
    by_model: dict[str, dict[int, None]] = {}
    for cell in cells:
        if cell.key.id in list_of:
            by_model.setdefault(cell.key.model, {})[list_of[cell.key.id]] = None
    for lists in by_model.values():
        yield from combinations_with_replacement(lists, 2)


def _digits(costs: int) -> int:
    """Noise does not compress, so each digit of a million costs is half a megabyte. Three are still better than what a phone repeats."""
    return 5 if costs <= 300_000 else 4 if costs <= 600_000 else 3


def _takes_part(op: OpCost) -> bool:
    return not op.nested and op.part_us is not None
