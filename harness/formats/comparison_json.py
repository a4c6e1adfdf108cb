"""Gives a comparison as one JSON document."""

from __future__ import annotations

from typing import Any

from harness.analysis.cells import KEYS
from harness.analysis.comparison import Comparison, Overall, Table, failed_gate
from harness.analysis.op_diff import OpChange
from harness.analysis.ratio_interval import Estimate
from harness.analysis.sides import SideSummary
from harness.analysis.verdict import Judgement
from harness.formats import comparison_words as words


def comparison_document(table: Table, base: str, head: str) -> dict[str, Any]:
    """Return the document of `harness compare --json`; `base` and `head` are as given."""
    rules = table.rules
    return {
        "base": base,
        "head": head,
        "metric": str(table.metric),
        "unit": table.metric.unit,
        "rules": {
            "min_effect": rules.min_effect,
            "alpha": rules.alpha,
            "correction": "holm",
            "gate": rules.gate,
        },
        "gate_broken": table.gate_broken,
        "gate": words.gate(table) if rules.gate is not None else None,
        "control_missing": table.control_missing,
        "incomplete": [{"side": one.side, "left": one.left, "planned": one.planned} for one in table.incomplete],
        "comparisons": [_comparison(one, table) for one in table.comparisons],
        "overall": [_overall(one) for one in table.overall],
        "ops": [_ops(one) for one in table.comparisons if one.ops is not None],
    }


def _comparison(one: Comparison, table: Table) -> dict[str, Any]:
    return {
        **_key(one),
        "metric": str(one.metric),
        "state": one.state,
        "base": _side(one.base, one.metric.unit),
        "head": _side(one.head, one.metric.unit),
        **_numbers(one.estimate, one.judgement),
        "difference": one.difference.value if one.difference else None,
        "difference_low": one.difference.low if one.difference else None,
        "difference_high": one.difference.high if one.difference else None,
        "verdict": one.verdict and str(one.verdict),
        "control": one.control,
        "gate_broken": failed_gate(one, table.rules),
        "gate_reason": words.breach_reason(one, table),
        "notes": [note.text for note in one.notes],
        "unlike": [note.kind for note in one.notes if note.unlike],
        "synthetic": one.synthetic,
        "output_differs": one.output_differs,
    }


def _key(one: Comparison) -> dict[str, Any]:
    key = one.key
    return {
        "device": key.device,
        "model": key.model,
        "delegate": key.delegate,
        "threads": key.threads,
        "cpus": one.mask,
        "cpus_asked": key.cpus,
        "cpus_label": key.cpus,
        "cpus_mask": one.mask,
        "binary": key.binary or None,
        "variant": key.variant or None,
    }


def _side(side: SideSummary, unit: str) -> dict[str, Any]:
    key = side.key
    cell = None
    if key is not None:
        cell = {name: getattr(key, name) or None for name in KEYS}
        cell |= {"cpus_label": key.cpus, "cpus_mask": side.mask}
    return {
        "n": side.n,
        f"estimate_{unit}": side.estimate,
        "cell": cell,
        "statuses": dict(side.statuses),
        "causes": list(side.causes),
        "synthetic": side.synthetic,
        "output_differs": side.output_differs,
    }


def _numbers(estimate: Estimate, judgement: Judgement) -> dict[str, Any]:
    return {
        "ratio": estimate.ratio,
        "ci_low": estimate.ci_low,
        "ci_high": estimate.ci_high,
        "level": estimate.level,
        "p_value": estimate.p_value,
        "q_value": judgement.q_value,
        "design": estimate.design,
        "verdict": str(judgement.verdict),
        "more_processes": judgement.more_processes,
        "least_processes": judgement.least,
        "least_processes_same": judgement.least_same,
        "reasons": list(judgement.reasons),
    }


def _overall(one: Overall) -> dict[str, Any]:
    return {
        "model": one.model,
        "delegate": one.delegate,
        "threads": one.threads,
        "cpus_asked": one.cpus,
        "cpus_label": one.cpus,
        "binary": one.binary or None,
        "variant": one.variant or None,
        "devices": list(one.devices),
        **_numbers(one.estimate, one.judgement),
        "synthetic": one.synthetic,
        "output_differs": one.output_differs,
    }


def _ops(one: Comparison) -> dict[str, Any]:
    diff = one.ops
    assert diff is not None  # noqa: S101
    return {
        **_key(one),
        "base_us": diff.base_whole_us,
        "head_us": diff.head_whole_us,
        "change_us": diff.change_us,
        "base_processes": diff.base_processes,
        "head_processes": diff.head_processes,
        "changes": [
            _change(change, judgement) for change, judgement in zip(diff.changes, one.op_judgements, strict=True)
        ],
        "unexplained_us": diff.unexplained_us,
        "unexplained_share": diff.unexplained_share,
        "synthetic": one.synthetic,
    }


def _change(change: OpChange, judgement: Judgement | None) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "base_ops": [{"index": row.index, "node_type": row.node_type, "name": row.name} for row in change.base],
        "head_ops": [{"index": row.index, "node_type": row.node_type, "name": row.name} for row in change.head],
        "base_us": change.base_us,
        "head_us": change.head_us,
        "change_us": change.change_us,
        "share": change.share,
        "ratio": change.estimate.ratio if change.estimate else None,
        "ci_low": change.estimate.ci_low if change.estimate else None,
        "ci_high": change.estimate.ci_high if change.estimate else None,
        "q_value": judgement.q_value if judgement else None,
        "verdict": str(judgement.verdict) if judgement else None,
    }
