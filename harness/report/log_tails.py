"""Reads the last lines of failing trials' logs for the report, whose links die when somebody sends the file on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.records import Result, Status
from harness.report.embed import log_href

MOST_TRIALS = 60
"""Largest number of problems. Of trials of a cell that failed alike, only the first counts."""
MOST_LINES = 12
MOST_BYTES = 1500

_KINDS = ("stderr", "stdout", "logcat", "tombstone")


def log_tails(run_path: Path, results: Iterable[Result]) -> dict[str, Mapping[str, str]]:
    """Read the ends of the logs of the first trial of each problem: by trial, the text of each non-empty log by its kind.

    Args:
        run_path: the run's folder.
        results: the run's results, cell by cell.
    """
    seen: set[object] = set()
    found: dict[str, Mapping[str, str]] = {}
    for result in results:
        if result.status in (Status.OK, Status.SKIPPED) or len(found) >= MOST_TRIALS:
            continue
        trial = result.trial
        problem = (trial.device, trial.model.label, trial.delegate_label, trial.threads, trial.cpus.label, trial.binary)
        shown = (result.conditions.evidence, result.conditions.pushed_beside)
        key = (problem, result.status, result.causes, result.message, shown, result.exit_code)
        if key in seen:
            continue
        seen.add(key)
        tails = {kind: text for kind in _KINDS if (text := _tail(run_path, result.logs.get(kind)))}
        if tails:
            found[trial.trial_id] = tails
    return found


def _tail(run_path: Path, path: str | None) -> str:
    """The last lines of a log; empty if it is gone, empty or no file of the run."""
    if path is None or log_href("", path) is None:
        return ""
    file = run_path / path
    try:
        # A link could lead out of the run.
        if not file.is_file() or not file.resolve().is_relative_to(run_path.resolve()):
            return ""
        with file.open("rb") as stream:
            stream.seek(max(0, file.stat().st_size - MOST_BYTES))
            text = stream.read(MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.rstrip().splitlines()[-MOST_LINES:])
