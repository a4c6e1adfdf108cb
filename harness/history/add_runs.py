"""Adds a run to the history: all of it in one transaction, or nothing.

Adding the same run again changes nothing. A resumed run replaces its rows.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Table, delete, insert, select, update

from harness.analysis.metrics import Metric
from harness.errors import UsageError
from harness.history.bulk_rows import write_ops
from harness.history.column_types import storable
from harness.history.database import HistoryDatabase
from harness.history.night_estimates import Estimated, estimates_of
from harness.history.run_rows import (
    Row,
    device_rows,
    estimate_row,
    op_count,
    op_values,
    run_row,
    series_row,
    trial_row,
    unstorable,
)
from harness.history.tables import blobs, devices, estimates, labels, runs, series, trials
from harness.runs.run_folder import DECISIONS, MANIFEST, TRIALS
from harness.runs.run_progress import unfinished
from harness.runs.run_store import Run, collector_paused, load_run, read_manifest

log = logging.getLogger(__name__)

_ROWS = 1
"""Version of the content of a run's rows. After a change of it, adding a known run rewrites its rows."""
_AT_ONCE = 1_000

KeptRow = tuple[str, str, str, int]
"""Kind (`model`, `binary`), name, SHA-256 and size in bytes of a kept file."""
Progress = Callable[[int, int], None]
"""Called with the number of rows written so far, and with the number of all rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedRun:
    """What adding a run did."""

    run_id: str
    added: int
    """Number of trials that the history did not know."""
    known: int
    """Number of trials that it knew."""
    notes: tuple[str, ...] = ()
    """What the history left out of the run, and why."""


def _no_progress(done: int, total: int) -> None:
    pass


def add_run(
    db: HistoryDatabase,
    path: Path,
    labels: Mapping[str, str] | None = None,
    *,
    progress: Progress = _no_progress,
) -> AddedRun:
    """Add a run, or its new results if it was added before.

    Args:
        db: the history.
        path: the run's folder. The history stores this path, since the raw logs stay there.
        labels: labels of the run; one with a known key replaces the old value.
        progress: called as rows are written.

    Raises:
        UsageError: there is no run, a newer harness wrote it, or the history holds another run with this id.
        SetupError: the database is locked, full or gone. The run in the history is unchanged.
    """
    place = path.resolve()
    manifest, digest = read_manifest(path), _digest(path)
    with db.read() as connection:
        known = _known(connection, manifest.run_id)
    if known is not None and known.digest == digest:
        with db.begin() as connection:
            _label(connection, known.id, labels or {})
            connection.execute(update(runs).where(runs.c.id == known.id).values(path=str(place)))
        return AddedRun(run_id=manifest.run_id, added=0, known=known.results)
    run = load_run(path)
    if (trouble := unstorable(run.manifest, run.results)) is not None:
        raise UsageError(f"{path} cannot be added: {trouble}")
    found = estimates_of(run.manifest, run.results)
    row = run_row(
        run.manifest,
        path=place,
        digest=digest,
        results=len(run.results),
        finished=not unfinished(run),
        added_at=datetime.now(UTC),
    )
    with collector_paused(), db.begin() as connection:
        number, before = _take_place(connection, row, run)
        _label(connection, number, labels or {})
        _write(connection, devices, device_rows(run.manifest, number))
        _write_trials(connection, run, number, progress)
        _write_estimates(connection, found.estimates, number)
    log.info("added run %s: %s results, %s estimates", row["run_id"], len(run.results), len(found.estimates))
    notes = (*found.notes, *((f"{len(run.damaged)} damaged lines left out",) if run.damaged else ()))
    return AddedRun(run_id=manifest.run_id, added=len(run.results) - before, known=before, notes=notes)


def _digest(path: Path) -> str:
    """Hash the files that the rows come from. This is read before the rows, so the next call adds whatever is written in between."""
    digest = hashlib.sha256(f"rows {_ROWS}\n".encode())
    for name in (MANIFEST, TRIALS, DECISIONS):
        try:
            with (path / name).open("rb") as stream:
                digest.update(f"{name} {hashlib.file_digest(stream, 'sha256').hexdigest()}\n".encode())
        except FileNotFoundError:
            continue
        except OSError as error:
            raise UsageError(f"{path / name} cannot be read: {error.strerror}") from None
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class _Known:
    id: int
    digest: str
    results: int
    started_at: datetime


def _known(connection: Connection, run_id: str) -> _Known | None:
    columns = (runs.c.id, runs.c.digest, runs.c.results, runs.c.started_at)
    row = connection.execute(select(*columns).where(runs.c.run_id == run_id)).first()
    return _Known(*row) if row is not None else None


def _take_place(connection: Connection, row: Row, run: Run) -> tuple[int, int]:
    """Write the row of a run, remove its old rows, and return its number and the number of its known trials."""
    known = _known(connection, row["run_id"])
    if known is None:
        written = connection.execute(insert(runs).values(**row)).inserted_primary_key
        assert written is not None  # noqa: S101  # of one row
        return int(written[0]), 0
    if known.started_at != row["started_at"]:
        raise UsageError(
            f"{run.path}: the history holds another run with the id {row['run_id']}, which began at {known.started_at:%Y-%m-%d %H:%M}"
        )
    there = set(connection.scalars(select(trials.c.trial_id).where(trials.c.run == known.id)))
    lost = there - {storable(result.trial.trial_id) for result in run.results}
    if lost:
        raise UsageError(
            f"{run.path} lacks {len(lost)} results of the run {row['run_id']} that the history holds",
            remedy="it is an older copy: add the run that has them all",
        )
    for table in (trials, devices, estimates):
        connection.execute(delete(table).where(table.c.run == known.id))
    connection.execute(update(runs).where(runs.c.id == known.id).values(**row, logs_pruned_at=None))
    return known.id, len(there)


def _label(connection: Connection, run: int, given: Mapping[str, str]) -> None:
    if given:
        keys = [storable(key) for key in given]
        connection.execute(delete(labels).where(labels.c.run == run, labels.c.key.in_(keys)))
        _write(connection, labels, [{"run": run, "key": key, "value": value} for key, value in given.items()])


def _write_trials(connection: Connection, run: Run, number: int, progress: Progress) -> None:
    total, done = len(run.results) + op_count(run.results), 0

    def wrote(count: int) -> None:
        nonlocal done
        done += count
        progress(done, total)

    for begin in range(0, len(run.results), _AT_ONCE):
        part = run.results[begin : begin + _AT_ONCE]
        _write(connection, trials, [trial_row(result, number) for result in part])
        wrote(len(part))
    stored = connection.execute(select(trials.c.trial_id, trials.c.id).where(trials.c.run == number))
    numbers = {row.trial_id: row.id for row in stored}
    by_id = {result.trial.trial_id: numbers[storable(result.trial.trial_id)] for result in run.results}
    write_ops(connection, op_values(run.results, by_id), wrote)


def _write_estimates(connection: Connection, found: Sequence[Estimated], run: int) -> None:
    wanted = [series_row(one) for one in found]
    numbers = _series(connection, wanted, [Metric(one.key.metric).unit for one in found])
    rows = {number: estimate_row(one, series=number, run=run) for one, number in zip(found, numbers, strict=True)}
    _write(connection, estimates, list(rows.values()))


def _series(connection: Connection, wanted: Sequence[Row], units: Sequence[str]) -> list[int]:
    """Return the number of each series; make the missing ones."""
    names = [name for name in series.c.keys() if name not in ("id", "unit")]  # noqa: SIM118  # columns iterate over themselves
    columns = [series.c[name] for name in names]

    def there() -> dict[tuple[object, ...], int]:
        # Only one writer at a time makes series. A device has so few that all fit into memory.
        of = series.c.device.in_({row["device"] for row in wanted})
        return {tuple(row[1:]): row[0] for row in connection.execute(select(series.c.id, *columns).where(of))}

    keys = [
        tuple(storable(value) if isinstance(value, str) else value for value in (row[name] for name in names))
        for row in wanted
    ]
    found = there()
    new = {key: {**row, "unit": unit} for key, row, unit in zip(keys, wanted, units, strict=True) if key not in found}
    if new:
        _write(connection, series, list(new.values()))
        found = there()
    return [found[key] for key in keys]


def _write(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    if rows:
        connection.execute(insert(table), rows)


def note_files(db: HistoryDatabase, run_id: str, files: Sequence[KeptRow]) -> None:
    """Record that a run uses files of the blob store.

    Args:
        db: the history.
        run_id: a run in it.
        files: kind, name, SHA-256 and size in bytes of each.

    Raises:
        SetupError: as `add_run`.
    """
    if not files:
        return
    now = datetime.now(UTC)
    with db.begin() as connection:
        run = connection.scalar(select(runs.c.id).where(runs.c.run_id == run_id))
        hashes = {sha256 for _, _, sha256, _ in files}
        there = {row.sha256: row for row in connection.execute(select(blobs).where(blobs.c.sha256.in_(hashes)))}
        new = [
            {"sha256": sha256, "kind": kind, "name": name, "size_bytes": size, "added_at": now, "last_run": run}
            for kind, name, sha256, size in files
            if sha256 not in there
        ]
        _write(connection, blobs, new)
        connection.execute(update(blobs).where(blobs.c.sha256.in_(set(there))).values(last_run=run))
