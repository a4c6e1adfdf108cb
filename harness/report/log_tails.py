"""The last lines of failing trials' logs, which stand in the report itself: its links die when the file is sent on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.records import Result, Status
from harness.report.embed import log_href

MOST_TRIALS = 60
"""Each another problem: of trials of a cell that failed alike the first one's lines stand for all."""
MOST_LINES = 12
MOST_BYTES = 1500

_KINDS = ("stderr", "stdout", "logcat", "tombstone")


def log_tails(run_path: Path, results: Iterable[Result]) -> dict[str, Mapping[str, str]]:
    """Read the ends of the logs of the first trial of each problem.

    Args:
        run_path: the run's folder.
        results: of the run, cell by cell.

    Returns:
        By trial, the text of each log that is there and not empty, by its kind. Bytes that are no UTF-8 are replaced.
    """
    seen: set[object] = set()
    found: dict[str, Mapping[str, str]] = {}
    for result in results:
        if result.status in (Status.OK, Status.SKIPPED) or len(found) >= MOST_TRIALS:
            continue
        trial = result.trial
        problem = (trial.device, trial.model.name, trial.delegate_label, trial.threads, trial.cpus.label, trial.binary)
        key = (problem, result.status, result.causes, result.message, result.conditions.evidence, result.exit_code)
        if key in seen:
            continue
        seen.add(key)
        tails = {kind: text for kind in _KINDS if (text := _tail(run_path, result.logs.get(kind)))}
        if tails:
            found[trial.trial_id] = tails
    return found


def _tail(run_path: Path, path: str | None) -> str:
    """The last lines of a log; empty where it is gone, is no file of the run, or says nothing."""
    if path is None or log_href("", path) is None:
        return ""
    file = run_path / path
    try:
        # A link could lead out of the run to what is nobody's business.
        if not file.is_file() or not file.resolve().is_relative_to(run_path.resolve()):
            return ""
        with file.open("rb") as stream:
            stream.seek(max(0, file.stat().st_size - MOST_BYTES))
            text = stream.read(MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.rstrip().splitlines()[-MOST_LINES:])
