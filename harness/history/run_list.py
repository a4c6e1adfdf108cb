"""The runs of the history, as `harness history list` shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, select

from harness.history.tables import devices, labels, runs


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRun:
    """A run of the history."""

    run_id: str
    suite: str
    started_at: datetime
    devices: tuple[str, ...]
    """Serials."""
    results: int
    finished: bool
    labels: Mapping[str, str]
    path: str
    """Its folder at the time when it was added."""
    logs_pruned: bool

    @property
    def there(self) -> bool:
        """Whether its folder still exists, seen from this machine."""
        try:
            return Path(self.path).is_dir()
        except (OSError, ValueError):
            return False


def listed_runs(connection: Connection, *, since: datetime | None = None) -> tuple[ListedRun, ...]:
    """Return the runs of the history, oldest first.

    Args:
        connection: to the history.
        since: only runs that began at this moment or later.
    """
    later = [] if since is None else [runs.c.started_at >= since]
    serials: dict[int, list[str]] = {}
    for row in connection.execute(
        select(devices.c.run, devices.c.serial).join(runs).where(*later).order_by(devices.c.serial)
    ):
        serials.setdefault(row.run, []).append(row.serial)
    marks: dict[int, dict[str, str]] = {}
    for row in connection.execute(select(labels).join(runs).where(*later).order_by(labels.c.key)):
        marks.setdefault(row.run, {})[row.key] = row.value
    query = select(runs).where(*later).order_by(runs.c.started_at, runs.c.id)
    return tuple(
        ListedRun(
            run_id=row.run_id,
            suite=row.suite,
            started_at=row.started_at,
            devices=tuple(serials.get(row.id, ())),
            results=row.results,
            finished=row.finished,
            labels=marks.get(row.id, {}),
            path=row.path,
            logs_pruned=row.logs_pruned_at is not None,
        )
        for row in connection.execute(query)
    )
