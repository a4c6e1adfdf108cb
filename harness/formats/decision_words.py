"""Puts the decisions of an adaptive run into words, during the run and afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from harness.analysis.cells import KEYS
from harness.analysis.stopping import Step
from harness.formats.comparison_words import percent
from harness.records import CellKey
from harness.records.adaptive_decisions import AdaptivePlan, Decision, StopReason

_COUNTED: dict[StopReason, str] = {
    "narrow": "narrow enough",
    "max_blocks": "still open at the most blocks",
    "max_device_time": "still open when the device time was up",
    "unmeasured": "not measured",
    "nothing_to_compare": "nothing to compare",
}
"""Words after a number of ratios."""

CITED = "p-values for all looks together (Pocock 1977)"
"""The method, for a line under a table."""


def cell(key: CellKey) -> str:
    """Return `mobilenet xnnpack t1 all`."""
    binary = f" [{key.binary}]" if key.binary else ""
    return f"{key.model_label}{binary} {key.delegate} t{key.threads} {key.cpus}"


def why(decision: Decision, plan: AdaptivePlan) -> str:
    """Say in one line why the run stopped measuring a comparison."""
    if decision.head is None or decision.base is None:
        return f"no cell has its baseline on this device: {plan.min_blocks} processes of each, and no ratio"
    head, base = decision.head, decision.base
    against = ", ".join(str(getattr(base, name)) for name in KEYS if getattr(base, name) != getattr(head, name))
    words = f"{cell(head)} against {against}: "
    if decision.reason == "unmeasured":
        return words + f"no block of {plan.min_blocks} has a good process on both sides"
    words += f"{decided_ratio(decision)} from {decision.blocks} blocks: "
    if decision.reason == "narrow":
        return words + f"narrow enough ({percent(plan.until)})"
    limit = f"{plan.max_blocks} blocks" if decision.reason == "max_blocks" else f"{plan.device_s:g} s of device time"
    return words + f"still open ({percent(plan.until)} asked), but the limit of {limit} is reached"


def decided_ratio(decision: Decision) -> str:
    """Return `0.285x [0.230, 0.334]`; empty without a ratio."""
    if decision.ratio is None:
        return ""
    if decision.ci_low is None or decision.ci_high is None:
        return f"{decision.ratio:.3f}x"
    return f"{decision.ratio:.3f}x [{decision.ci_low:.3f}, {decision.ci_high:.3f}]"


def reason_counts(decisions: Iterable[Decision]) -> str:
    """Return `2 narrow enough, 1 still wide at the most blocks`."""
    found = Counter(one.reason for one in decisions)
    parts = [f"{found[reason]} {words}" for reason, words in _COUNTED.items() if found[reason]]
    return ", ".join(parts) or "nothing was decided"


def where(step: Step, plan: AdaptivePlan) -> str:
    """Say in one line how far a device is after a block."""
    if not step.trials:
        return f"stops after {step.blocks} blocks; of the ratios: {reason_counts((*step.earlier, *step.decisions))}"
    widest = f", the widest by {percent(step.widest)}" if step.widest is not None else ""
    asked = f"{percent(plan.until)} asked" if widest else f"until {percent(plan.until)}"
    return f"block {step.blocks} of at most {plan.max_blocks} done: {step.going_on} of {step.compared} ratios go on{widest} ({asked})"
