"""`harness history migrate`: brings a history up to date."""

from __future__ import annotations

import json

import click

from harness.cli.database_option import database_option, database_wait_option
from harness.history.database import migrate_history
from harness.history.database_address import parse_address

_EPILOG = """\b
Examples:
  harness history migrate
  harness history migrate --database postgresql://lab@db.example/harness

PostgreSQL migrates only with this command, because others use the database at the same time; in an empty database it
makes the tables. A SQLite file needs no command: the next history command that opens an older one copies and migrates it.
"""


@click.command("migrate", epilog=_EPILOG)
@database_option
@database_wait_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def migrate_command(database: str | None, wait_s: float, as_json: bool) -> None:
    """Bring the history up to date with this harness."""
    done = migrate_history(database, wait_s=wait_s)
    shown = parse_address(database).shown
    if as_json:
        copy = str(done.copy) if done.copy is not None else None
        click.echo(json.dumps({"database": shown, "before": done.before, "after": done.after, "copy": copy}, indent=1))
    elif done.before == done.after:
        click.echo(f"{shown} is up to date: revision {done.after}")
    else:
        click.echo(f"{shown}: revision {done.before or 'none'} to {done.after}")
        if done.copy is not None:
            click.echo(f"the history as it was: {done.copy}")
