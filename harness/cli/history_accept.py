"""`harness history accept`, `mute` and `unmute`: people's decisions on changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from harness.cli.database_option import database_option, database_wait_option
from harness.cli.date_option import DATE
from harness.cli.opened_history import opened_history
from harness.cli.printing import reader_may_leave
from harness.files.indented_json import indented
from harness.files.terminal_text import printable

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from harness.records.history import Change

_ACCEPT_EPILOG = """\b
Examples:
  harness history accept c3f9a01bc2d
  harness history accept c3f9a01bc2d --undo

An accepted change no longer makes the exit code 1, and no longer notifies you. If it grows clearly beyond its present
size, it counts again.
"""

_MUTE_EPILOG = """\b
Examples:
  harness history mute c3f9a01bc2d --until 2026-12-24
  harness history mute c3f9a01bc2d

A muted change neither makes the exit code 1 nor notifies you, until that day or until `unmute`.
"""

_UNMUTE_EPILOG = """\b
Examples:
  harness history unmute c3f9a01bc2d
"""


@click.command("accept", epilog=_ACCEPT_EPILOG)
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option("--undo", is_flag=True, help="Let the changes count again.")
@database_option
@database_wait_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def accept_command(ids: tuple[str, ...], undo: bool, database: str | None, wait_s: float, as_json: bool) -> None:
    """Accept changes as the new level. ID is a change, or a group of them."""

    def work(connection: Connection, words: str, now: datetime) -> Sequence[Change]:
        from harness.history.change_log import accept

        return accept(connection, words, now, undo=undo)

    _said(ids, work, database, wait_s, as_json=as_json, done="counts again" if undo else "accepted")


@click.command("mute", epilog=_MUTE_EPILOG)
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option("--until", type=DATE, metavar="DATE", help="They count again from this day on.")
@database_option
@database_wait_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def mute_command(
    ids: tuple[str, ...], until: datetime | None, database: str | None, wait_s: float, as_json: bool
) -> None:
    """Mute changes, until a day or for good. ID is a change, or a group of them."""

    def work(connection: Connection, words: str, now: datetime) -> Sequence[Change]:
        from harness.history.change_log import mute

        return mute(connection, words, now, until=until)

    done = "muted" if until is None else f"muted until {until:%Y-%m-%d %H:%M %Z}".rstrip()
    _said(ids, work, database, wait_s, as_json=as_json, done=done)


@click.command("unmute", epilog=_UNMUTE_EPILOG)
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@database_option
@database_wait_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def unmute_command(ids: tuple[str, ...], database: str | None, wait_s: float, as_json: bool) -> None:
    """Let muted changes count again. ID is a change, or a group of them."""

    def work(connection: Connection, words: str, now: datetime) -> Sequence[Change]:
        from harness.history.change_log import unmute

        return unmute(connection, words, now)

    _said(ids, work, database, wait_s, as_json=as_json, done="no longer muted")


def _said(
    ids: Sequence[str],
    work: Callable[[Connection, str, datetime], Sequence[Change]],
    database: str | None,
    wait_s: float,
    *,
    as_json: bool,
    done: str,
) -> None:
    """Apply `work` to all ids or to none, and print the result for each change."""
    now = datetime.now(UTC)
    with opened_history(database, wait_s) as db, db.begin() as connection:
        changed = {one.id: one for words in ids for one in work(connection, words, now)}
    from harness.formats.change_words import cell, metric_words
    from harness.formats.changes_json import change_document

    with reader_may_leave(document=as_json):
        if as_json:
            click.echo(indented({"changes": [change_document(one) for one in changed.values()]}))
            return
        for one in changed.values():
            click.echo(printable(f"{one.id} {done}: {cell(one.series)}: {metric_words(one.series)}"))
