"""`harness history check`: looks for changes from night to night."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from harness.api.check_history import DEFAULT_METRICS, check_history, refreshed
from harness.cli.console import open_console
from harness.cli.database_option import database_option, database_wait_option
from harness.cli.date_option import DATE
from harness.cli.opened_history import opened_history
from harness.cli.output_option import OutputFile, only_once, require_own_places
from harness.cli.printing import reader_may_leave
from harness.cli.seconds_option import Seconds
from harness.cli.series_options import series_options
from harness.errors import HarnessError, UsageError
from harness.files.indented_json import indented
from harness.files.whole_file import text_output_file

if TYPE_CHECKING:
    from harness.analysis.checked_history import CheckedHistory, FailOn
    from harness.experiments.confirm_open import Tried
    from harness.history.database import HistoryDatabase

_EPILOG = """\b
Examples:
  harness history check
  harness history check --fail-on suspected --junit history.xml --markdown comment.md
  harness history check --device R5CT1 --delegate 'gpu*' --metric peak_memory --since 2026-11-01
  harness history check --confirm --budget 1800
  harness history check --json | jq -r '.changes[] | select(.fails) | .id'

A change is suspected until an experiment confirms or refutes it: harness history confirm ID. It is explained if the
ground changed on that night (the phone's system, a governor, the config, the harness, what the suite asks), and improved
if the metric became less. A suspicion that later nights do not show stops counting.

--confirm runs these experiments at once: the worst suspicion first, one of each group before the rest of any group,
until the device time of --budget is spent.

Exit code 1: a confirmed regression that nobody accepted or muted; with --fail-on suspected also a suspected one.
"""


@click.command("check", epilog=_EPILOG)
@database_option
@database_wait_option
@series_options(*DEFAULT_METRICS)
@click.option("--since", type=DATE, metavar="DATE", help="Report only changes that began on this day or later.")
@click.option(
    "--fail-on",
    type=click.Choice(["confirmed", "suspected"]),
    default="confirmed",
    show_default=True,
    help="The weakest regression that makes the exit code 1.",
)
@click.option(
    "--confirm",
    "confirms",
    is_flag=True,
    help="Also confirm or refute open suspicions by experiments on their devices.",
)
@click.option(
    "--budget",
    "budget_s",
    type=Seconds(1, 30 * 86400),
    metavar="SECONDS",
    help="With --confirm: device time for all experiments together.  [default: 1800]",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["text", "json", "markdown", "junit"]),
    default=["text"],
    show_default="text",
    multiple=True,
    callback=only_once,
    help="The format of the output.",
)
@click.option(
    "-o",
    "--output",
    type=OutputFile(),
    multiple=True,
    callback=only_once,
    help="The file to write instead of standard output.",
)
@click.option("--junit", type=OutputFile(), metavar="FILE", help="Also write JUnit XML.")
@click.option("--markdown", type=OutputFile(), metavar="FILE", help="Also write Markdown.")
@click.pass_context
def check_command(
    ctx: click.Context,
    database: str | None,
    wait_s: float,
    metrics: tuple[str, ...],
    device: str | None,
    model: str | None,
    delegate: str | None,
    since: datetime | None,
    fail_on: str,
    confirms: bool,
    budget_s: float | None,
    as_json: bool,
    file_format: str,
    output: Path | None,
    junit: Path | None,
    markdown: Path | None,
) -> None:
    """Look for changes from night to night: when, how much, on which series, and what else was new."""
    target = None if output is None or str(output) == "-" else output
    beside = {name: path for name, path in (("junit", junit), ("markdown", markdown)) if path is not None}
    require_own_places(target, beside)
    if budget_s is not None and not confirms:
        raise UsageError("--budget goes with --confirm")
    tried: tuple[Tried, ...] = ()
    with opened_history(database, wait_s) as db:
        argument = db.address.argument
        checked = check_history(
            db,
            metrics=metrics,
            device=device,
            model=model,
            delegate=delegate,
            since=since,
            fail_on=cast("FailOn", fail_on),
        )
        if confirms:
            checked, tried = confirmed(db, checked, budget_s)
    write_check(checked, "json" if as_json else file_format, target, beside, argument=argument, tried=tried)
    if checked.failed:
        ctx.exit(1)


def confirmed(
    db: HistoryDatabase, checked: CheckedHistory, budget_s: float | None
) -> tuple[CheckedHistory, tuple[Tried, ...]]:
    """Test the open suspicions of a check, and return the check with their new state."""
    from harness.cli.terminal_watcher import TerminalWatcher
    from harness.experiments.confirm_open import BUDGET_S, confirm_open

    tried = confirm_open(
        db, checked.changes, BUDGET_S if budget_s is None else budget_s, watcher=TerminalWatcher(), tried=_say
    )
    return refreshed(db, checked), tried


def _say(one: Tried) -> None:
    from harness.experiments.confirmation_facts import facts_of_tried
    from harness.formats.confirmation_words import confirmation_lines

    click.echo("\n".join(confirmation_lines(facts_of_tried(one))), err=True)


def write_check(
    checked: CheckedHistory,
    file_format: str = "text",
    output: Path | None = None,
    beside: Mapping[str, Path] | None = None,
    *,
    argument: str = "",
    tried: Sequence[Tried] = (),
) -> None:
    """Write every output of a check, also if one of them fails.

    Args:
        checked: its outcome.
        file_format: `text`, `json`, `markdown` or `junit`.
        output: the file for it; None is standard output.
        beside: further files by their format.
        argument: the `--database` option for commands that the output names.
        tried: the results of experiments on its suspicions; JSON lists them.

    Raises:
        UsageError: you cannot write to an output.
        SetupError: an output could not be written.
    """
    trouble: HarnessError | None = None
    for kind, path in [(file_format, output), *(beside or {}).items()]:
        try:
            _write(checked, kind, path, argument, tried)
        except HarnessError as error:
            trouble = trouble or error
    if checked.failed and not (file_format == "text" and output is None):
        from harness.formats.change_words import looked_at, summary

        click.echo(f"history: {summary(checked)}; {looked_at(checked)}", err=True)
    if trouble is not None:
        raise trouble


def _write(
    checked: CheckedHistory, file_format: str, output: Path | None, argument: str, tried: Sequence[Tried]
) -> None:
    if file_format == "text" and output is None:
        from harness.formats.changes_text import print_check

        with reader_may_leave():
            print_check(checked, open_console(), argument=argument)
        return
    text = _as_text(checked, file_format, argument, tried)
    if output is None:
        with reader_may_leave(document=file_format == "json"):
            click.echo(text, nl=False)
        return
    with text_output_file(output) as stream:
        stream.write(text)


def _as_text(checked: CheckedHistory, file_format: str, argument: str, tried: Sequence[Tried]) -> str:
    if file_format == "json":
        from harness.formats.changes_json import check_document

        document = check_document(checked)
        if tried:
            from harness.experiments.confirmation_facts import facts_of_tried
            from harness.formats.confirmation_words import tried_document

            document["experiments"] = tried_document([facts_of_tried(one) for one in tried])
        return indented(document) + "\n"
    if file_format == "markdown":
        from harness.formats.changes_markdown import check_markdown

        return check_markdown(checked, argument=argument)
    if file_format == "junit":
        from harness.formats.changes_junit import check_junit

        return check_junit(checked)
    from harness.formats.changes_text import as_text

    return as_text(checked, argument=argument)
