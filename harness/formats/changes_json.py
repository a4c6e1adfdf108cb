"""Gives the changes of a check as one JSON document."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from harness.analysis.checked_history import CheckedHistory, NewThing, OpShift
from harness.records.history import Change, Evidence, SeriesKey


def check_document(checked: CheckedHistory) -> dict[str, Any]:
    """Return the document of `harness history check --json`."""
    return {
        "failed": checked.failed,
        "fail_on": checked.fail_on,
        "series": len(checked.series),
        "nights": checked.nights,
        "too_short": [series_document(one.key) for one in checked.too_short],
        "changes": [
            change_document(one)
            | {
                "new": [new_document(thing) for thing in checked.new_things(one)],
                "ops": [_op(shift) for shift in checked.ops.get(one.id, ())],
                "synthetic": checked.synthetic(one),
                "fails": checked.fails(one),
            }
            for group in checked.groups()
            for one in group
        ],
    }


def change_document(one: Change) -> dict[str, Any]:
    """Return a change."""
    times = one.unit == "us"
    return {
        "id": one.id,
        "group": one.group,
        "series": series_document(one.series),
        "first_bad": one.first_bad,
        "first_bad_at": moment(one.first_bad_at),
        "last_good": one.last_good,
        "last_good_at": moment(one.last_good_at),
        "before_us": _number(one.before) if times else None,
        "after_us": _number(one.after) if times else None,
        "before": _number(one.before),
        "after": _number(one.after),
        "unit": one.unit,
        "metric": one.series.metric,
        "ratio": _number(one.ratio),
        "ci_low": _number(one.ci_low),
        "ci_high": _number(one.ci_high),
        "verdict": str(one.verdict),
        "accepted": one.accepted,
        "muted": one.muted,
        "muted_until": moment(one.muted_until),
        "unseen_since": moment(one.unseen_since),
        "mended_since": moment(one.mended_since),
        "counts": one.counts,
        "kind": one.kind,
        "found_at": moment(one.found_at),
        "explained_by": list(one.explained_by),
        "evidence": None if one.evidence is None else _evidence(one.evidence),
        "notes": list(one.notes),
    }


def series_document(key: SeriesKey) -> dict[str, Any]:
    """Return the identity of a series, with its name for people in `words`."""
    return {
        "device": key.device,
        "model": key.model,
        "variant": key.variant or None,
        "delegate": key.delegate,
        "threads": key.threads,
        "cpus": key.cpus,
        "start": key.start,
        "binary": key.binary or None,
        "metric": key.metric,
        "words": key.words,
    }


def new_document(thing: NewThing) -> dict[str, Any]:
    """Return what was new on a night."""
    return {"what": thing.what, "before": thing.before, "after": thing.after}


def _op(shift: OpShift) -> dict[str, Any]:
    return {
        "node_type": shift.node_type,
        "name": shift.name,
        "before_us": shift.before_us,
        "after_us": shift.after_us,
        "change_us": shift.change_us,
    }


def moment(at: datetime | None) -> str | None:
    """Return `2026-11-20T02:00:00+00:00`."""
    return None if at is None else at.isoformat()


def _evidence(found: Evidence) -> dict[str, Any]:
    return {
        "run_id": found.run_id,
        "run_path": found.run_path,
        "ratio": found.ratio,
        "ci_low": found.ci_low,
        "ci_high": found.ci_high,
        "device_s": found.device_s,
        "at": moment(found.at),
    }


def _number(number: float) -> float | None:
    """JSON has no infinity: an open end of an interval is null."""
    return number if math.isfinite(number) else None
