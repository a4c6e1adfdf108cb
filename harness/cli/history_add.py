"""`harness history add`: adds runs to the history."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.api.add_to_history import add_to_history
from harness.cli.database_option import database_option, database_wait_option, label_option
from harness.cli.printing import reader_may_leave
from harness.cli.terminal_watcher import TerminalWatcher
from harness.files.terminal_text import printable
from harness.history.run_labels import parse_labels

if TYPE_CHECKING:
    from harness.history.add_runs import AddedRun

_EPILOG = """\b
Examples:
  harness history add runs/quickstart-20261122-101500
  harness history add runs/* --label branch=main
  harness history add runs/tonight --label commit=4f1c2e9 --database postgresql://lab@db.example/harness

Adding a run again changes nothing, or adds what is new if you resumed it. Raw logs stay in the run's folder. The history
keeps a copy of the run's models and binaries, so that it can measure old and new again.
"""


@click.command("add", epilog=_EPILOG)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@label_option
@database_option
@database_wait_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.pass_context
def add_command(
    ctx: click.Context,
    runs: tuple[Path, ...],
    labels: tuple[str, ...],
    database: str | None,
    wait_s: float,
    as_json: bool,
) -> None:
    """Add runs to the history."""
    stored: list[AddedRun] = []
    looked_at = False

    def added(one: AddedRun) -> None:
        stored.append(one)
        if not as_json:
            with reader_may_leave():
                click.echo(printable(f"{one.run_id}: {one.added} trials added, {one.known} known"))

    try:
        done = add_to_history(
            runs,
            database=database,
            labels=parse_labels(labels),
            wait_s=wait_s,
            added=added,
            watcher=TerminalWatcher(),
        )
        looked_at = True
    finally:
        if as_json and (stored or looked_at):
            _print_document(stored)
    for error in done.refused.values():
        click.echo(printable(f"harness: {error.message}"), err=True)
        if error.remedy:
            click.echo(printable(f"  {error.remedy}"), err=True)
    if done.refused:
        ctx.exit(2)


def _print_document(stored: list[AddedRun]) -> None:
    found = [{"run_id": one.run_id, "added": one.added, "known": one.known, "notes": list(one.notes)} for one in stored]
    with reader_may_leave(document=True):
        click.echo(json.dumps({"runs": found}, indent=1))
