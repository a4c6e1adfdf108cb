"""Finds the runs whose raw logs are old enough to remove, and the kept files that experiments still need."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select, update

from harness.analysis.checked_history import SIDE_MARGIN, is_open
from harness.history.change_log import known_changes
from harness.history.database import HistoryDatabase
from harness.history.series_reader import chosen_series
from harness.history.tables import blobs, estimates, runs


@dataclass(frozen=True, slots=True, kw_only=True)
class OldRun:
    """A run of the history whose raw logs may go."""

    run_id: str
    path: Path
    started_at: datetime


def old_runs(db: HistoryDatabase, before: datetime) -> tuple[OldRun, ...]:
    """Return the runs that began before a moment and still have logs as far as the history knows, oldest first.

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
    """Record that a run's raw logs were removed.

    Raises:
        SetupError: the database cannot be written.
    """
    with db.begin() as connection:
        connection.execute(update(runs).where(runs.c.run_id == run_id).values(logs_pruned_at=now))


def needed_files(db: HistoryDatabase) -> frozenset[str]:
    """Return the hashes of the models and binaries that an experiment on an open regression may need: those of the nights around it.

    Raises:
        SetupError: the database cannot be read.
    """
    needed: set[str] = set()
    with db.read() as connection:
        numbers = {one.key: number for number, one in chosen_series(connection).items()}
        for change in filter(is_open, known_changes(connection)):
            query = (
                select(runs.c.run_id, estimates.c.model_sha256, estimates.c.binary_sha256)
                .join(runs, estimates.c.run == runs.c.id)
                .where(estimates.c.series == numbers[change.series])
                .order_by(runs.c.started_at, runs.c.id)
            )
            nights = connection.execute(query).all()
            places = [place for place, row in enumerate(nights) if row.run_id in (change.last_good, change.first_bad)]
            if places:
                for row in nights[max(0, places[0] - SIDE_MARGIN) : places[-1] + SIDE_MARGIN + 1]:
                    needed |= {row.model_sha256, row.binary_sha256}
    return frozenset(needed)


def forget_files(db: HistoryDatabase, hashes: frozenset[str]) -> None:
    """Record that kept files are gone.

    Raises:
        SetupError: the database cannot be written.
    """
    with db.begin() as connection:
        connection.execute(blobs.delete().where(blobs.c.sha256.in_(hashes)))
