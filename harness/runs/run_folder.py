"""The folder of a run: the names of its files, and checks that neither a new run nor an output overwrites them."""

from __future__ import annotations

import os
from pathlib import Path

from harness.errors import UsageError

MANIFEST = "manifest.json"
TRIALS = "trials.jsonl"
DECISIONS = "decisions.jsonl"
LOGS = "logs"
REPORT = "report.html"
PRUNED = "pruned.json"
"""File in `logs/` that says when the raw logs were removed (`harness history prune`)."""


def logs_pruned(path: Path) -> bool:
    """Return whether the raw logs of a run were removed, so that files are missing that its results name."""
    return (path / LOGS / PRUNED).exists()


def refuse_occupied(path: Path) -> None:
    """Check that a folder is new or empty, so that a run may be made in it.

    Raises:
        UsageError: it holds a run, or other files.
    """
    if (path / MANIFEST).exists():
        raise UsageError(
            f"{path} already holds a run", remedy=f"go on with it: --resume {path}; or choose another --out"
        )
    try:
        # Files that a process writes before its manifest are no run yet.
        stranger = next((one.name for one in sorted(path.iterdir()) if not _is_begun(one)), None)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    if stranger is not None:
        raise UsageError(f"{path} is not empty and holds no run: it has {stranger}", remedy="name a new folder")


def _is_begun(entry: Path) -> bool:
    if entry.name == TRIALS:
        return entry.is_file() and entry.stat().st_size == 0
    return entry.name.startswith(".part-") or (entry.name == LOGS and entry.is_dir() and not any(entry.iterdir()))


def refuse_own_file(output: Path, *, replaces_report: bool = False, run: Path | None = None) -> None:
    """Check that an output is none of a run's own files, because their data exist only once.

    Args:
        output: the file.
        replaces_report: whether it may be a run's report.
        run: a folder that will hold a run, but need not exist yet.

    Raises:
        UsageError: it is one of them.
    """
    names = {MANIFEST, TRIALS, DECISIONS, LOGS, *(() if replaces_report else (REPORT,))}
    place = Path(os.path.realpath(output))
    for folder in place.parents:
        own = place.relative_to(folder).parts[0]
        if own in names and (
            (folder / MANIFEST).exists() or (run is not None and folder == Path(os.path.realpath(run)))
        ):
            raise UsageError(f"{output} is part of the run in {folder}", remedy="name another file: -o FILE")
