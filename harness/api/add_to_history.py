"""`harness history add`: adds runs to the history, and keeps their files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.api.kept_files import keep_files
from harness.api.run_watcher import RunWatcher
from harness.errors import UsageError
from harness.history.blob_store import BlobStore
from harness.history.database import WAIT_S, open_history, require_history
from harness.runs.run_store import read_manifest

if TYPE_CHECKING:
    from harness.history.add_runs import AddedRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """What adding runs did, in the order in which they were given."""

    database: str
    """The history's address, without a password."""
    runs: tuple[AddedRun, ...]
    refused: Mapping[Path, UsageError] = field(default_factory=dict)
    """Runs that could not be added, each with the reason. The others were."""


def add_to_history(
    runs: Sequence[str | Path],
    *,
    database: str | None = None,
    labels: Mapping[str, str] | None = None,
    wait_s: float = WAIT_S,
    added: Callable[[AddedRun], None] = lambda _: None,
    watcher: RunWatcher | None = None,
) -> Addition:
    """Add runs to the history; make it if there is none. A run that it knows is added as far as it has grown.

    Args:
        runs: folders of runs.
        database: a SQLite file or a PostgreSQL URL; None for `HARNESS_DATABASE`, else the user's own file.
        labels: labels of each of the runs, such as `{"commit": "abc"}`.
        wait_s: seconds to wait for another process that writes.
        added: hears of each run as soon as it is stored.
        watcher: hears of the progress.

    Raises:
        SetupError: a library is missing, or the database is locked, full or gone. What was added before stays.
        UsageError: there is no history at the address.
    """
    watcher = watcher or RunWatcher()
    require_history(database)
    from harness.history.add_runs import add_run, note_files

    store = BlobStore()
    stored: list[AddedRun] = []
    refused: dict[Path, UsageError] = {}
    with open_history(database, wait_s=wait_s) as db:
        if db.migration is not None and db.migration.words:
            watcher.notice(db.migration.words)
        for path in map(Path, runs):
            try:
                with watcher.phase(f"adding {path}"):
                    one = add_run(db, path, labels, progress=watcher.advanced)
                with watcher.phase(f"keeping the files of {path}"):
                    files = keep_files(read_manifest(path), store)
                note_files(db, one.run_id, [(f.kind, f.name, f.sha256, f.size_bytes) for f in files.kept])
            except UsageError as error:
                refused[path] = error
                continue
            one = replace(one, notes=(*one.notes, *files.notes))
            for note in one.notes:
                watcher.warning(f"{path}: {note}")
            stored.append(one)
            added(one)
        return Addition(database=db.url, runs=tuple(stored), refused=refused)
