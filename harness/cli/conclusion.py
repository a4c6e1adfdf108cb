"""The end of `harness run`: the summary and the exit code."""

from __future__ import annotations

from pathlib import Path

import click

from harness.api.run_outcome import RunOutcome
from harness.cli.printing import reader_may_leave
from harness.cli.run_summary import print_summary, summary_document, write_json
from harness.errors import HarnessError, SetupError
from harness.files.whole_file import text_output_file
from harness.formats.run_junit import run_junit
from harness.records.spans import span
from harness.runs.run_folder import refuse_own_file
from harness.runs.run_store import Run


def conclude(
    outcome: RunOutcome,
    *,
    as_json: bool = False,
    on_stderr: bool = False,
    junit: Path | None = None,
    options: str = "",
) -> int:
    """Print what was measured, and return the exit code.

    Args:
        outcome: the run's outcome.
        as_json: print one document instead of tables.
        on_stderr: print tables on stderr; stdout belongs to the caller.
        junit: a file for the run as JUnit XML.
        options: options that a resume needs again, quoted for a shell, with a blank before each.

    Raises:
        SetupError, UsageError: the report or a document could not be written. The summary is printed first.
    """
    lost: HarnessError | None = None
    try:
        with span("summary"), reader_may_leave(document=as_json):
            if as_json:
                write_json(summary_document(outcome))
            else:
                print_summary(outcome.run, outcome.report, on_stderr=on_stderr)
    except SetupError as error:
        lost = error
    if junit is not None:
        try:
            write_junit(outcome.run, junit)
        except HarnessError as error:
            lost = lost or error
    for serial, reason in outcome.set_aside.items():
        click.echo(f"{serial}: {reason}", err=True)
    if outcome.unfinished:
        least = "at least " if outcome.run.manifest.adaptive is not None else ""
        click.echo(
            f"{least}{outcome.unfinished} trials did not run; go on with: {outcome.resume_command(options)}", err=True
        )
    if (trouble := lost or outcome.report_error) is not None:
        raise trouble
    return _exit_code(outcome)


def write_junit(run: Run, output: Path) -> None:
    """Write a run as JUnit XML, with the last lines of failed trials' logs.

    Raises:
        UsageError: `output` is part of a run, or you cannot write to it.
        SetupError: the disk is full.
    """
    refuse_own_file(output)
    with text_output_file(output) as stream:
        stream.write(junit_text(run))


def junit_text(run: Run) -> str:
    """Return a run as JUnit XML, with the last lines of failed trials' logs."""
    from harness.report.log_tails import log_tails  # loads the report's templates' engine, so only on demand

    return run_junit(run, log_tails(run.path, run.results))


def _exit_code(outcome: RunOutcome) -> int:
    if outcome.interrupted:
        return 130
    if outcome.unfinished and not outcome.results:
        return 3
    return 0 if outcome.good else 1
