"""Which runs of the history have raw logs that are old enough to go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select, update

from harness.history.database import HistoryDatabase
from harness.history.tables import blobs, runs


@dataclass(frozen=True, slots=True, kw_only=True)
class OldRun:
    """A run of the history whose raw logs may go."""

    run_id: str
    path: Path
    started_at: datetime


def old_runs(db: HistoryDatabase, before: datetime) -> tuple[OldRun, ...]:
    """Return the runs that began before a moment and whose logs were not removed since they were added, oldest first.

    Raises:
        SetupError: the database cannot be read.
    """
    query = (
        select(runs.c.run_id, runs.c.path, runs.c.started_at)
        .where(runs.c.started_at < before, runs.c.logs_pruned_at.is_(None))
        .order_by(runs.c.started_at, runs.c.id)
    )
    with db.read() as connection:
        return tuple(
            OldRun(run_id=row.run_id, path=Path(row.path), started_at=row.started_at)
            for row in connection.execute(query)
        )


def mark_pruned(db: HistoryDatabase, run_id: str, now: datetime) -> None:
    """Note that a run's raw logs were removed.

    Raises:
        SetupError: the database cannot be written.
    """
    with db.begin() as connection:
        connection.execute(update(runs).where(runs.c.run_id == run_id).values(logs_pruned_at=now))


def forget_files(db: HistoryDatabase, hashes: frozenset[str]) -> None:
    """Note that kept files are gone.

    Raises:
        SetupError: the database cannot be written.
    """
    with db.begin() as connection:
        connection.execute(blobs.delete().where(blobs.c.sha256.in_(hashes)))
