"""`harness history report`: looks for changes in the history, and writes its page."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from harness.analysis.checked_history import CheckedHistory, is_open
from harness.api.check_history import DEFAULT_METRICS, Detector, check_history
from harness.history.database import HistoryDatabase

TITLE = "Benchmark history"


@dataclass(frozen=True, slots=True)
class ReportedHistory:
    """A page that was written, and what it shows."""

    path: Path
    shown: CheckedHistory


def report_history(
    db: HistoryDatabase,
    output: Path,
    *,
    metrics: Collection[str] = DEFAULT_METRICS,
    device: str | None = None,
    model: str | None = None,
    delegate: str | None = None,
    since: datetime | None = None,
    title: str = TITLE,
    now: datetime | None = None,
    detector: Detector | None = None,
) -> ReportedHistory:
    """Check the history as `harness.api.check_history` does, so that the page knows the latest nights, and write its page.

    Args:
        db: the history, open.
        output: the file.
        metrics: only series of these.
        device, model, delegate: only these series, as in the selections of `harness compare`.
        since: show only nights from this moment on. Older changes stay if they still need a decision.
        title: the page's name.
        now: the moment of the report; by default this one.
        detector: as for `check_history`.

    Raises:
        UsageError: no series has such a device, model or delegate; or you cannot write to `output`.
        SetupError: the database is locked, full or gone; a library is missing; or writing failed.
    """
    moment = now or datetime.now(UTC)
    checked = check_history(
        db, metrics=metrics, device=device, model=model, delegate=delegate, now=moment, detector=detector
    )
    return report_checked(checked, output, since=since, title=title, now=moment)


def report_checked(
    checked: CheckedHistory,
    output: Path,
    *,
    since: datetime | None = None,
    title: str = TITLE,
    now: datetime | None = None,
) -> ReportedHistory:
    """Write the page of a check that was made already, as after its experiments.

    Args:
        checked: the check; `harness.api.check_history.refreshed` brings its verdicts up to date.
        output: the file.
        since, title, now: as for `report_history`.

    Raises:
        UsageError: you cannot write to `output`.
        SetupError: writing failed.
    """
    from harness.report.history_page import write_history_report

    shown = checked if since is None else _since(checked, since)
    write_history_report(shown.series, shown.changes, output, title=title, now=now or datetime.now(UTC), ops=shown.ops)
    return ReportedHistory(output, shown)


def _since(checked: CheckedHistory, since: datetime) -> CheckedHistory:
    series = tuple(
        replace(one, estimates=nights)
        for one in checked.series
        if (nights := tuple(night for night in one.estimates if night.at >= since))
    )
    keys = {one.key for one in series}
    changes = tuple(
        one for one in checked.changes if one.first_bad_at >= since or (is_open(one) and one.series in keys)
    )
    return replace(checked, series=series, changes=changes)
