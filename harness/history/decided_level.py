"""Keeps how large a change was when it was accepted or refuted, and opens it again when it lies beyond that.

A change found again keeps what was decided of it. Without this, a real regression near a refuted or accepted one would stay silent with it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from harness.history.change_rows import Experiment, experiment_document, experiment_of
from harness.history.tables import changes
from harness.records.history import Change, ChangeVerdict


def decided_values(now: datetime) -> dict[str, Any]:
    """Return the columns that keep what a change is at this moment, for an update of its row."""
    return {
        "decided_at": now,
        "decided_ratio": changes.c.ratio,
        "decided_ci_low": changes.c.ci_low,
        "decided_ci_high": changes.c.ci_high,
    }


def reopened_values(row: Any, again: Change, now: datetime) -> dict[str, Any]:
    """Return the columns that make a known change a new question; none if what was decided of it still holds.

    It is a new question if its whole interval now lies above that of the moment when it was refuted or accepted. A better known date or
    size is none, nor is a larger improvement. A confirmed change that nobody accepted counts anyway.

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
