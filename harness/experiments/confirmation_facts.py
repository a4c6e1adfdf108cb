"""Collects the facts that a report of experiments needs (`harness.formats.confirmation_words`)."""

from __future__ import annotations

from harness.experiments.confirm_change import Confirmation
from harness.experiments.confirm_open import Tried
from harness.formats.confirmation_words import ConfirmationFacts


def facts_of(one: Confirmation) -> ConfirmationFacts:
    """Return the facts of an experiment."""
    found = one.experiment
    return ConfirmationFacts(
        change=one.change,
        answer=found.decision.answer,
        reason=found.decision.reason,
        ratio=found.decision.ratio,
        ci_low=found.decision.ci_low,
        ci_high=found.decision.ci_high,
        device_s=found.device_s,
        run_path=str(found.path),
        old=found.sides.old,
        new=found.sides.new,
        notes=found.notes,
    )


def facts_of_tried(one: Tried) -> ConfirmationFacts:
    """Return the facts of an open suspicion, tried or not."""
    if one.confirmation is not None:
        return facts_of(one.confirmation)
    return ConfirmationFacts(change=one.change, answer="not tried", reason=one.why_not)
