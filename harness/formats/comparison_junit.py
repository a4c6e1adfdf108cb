"""Writes a comparison as JUnit XML: a suite per device, a case per cell.

`failure`: the cell breaks the gate. `error`: it could not be measured, and no gate is set. `skipped`: it could not run there, one side has
no such cell, or base has no number to hold head against; then neither the gate nor this file fails the job.
"""

from __future__ import annotations

from harness.analysis.comparison import Comparison, Table
from harness.formats import comparison_words as words
from harness.formats.junit_xml import Case, Outcome, junit_document


def junit(table: Table, base: str, head: str) -> str:
    """Return the document with its XML declaration."""
    suites: dict[str, list[Case]] = {}
    for one in table.comparisons:
        case = Case(
            name=words.cell_name(one), classname=one.key.model, outcome=_outcome(one, table), out=_evidence(one)
        )
        suites.setdefault(one.key.device, []).append(case)
    lacking = words.incomplete(table)
    why = words.only_suspects(table)
    lacking += [why] if table.rules.gate is not None and why else []
    return junit_document(f"harness compare {base} {head}", suites, suite_out="\n".join(lacking))


def _outcome(one: Comparison, table: Table) -> Outcome | None:
    reason = words.breach_reason(one, table)
    if reason is not None:
        return Outcome(kind="failure", type="gate", message=reason)
    if one.state == "measured":
        return None
    if one.state == "unmeasured" and table.rules.gate is None:
        return Outcome(kind="error", type="unmeasured", message=words.trouble(one))
    return Outcome(kind="skipped", type=one.state, message=words.verdict(one))


def _evidence(one: Comparison) -> str:
    unit = one.metric.unit
    verdict = words.verdict(one) if words.has_ratio(one) else "not measured"
    lines = [
        f"{one.metric.words}: base {words.side(one.base, unit)}, head {words.side(one.head, unit)}",
        f"head/base {words.ratio_of(one)}: {verdict}",
        *(note.text for note in one.notes),
    ]
    return "\n".join(lines)
