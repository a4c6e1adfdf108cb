"""`harness history report`: writes the page of the history."""

from __future__ import annotations

import json
import webbrowser
from datetime import datetime
from pathlib import Path

import click

from harness.api.check_history import DEFAULT_METRICS
from harness.api.report_history import TITLE, ReportedHistory, report_history
from harness.cli.database_option import database_option, database_wait_option
from harness.cli.date_option import DATE
from harness.cli.opened_history import opened_history
from harness.cli.output_option import OutputFile, require_place
from harness.cli.printing import reader_may_leave
from harness.cli.series_options import series_options

_EPILOG = """\b
Examples:
  harness history report -o history.html
  harness history report -o history.html --since 2026-09-01 --open
  harness history report -o phone.html --device R5CT1 --metric peak_memory --title 'Memory of R5CT1'

The page is one file that loads nothing. It shows every series with its nights, tells in words what changed, and links to
the reports of runs that still exist. The command looks for changes first, as harness history check does.
"""


@click.command("report", epilog=_EPILOG)
@click.option("-o", "--output", type=OutputFile(), required=True, metavar="FILE", help="The file to write.")
@database_option
@database_wait_option
@series_options(*DEFAULT_METRICS)
@click.option(
    "--since",
    type=DATE,
    metavar="DATE",
    help="Show only nights of this day or later. Older changes that still count stay.",
)
@click.option("--title", default=TITLE, show_default=True, help="The title of the page.")
@click.option("--open", "show", is_flag=True, help="Open the page in your web browser.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def report_command(
    output: Path,
    database: str | None,
    wait_s: float,
    metrics: tuple[str, ...],
    device: str | None,
    model: str | None,
    delegate: str | None,
    since: datetime | None,
    title: str,
    show: bool,
    as_json: bool,
) -> None:
    """Write the HTML report of the history."""
    require_place(output)
    with opened_history(database, wait_s) as db:
        written = report_history(
            db,
            output,
            metrics=metrics,
            device=device,
            model=model,
            delegate=delegate,
            since=since,
            title=title,
        )
    with reader_may_leave(document=as_json):
        click.echo(json.dumps(_document(written)) if as_json else str(written.path))
    if show:
        webbrowser.open(written.path.resolve().as_uri())


def _document(written: ReportedHistory) -> dict[str, object]:
    return {
        "report": str(written.path),
        "bytes": written.path.stat().st_size,
        "series": len(written.shown.series),
        "changes": len(written.shown.changes),
    }
