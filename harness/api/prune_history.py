"""`harness history prune`: removes raw logs that are old, and kept files that nobody used for long. Results stay."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from harness.api.run_watcher import RunWatcher
from harness.errors import HarnessError
from harness.history.blob_store import BlobStore, KeptFile
from harness.history.database import WAIT_S, open_history
from harness.history.log_pruning import PrunedLogs, prune_logs
from harness.records import Result
from harness.runs.run_store import load_run


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunedRun:
    """A run whose raw logs were removed."""

    run_id: str
    path: Path
    logs: PrunedLogs


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunedHistory:
    """What was removed; with a dry run, what would be."""

    runs: tuple[PrunedRun, ...]
    left: tuple[str, ...]
    """Sentences on runs that were left alone, and why."""
    gone: int
    """Number of old runs whose folder is gone: there is nothing to remove."""
    files: tuple[KeptFile, ...]
    """Kept files that nobody used for longest."""


def prune_history(
    *,
    keep_logs: timedelta | None = None,
    keep_bytes: int | None = None,
    database: str | None = None,
    dry_run: bool = False,
    wait_s: float = WAIT_S,
    watcher: RunWatcher | None = None,
) -> PrunedHistory:
    """Remove what the history need not keep. Results, reports and the ends of logs that reports show always stay, and so do kept files
    that an experiment on an open regression may take.

    Args:
        keep_logs: remove the raw logs of runs that began longer ago; None keeps them all.
        keep_bytes: the most that kept models and binaries may take; by default `HARNESS_BLOBS_MAX`, else 20 GB.
        database: the history, as for `add_to_history`.
        dry_run: remove nothing.
        wait_s: seconds to wait for another process that writes.
        watcher: hears of the progress.

    Raises:
        UsageError: there is no history.
        SetupError: a library is missing, or the database or the store cannot be written.
    """
    watcher = watcher or RunWatcher()
    store = BlobStore(max_bytes=keep_bytes)
    now = datetime.now(UTC)
    with open_history(database, create=False, wait_s=wait_s) as db:
        from harness.history.prune import forget_files, mark_pruned, needed_files, old_runs

        if db.migration is not None and db.migration.words:
            watcher.notice(db.migration.words)
        pruned: list[PrunedRun] = []
        left: list[str] = []
        folders_gone = 0
        for run in old_runs(db, now - keep_logs) if keep_logs is not None else ():
            if not os.path.lexists(run.path):
                # Looked for again next time: a drive that is absent now may come back.
                folders_gone += 1
                continue
            try:
                with watcher.phase(f"pruning {run.path}"):
                    logs = prune_run(run.path, run.run_id, now=now, dry_run=dry_run)
            except HarnessError as error:
                left.append(error.message)
                continue
            if not dry_run:
                mark_pruned(db, run.run_id, now)
            pruned.append(PrunedRun(run_id=run.run_id, path=run.path, logs=logs))
        gone = store.prune(used=needed_files(db), dry_run=dry_run)
        if gone and not dry_run:
            forget_files(db, frozenset(one.sha256 for one in gone))
    return PrunedHistory(runs=tuple(pruned), left=tuple(left), gone=folders_gone, files=gone)


def prune_run(path: Path, run_id: str, *, now: datetime, dry_run: bool = False) -> PrunedLogs:
    """Remove a run's raw logs, except what its report shows of them.

    Args:
        path: the run's folder.
        run_id: the run that must be in it.
        now: for the mark.
        dry_run: remove nothing.

    Raises:
        UsageError: there is no run, or another one.
        SetupError: another process writes it, or a file cannot be removed.
    """
    from harness.report.cell_summaries import report_cells
    from harness.report.log_tails import MOST_BYTES, log_tails

    run = load_run(path)

    def shown(results: Iterable[Result]) -> Iterable[str]:
        by_id = {result.trial.trial_id: result for result in results}
        for trial_id, tails in log_tails(path, by_id.values()).items():
            yield from (by_id[trial_id].logs[kind] for kind in tails)

    # In the order of each that shows them: reports and comparisons go by cell, JUnit by the order of running.
    tails = {*shown(run.results), *(log for cell in report_cells(run) for log in shown(cell.results))}
    planned = (*run.manifest.planned, *run.manifest.further, *(result.trial for result in run.results))
    return prune_logs(
        path,
        run_id,
        trials={trial.trial_id for trial in planned},
        tails=tails,
        tail_bytes=MOST_BYTES,
        now=now,
        dry_run=dry_run,
    )
