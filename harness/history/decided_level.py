"""Stores the size of a change when it is accepted or refuted, and reopens the change when it grows beyond that.

A change found again keeps its decision. Without this module, that decision would also hide a larger regression at the same place.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from harness.history.change_rows import Experiment, experiment_document, experiment_of
from harness.history.tables import changes
from harness.records.history import Change, ChangeVerdict


def decided_values(now: datetime) -> dict[str, Any]:
    """Return the columns that store the present size of a change, for an update of its row."""
    return {
        "decided_at": now,
        "decided_ratio": changes.c.ratio,
        "decided_ci_low": changes.c.ci_low,
        "decided_ci_high": changes.c.ci_high,
    }


def reopened_values(row: Any, again: Change, now: datetime) -> dict[str, Any]:
    """Return the columns that reopen a known change; none if its decision still holds.

    A change is reopened if its whole interval now lies above the interval that was refuted or accepted. A more exact date or size does not
    reopen it, nor does a larger improvement. A confirmed change that nobody accepted counts anyway.

    Args:
        row: the known change.
        again: as it was found now.
        now: for the note.
    """
    refuted = experiment_of(row).verdict is ChangeVerdict.REFUTED
    if not (refuted or row.accepted_at) or row.decided_at is None:
        return {}
    if not again.worse or again.ci_low <= row.decided_ci_high:
        return {}
    size = f"{_percent(row.decided_ratio)} ({_percent(row.decided_ci_low)} to {_percent(row.decided_ci_high)})"
    decision = "accepted" if row.accepted_at else "refuted"
    note = f"reopened on {now:%Y-%m-%d}: it lies beyond {size}, which was {decision} on {row.decided_at:%Y-%m-%d}"
    return {
        "verdict": str(again.verdict),
        "evidence": experiment_document(Experiment(notes=(note,))),
        "accepted_at": None,
        "notified_at": None,
    }


def _percent(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.1f} %"
