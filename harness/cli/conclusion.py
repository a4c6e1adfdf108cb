"""How `harness run` ends: the report, the summary, the exit code."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from harness.cli.printing import reader_may_leave
from harness.cli.run_summary import print_summary, summary_document, write_json
from harness.errors import SetupError, UsageError
from harness.measuring.schedule import Outcome, bad
from harness.records import Status
from harness.runs.run_progress import unfinished
from harness.runs.run_store import Run, load_run


def conclude(path: Path, outcome: Outcome, *, as_json: bool) -> int:
    """Write the report, say what was measured, and give the exit code. Whatever becomes of the report, what was measured is said.

    Raises:
        SetupError, UsageError: the report could not be written.
    """
    from harness.report import write_report  # pandas and the chart library: not before they are needed

    report: Path | None = None
    trouble: SetupError | UsageError | None = None
    try:
        with Console(stderr=True).status("writing the report"):
            report = write_report(path)
    except KeyboardInterrupt:
        outcome.interrupted = True
    except (SetupError, UsageError) as error:
        trouble = error  # what was measured is said all the same
    finished = load_run(path)
    left = unfinished(finished)
    code = _exit_code(finished, outcome, left)
    with reader_may_leave():
        if as_json:
            write_json(summary_document(finished, report, outcome))
        else:
            print_summary(finished, report)
    for serial, reason in outcome.set_aside.items():
        click.echo(f"{serial}: {reason}", err=True)
    if left:
        least = "at least " if finished.manifest.adaptive is not None else ""
        click.echo(f"{least}{left} trials did not run; go on with: harness run --resume {path}", err=True)
    if trouble is not None:
        raise trouble
    return code


def _exit_code(finished: Run, outcome: Outcome, left: int) -> int:
    if outcome.interrupted:
        return 130
    if left and not finished.results:
        return 3
    return 1 if left or bad(finished.results) or not any(r.status is Status.OK for r in finished.results) else 0
