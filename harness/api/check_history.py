"""`harness history check`: looks for changes in the history, and remembers them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from harness.analysis.checked_history import CheckedHistory, FailOn, OpShift, is_open
from harness.analysis.metrics import Metric
from harness.history.database import HistoryDatabase
from harness.records.history import Change, Series

DEFAULT_METRICS = (Metric.INFERENCE_AVG, Metric.INIT, Metric.PEAK_MEMORY)
"""The metrics that a check looks at by default. Others move with these, and each further one makes the rest less sure."""

Detector = Callable[[Sequence[Series], datetime], Sequence[Change]]
"""Finds the changes of series as of a given moment."""


def check_history(
    db: HistoryDatabase,
    *,
    metrics: Collection[str] = DEFAULT_METRICS,
    device: str | None = None,
    model: str | None = None,
    delegate: str | None = None,
    since: datetime | None = None,
    fail_on: FailOn = "confirmed",
    now: datetime | None = None,
    detector: Detector | None = None,
) -> CheckedHistory:
    """Look for changes in all nights of the history, and store them.

    Args:
        db: the history, open.
        metrics: only series of these.
        device, model, delegate: only these series, as in the selections of `harness compare`.
        since: report only changes whose first night is this moment or later. Earlier nights still count as the level before a change.
        fail_on: the weakest verdict that fails the check.
        now: the moment of the check; by default this one.
        detector: used instead of `harness.analysis.history_changes`.

    Raises:
        UsageError: no series has such a device, model or delegate.
        SetupError: the database is locked, full or gone; or a library of the detector is missing.
    """
    from harness.history.change_log import merge_found
    from harness.history.series_reader import read_series

    moment = now or datetime.now(UTC)
    with db.read() as connection:
        series = read_series(connection, metrics=metrics, device=device, model=model, delegate=delegate)
    # No transaction is open meanwhile: others may write, and the merge of the changes sees what they stored.
    found = (detector or _detect)(series, moment)
    with db.begin() as connection:
        merged = merge_found(connection, found, moment, series=series)
    changes = tuple(one for one in merged if since is None or one.first_bad_at >= since)
    return CheckedHistory(series=series, changes=changes, fail_on=fail_on, ops=_ops(db, changes, series))


def refreshed(db: HistoryDatabase, checked: CheckedHistory, *, now: datetime | None = None) -> CheckedHistory:
    """Return a check with its changes as they are known now, as after experiments.

    Args:
        db: the history, open.
        checked: what `check_history` returned.
        now: decides which changes are still muted; by default this moment.

    Raises:
        SetupError: the database is gone.
    """
    from harness.history.change_log import known_changes

    ids = {one.id for one in checked.changes}
    with db.read() as connection:
        known = known_changes(connection, now=now, series={one.series for one in checked.changes})
    return replace(checked, changes=tuple(one for one in known if one.id in ids))


def _ops(db: HistoryDatabase, changes: Sequence[Change], series: Sequence[Series]) -> dict[str, tuple[OpShift, ...]]:
    """Return the ops that moved most, for the changes that need a decision."""
    from harness.history.op_shifts import op_shifts

    by_key = {one.key: one for one in series}
    with db.read() as connection:
        found = {one.id: op_shifts(connection, one, by_key[one.series]) for one in changes if is_open(one)}
    return {number: shifts for number, shifts in found.items() if shifts}


def _detect(series: Sequence[Series], now: datetime) -> Sequence[Change]:
    from harness.analysis.history_changes import changes_in  # SciPy and ruptures take their time

    return changes_in(series, now=now)
