"""Removes the raw logs of a run's folder, and nothing else: its results, its own log and the ends of logs that the report shows stay.

It never leaves the folder: every step goes from an open folder to a name in it, never through a link.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from harness.errors import HarnessError, SetupError, UsageError
from harness.files.lock import lock_if_free
from harness.files.whole_file import write_whole
from harness.runs.run_folder import LOGS, PRUNED, TRIALS
from harness.runs.run_store import read_manifest

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunedLogs:
    """What pruning a run's folder removed, or would remove in a dry run."""

    files: int
    size_bytes: int


def prune_logs(
    path: Path,
    run_id: str,
    *,
    trials: Collection[str],
    tails: Collection[str],
    tail_bytes: int,
    now: datetime,
    dry_run: bool = False,
) -> PrunedLogs:
    """Remove the raw logs of a run's trials, and mark the folder.

    Args:
        path: the run's folder.
        run_id: the run that must be in it.
        trials: ids of its trials; only log folders with their names are touched.
        tails: paths of logs whose end stays, relative to the folder.
        tail_bytes: how many bytes of each stay.
        now: the moment to record in `logs/pruned.json`.
        dry_run: only count.

    Raises:
        UsageError: the folder is gone, or holds no run or another one.
        SetupError: another process writes the run, or a file cannot be removed.
    """
    manifest = read_manifest(path)
    if manifest.run_id != run_id:
        raise UsageError(f"{path} holds another run now: {manifest.run_id}")
    try:
        with (path / TRIALS).open("rb") as file:
            if not lock_if_free(file):
                raise SetupError(f"{path} is being written by another harness process", remedy="prune it later")
            with _opened(path) as run, _opened(LOGS, run) as logs:
                removed = _Removal(tails=frozenset(tails), tail_bytes=tail_bytes, dry_run=dry_run)
                for name in _folders_of(frozenset(trials), logs):
                    removed.folder(name, logs)
            if not dry_run:
                mark = {"logs_pruned_at": now.isoformat(), "files": removed.files, "size_bytes": removed.size_bytes}
                write_whole(path / LOGS / PRUNED, json.dumps(mark, indent=1).encode() + b"\n")
    except HarnessError:
        raise
    except OSError as error:
        raise SetupError(
            f"cannot prune {path}: {error.filename or ''} {error.strerror}", remedy="see its permissions"
        ) from error
    return PrunedLogs(files=removed.files, size_bytes=removed.size_bytes)


def _folders_of(known: Collection[str], logs: int) -> list[str]:
    """Return the log folders of trials. The folder of a result that no longer counts ends in a number."""
    found = []
    for name in sorted(os.listdir(logs)):
        trial, _, number = name.rpartition(".")
        if name in known or (trial in known and number.isdigit()):
            found.append(name)
    return found


@contextmanager
def _opened(name: Path | str, parent: int | None = None) -> Iterator[int]:
    folder = os.open(name, _FOLDER, dir_fd=parent)
    try:
        yield folder
    finally:
        os.close(folder)


class _Removal:
    def __init__(self, *, tails: frozenset[str], tail_bytes: int, dry_run: bool) -> None:
        self._tails = tails
        self._tail_bytes = tail_bytes
        self._dry_run = dry_run
        self.files = 0
        self.size_bytes = 0

    def folder(self, name: str, logs: int) -> None:
        """Empty the folder of a trial's logs; a link of that name is left alone."""
        for place, folders, files, opened in os.fwalk(name, topdown=False, follow_symlinks=False, dir_fd=logs):
            # fwalk lists a link to a folder among the folders, though it does not follow it.
            for one in (*files, *folders):
                seen = os.stat(one, dir_fd=opened, follow_symlinks=False)
                if not stat.S_ISDIR(seen.st_mode):
                    self._file(f"{LOGS}/{place}/{one}", one, opened, seen)
                elif not self._dry_run:
                    with suppress(OSError):  # it holds a file that stays
                        os.rmdir(one, dir_fd=opened)
        if not self._dry_run:
            with suppress(OSError):
                os.rmdir(name, dir_fd=logs)

    def _file(self, path: str, name: str, folder: int, seen: os.stat_result) -> None:
        regular = stat.S_ISREG(seen.st_mode)
        if regular and path in self._tails:
            if seen.st_size > self._tail_bytes:
                self._count(seen.st_size - self._tail_bytes)
                if not self._dry_run:
                    _cut(name, folder, self._tail_bytes)
            return
        self._count(seen.st_size if regular else 0)
        if not self._dry_run:
            os.unlink(name, dir_fd=folder)

    def _count(self, size: int) -> None:
        self.files += 1
        self.size_bytes += size


def _cut(name: str, folder: int, length: int) -> None:
    """Keep the last bytes of a file."""
    with open(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder), "rb") as file:  # noqa: PTH123  # a descriptor
        file.seek(-length, os.SEEK_END)
        end = file.read()
    part = f".part-{os.getpid()}"
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644, dir_fd=folder), "wb") as file:  # noqa: PTH123
        file.write(end)
    os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)
