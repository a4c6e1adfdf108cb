"""The end of `harness run`: the summary and the exit code."""

from __future__ import annotations

import click

from harness.api.run_outcome import RunOutcome
from harness.cli.printing import reader_may_leave
from harness.cli.run_summary import print_summary, summary_document, write_json
from harness.errors import SetupError


def conclude(outcome: RunOutcome, *, as_json: bool = False, on_stderr: bool = False) -> int:
    """Print what was measured, and return the exit code.

    Args:
        outcome: the run's outcome.
        as_json: print one document instead of tables.
        on_stderr: print tables on stderr; stdout belongs to the caller.

    Raises:
        SetupError, UsageError: the report or the JSON document could not be written. The summary is printed first.
    """
    lost: SetupError | None = None
    try:
        with reader_may_leave(document=as_json):
            if as_json:
                write_json(summary_document(outcome))
            else:
                print_summary(outcome.run, outcome.report, on_stderr=on_stderr)
    except SetupError as error:
        lost = error
    for serial, reason in outcome.set_aside.items():
        click.echo(f"{serial}: {reason}", err=True)
    if outcome.unfinished:
        least = "at least " if outcome.run.manifest.adaptive is not None else ""
        click.echo(
            f"{least}{outcome.unfinished} trials did not run; go on with: harness run --resume {outcome.path}", err=True
        )
    if (trouble := lost or outcome.report_error) is not None:
        raise trouble
    return _exit_code(outcome)


def _exit_code(outcome: RunOutcome) -> int:
    if outcome.interrupted:
        return 130
    if outcome.unfinished and not outcome.results:
        return 3
    return 0 if outcome.good else 1
