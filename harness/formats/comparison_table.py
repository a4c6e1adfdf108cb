"""Gives a comparison as a flat table: one row per cell, or one per group of matching ops.

The columns and their order are a promise to users' scripts; new ones come at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from harness.analysis.comparison import Comparison, Table, failed_gate
from harness.analysis.op_diff import OpChange, OpDiff
from harness.analysis.op_profile import OpRow
from harness.analysis.verdict import Judgement
from harness.files.flat_table import Column, Row, columns, plain
from harness.formats import comparison_words as words

ComparisonTableName = Literal["cells", "ops"]

_CELL_COLUMNS = columns(
    "base:t head:t device:t model:t delegate:t threads:i cpus:t cpus_asked:t binary:t base_device:t base_model:t base_delegate:t "
    "base_threads:i base_cpus_asked:t base_binary:t metric:t unit:t state:t base_n:i base_estimate:n head_n:i head_estimate:n ratio:n "
    "ci_low:n ci_high:n level:n p_value:n q_value:n design:t verdict:t more_processes:i gate_broken:f unlike:t notes:t base_causes:t "
    "head_causes:t synthetic:f difference:n difference_low:n difference_high:n control:t gate_reason:t "
    "variant:t base_variant:t output_differs:f"
)
"""`base` and `head` are as given; `device` to `binary` are head's cell (base's if head has none), `base_...` base's. Estimates are in
`unit`. `verdict` is null if nothing was judged: not measured, or only one side synthetic. `gate_broken` is null without a gate. `unlike`
names the conditions in which the sides differ, `notes` holds all notes. `synthetic`: numbers of either side were replayed or modelled.
`difference` is for a metric without a ratio, in `unit`."""

_OP_COLUMNS = columns(
    "base:t head:t device:t model:t delegate:t threads:i cpus:t cpus_asked:t binary:t row:i kind:t base_ops:t head_ops:t base_us:n "
    "head_us:n change_us:n share:n ratio:n ci_low:n ci_high:n q_value:n verdict:t synthetic:f variant:t"
)
"""In the order of execution. The last row of a cell has `kind` `unexplained`, so `change_us` of its rows adds up to the whole change."""

COMPARISON_COLUMNS: dict[ComparisonTableName, tuple[Column, ...]] = {"cells": _CELL_COLUMNS, "ops": _OP_COLUMNS}


def comparison_rows(table: Table, base: str, head: str, name: ComparisonTableName) -> Iterator[Row]:
    """Yield the rows of table `name` with cells in the order of `COMPARISON_COLUMNS[name]`; `base` and `head` are as given."""
    if name == "cells":
        return plain((base, head, *_cell(one, table)) for one in table.comparisons)
    return plain((base, head, *row) for one in table.comparisons if one.ops is not None for row in _ops(one, one.ops))


def _cell(one: Comparison, table: Table) -> Row:
    other, estimate = one.base.key, one.estimate
    return (
        *_key(one),
        *(
            (other.device, other.model, other.delegate, other.threads, other.cpus, other.binary or None)
            if other
            else (None,) * 6
        ),
        str(one.metric),
        one.metric.unit,
        one.state,
        one.base.n,
        one.base.estimate,
        one.head.n,
        one.head.estimate,
        estimate.ratio,
        estimate.ci_low,
        estimate.ci_high,
        estimate.level if estimate.ci_low is not None else None,
        estimate.p_value,
        one.judgement.q_value,
        estimate.design,
        one.verdict and str(one.verdict),
        one.judgement.more_processes,
        failed_gate(one, table.rules) if table.rules.gate is not None else None,
        ",".join(dict.fromkeys(note.kind for note in one.notes if note.unlike)) or None,
        "; ".join(note.text for note in one.notes) or None,
        ",".join(one.base.causes) or None,
        ",".join(one.head.causes) or None,
        one.synthetic,
        one.difference.value if one.difference else None,
        one.difference.low if one.difference else None,
        one.difference.high if one.difference else None,
        one.control,
        words.breach_reason(one, table),
        one.key.variant or None,
        (other.variant or None) if other else None,
        one.output_differs,
    )


def _key(one: Comparison) -> Row:
    key = one.key
    return (key.device, key.model, key.delegate, key.threads, one.mask, key.cpus, key.binary or None)


def _ops(one: Comparison, diff: OpDiff) -> Iterator[Row]:
    for number, (change, judgement) in enumerate(zip(diff.changes, one.op_judgements, strict=True)):
        yield (*_key(one), number, *_change(change, judgement), one.synthetic, one.key.variant or None)
    unknown = (None,) * 4
    rest = (*unknown, diff.unexplained_us, diff.unexplained_share, *unknown, None)
    yield (*_key(one), len(diff.changes), "unexplained", *rest, one.synthetic, one.key.variant or None)


def _change(change: OpChange, judgement: Judgement | None) -> Row:
    estimate = change.estimate
    return (
        change.kind,
        _named(change.base),
        _named(change.head),
        change.base_us,
        change.head_us,
        change.change_us,
        change.share,
        estimate.ratio if estimate else None,
        estimate.ci_low if estimate else None,
        estimate.ci_high if estimate else None,
        judgement.q_value if judgement else None,
        str(judgement.verdict) if judgement else None,
    )


def _named(rows: tuple[OpRow, ...]) -> str | None:
    return "; ".join(f"{row.node_type} #{row.index}" for row in rows) or None
