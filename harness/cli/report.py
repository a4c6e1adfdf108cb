"""`harness report`: makes a run's HTML report, or makes it again."""

from __future__ import annotations

import json
import webbrowser
from pathlib import Path

import click

from harness.cli.output_option import OutputFile
from harness.report import write_report

_EPILOG = """\b
Examples:
  harness report runs/2026-08-01
  harness report runs/2026-08-01 -o /tmp/monday.html --open

The report is one file that loads nothing. The same harness makes the same bytes from the same run.
"""


@click.command("report", epilog=_EPILOG)
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.option(
    "-o", "--output", type=OutputFile(replaces_report=True), help="The file to write instead of RUN/report.html."
)
@click.option("--open", "show", is_flag=True, help="Open the report in your web browser.")
@click.option("--json", "as_json", is_flag=True, help="Print the report's path as JSON.")
def report(run: Path, output: Path | None, show: bool, as_json: bool) -> None:
    """Write the HTML report of a run."""
    path = write_report(run, output)
    if as_json:
        click.echo(json.dumps({"report": str(path), "bytes": path.stat().st_size}))
    else:
        click.echo(str(path))
    if show:
        webbrowser.open(path.resolve().as_uri())
