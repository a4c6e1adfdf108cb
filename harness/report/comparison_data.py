"""Packs the tables of comparisons for the page's scripts (`reports/js/verdicts.js`). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.analysis.comparison import Comparison, Overall, Table
from harness.analysis.metrics import Metric
from harness.analysis.pair_estimates import Difference
from harness.analysis.ratio_interval import Estimate
from harness.analysis.verdict import Judgement, Rules
from harness.formats import comparison_words as words
from harness.report.cell_summaries import ReportCell
from harness.report.embed import Json, rounded
from harness.report.verdicts import Verdicts, in_the_page


def comparison_data(verdicts: Verdicts, cells: Sequence[ReportCell]) -> Json:
    """Return all tables by the baseline's id. Rows point to notes, which are kept once."""
    places = _Places(verdicts, {cell.id: index for index, cell in enumerate(cells)}, {})
    tables = {name: _table(table, places) for name, table in verdicts.tables.items()}
    memory = _table(verdicts.memory, places) if verdicts.memory else None
    rules = verdicts.table.rules if verdicts.table else Rules()
    metric = verdicts.table.metric if verdicts.table else Metric.INFERENCE_AVG
    sided = verdicts.baseline.origin == "sides"
    return {
        "metric": {"words": metric.words, "unit": metric.unit, "latency": metric is Metric.INFERENCE_AVG},
        "memory": memory,
        # The page of two sides shows the very digits that `harness compare` prints.
        "shown": [_shown(one, verdicts.table) for one in verdicts.table.comparisons]
        if sided and verdicts.table
        else None,
        "pooled": [words.ratio(one.estimate) for one in verdicts.table.overall] if sided and verdicts.table else None,
        "rules": {"min_effect": rules.min_effect, "alpha": rules.alpha},
        "level": words.level(verdicts.table, space="\u202f"),
        "tables": tables,
        "ops": _op_verdicts(verdicts, verdicts.table) if verdicts.table else {},
        "notes": [
            {"kind": kind, "text": text if sided else in_the_page(text), "unlike": unlike}
            for kind, text, unlike in places.notes
        ],
    }


@dataclass(frozen=True, slots=True)
class _Places:
    """The places that rows point to: cells by their ids, and notes, which are added as they come."""

    verdicts: Verdicts
    cells: Mapping[str, int]
    notes: dict[tuple[str, str, bool], int]


def _shown(one: Comparison, table: Table) -> Json:
    unit = one.metric.unit
    return {
        "base": words.value(one.base.estimate, unit),
        "head": words.value(one.head.estimate, unit),
        "ratio": words.bare_ratio(one),
        "interval": words.interval_of(one),
        "words": words.verdict(one),
        "breach": words.breach_reason(one, table),
    }


def _table(table: Table, places: _Places) -> Json:
    return {
        "rows": [_row(one, places) for one in table.comparisons],
        "overall": [_overall(one, table.metric.unit) for one in table.overall],
        "judged": sum(one.judgement.q_value is not None for one in table.comparisons),
    }


def _op_verdicts(verdicts: Verdicts, table: Table) -> Json:
    """Ratio, interval and verdict of each group of ops in the order of execution, by the ids of the pair's cells."""
    found: Json = {}
    for one in table.comparisons:
        if one.ops is None or one.base.key is None or not any(one.op_judgements):
            continue
        found[f"{verdicts.base_id(one)},{verdicts.shown_id(one)}"] = [
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


def _row(one: Comparison, places: _Places) -> list[Any]:
    """Return both cells, state, processes and centres of both in the metric's unit, numbers, words, notes, and whether the pair is
    synthetic or its outputs differ."""
    base = places.verdicts.base_id(one)
    return [
        places.cells[base] if base is not None else None,
        places.cells[places.verdicts.shown_id(one)],
        one.state,
        one.base.n,
        one.head.n,
        rounded(one.base.estimate),
        rounded(one.head.estimate),
        *_numbers(one.estimate, one.judgement, one.metric.unit, one.difference),
        [places.notes.setdefault((note.kind, note.text, note.unlike), len(places.notes)) for note in one.notes],
        one.synthetic,
        one.output_differs,
    ]


def _overall(one: Overall, unit: str) -> list[Any]:
    asked = (one.model, one.delegate, one.threads, one.cpus, one.binary, one.variant)
    return [*asked, list(one.devices), *_numbers(one.estimate, one.judgement, unit), one.synthetic, one.output_differs]


def _numbers(estimate: Estimate, judgement: Judgement, unit: str, difference: Difference | None = None) -> list[Any]:
    return [
        rounded(estimate.ratio),
        rounded(estimate.ci_low),
        rounded(estimate.ci_high),
        rounded(estimate.p_value, 3),
        rounded(judgement.q_value, 3),
        judgement.verdict.value,
        judgement.more_processes,
        words.change(estimate, judgement, unit, difference=difference),
    ]
