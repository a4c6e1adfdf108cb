"""Packs the tables of comparisons for the page's scripts (`reports/js/verdicts.js`). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.analysis.comparison import Comparison, Overall, Table
from harness.analysis.ratio_interval import Estimate
from harness.analysis.verdict import Judgement, Rules
from harness.formats import comparison_words as words
from harness.records import CellKey
from harness.report.cell_summaries import ReportCell, cell_id
from harness.report.embed import Json, rounded
from harness.report.verdicts import Verdicts, in_the_page


def comparison_data(verdicts: Verdicts, cells: Sequence[ReportCell]) -> Json:
    """Return all tables by the baseline's id. Rows point to notes, which are kept once."""
    numbers = {cell.key: index for index, cell in enumerate(cells)}
    notes: dict[tuple[str, str, bool], int] = {}
    tables = {name: _table(table, numbers, notes) for name, table in verdicts.tables.items()}
    rules = verdicts.table.rules if verdicts.table else Rules()
    return {
        "rules": {"min_effect": rules.min_effect, "alpha": rules.alpha},
        "level": words.level(verdicts.table, space="\u202f"),
        "tables": tables,
        "ops": _op_verdicts(verdicts.table) if verdicts.table else {},
        "notes": [{"kind": kind, "text": in_the_page(text), "unlike": unlike} for kind, text, unlike in notes],
    }


def _table(table: Table, numbers: dict[CellKey, int], notes: dict[tuple[str, str, bool], int]) -> Json:
    return {
        "rows": [_row(one, numbers, notes) for one in table.comparisons],
        "overall": [_overall(one) for one in table.overall],
        "judged": sum(one.judgement.q_value is not None for one in table.comparisons),
    }


def _op_verdicts(table: Table) -> Json:
    """Ratio, interval and verdict of each group of ops in the order of execution, by the ids of the pair's cells."""
    found: Json = {}
    for one in table.comparisons:
        if one.ops is None or one.base.key is None or not any(one.op_judgements):
            continue
        found[f"{cell_id(one.base.key)},{cell_id(one.key)}"] = [
            None
            if judgement is None or change.estimate is None
            else [
                rounded(change.estimate.ratio),
                rounded(change.estimate.ci_low),
                rounded(change.estimate.ci_high),
                judgement.verdict.value,
            ]
            for change, judgement in zip(one.ops.changes, one.op_judgements, strict=True)
        ]
    return found


def _row(one: Comparison, numbers: dict[CellKey, int], notes: dict[tuple[str, str, bool], int]) -> list[Any]:
    """Cells of base and head, state, processes and centres (us) of both, numbers and words, notes."""
    return [
        numbers[one.base.key] if one.base.key is not None else None,
        numbers[one.key],
        one.state,
        one.base.n,
        one.head.n,
        rounded(one.base.estimate),
        rounded(one.head.estimate),
        *_numbers(one.estimate, one.judgement),
        [notes.setdefault((note.kind, note.text, note.unlike), len(notes)) for note in one.notes],
    ]


def _overall(one: Overall) -> list[Any]:
    asked = (one.model, one.delegate, one.threads, one.cpus, one.binary)
    return [*asked, list(one.devices), *_numbers(one.estimate, one.judgement)]


def _numbers(estimate: Estimate, judgement: Judgement) -> list[Any]:
    return [
        rounded(estimate.ratio),
        rounded(estimate.ci_low),
        rounded(estimate.ci_high),
        rounded(estimate.p_value, 3),
        rounded(judgement.q_value, 3),
        judgement.verdict.value,
        judgement.more_processes,
        words.change(estimate, judgement),
    ]
