"""`harness history list`: the runs, series or changes of the history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from harness.cli.console import open_console
from harness.cli.database_option import database_option, database_wait_option
from harness.cli.date_option import DATE
from harness.cli.opened_history import opened_history
from harness.cli.printing import reader_may_leave
from harness.cli.series_options import series_options
from harness.errors import UsageError
from harness.files.indented_json import indented
from harness.formats.narrow_table import PrintedColumn, plain_words, print_table, say
from harness.history.database import HistoryDatabase

if TYPE_CHECKING:
    from harness.history.run_list import ListedRun

_EPILOG = """\b
Examples:
  harness history list
  harness history list --series --device R5CT1
  harness history list --changes --since 2026-11-01
  harness history list --json | jq -r '.runs[] | select(.there | not) | .path'
"""


@click.command("list", epilog=_EPILOG)
@click.option("--series", "kind", flag_value="series", help="List series with their latest estimate.")
@click.option(
    "--changes", "kind", flag_value="changes", help="List all known changes, even those that no longer count."
)
@series_options()
@click.option("--since", type=DATE, metavar="DATE", help="Only runs, nights or changes of this day or later.")
@database_option
@database_wait_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def list_command(
    kind: str | None,
    metrics: tuple[str, ...],
    device: str | None,
    model: str | None,
    delegate: str | None,
    since: datetime | None,
    database: str | None,
    wait_s: float,
    as_json: bool,
) -> None:
    """List the runs, series or changes of the history."""
    chosen = {"device": device, "model": model, "delegate": delegate}
    if kind is None and (metrics or any(chosen.values())):
        raise UsageError("--metric, --device, --model and --delegate choose series", remedy="add --series or --changes")
    with opened_history(database, wait_s) as db:
        if kind == "series":
            _list_series(db, metrics, chosen, since, as_json=as_json)
        elif kind == "changes":
            _list_changes(db, metrics, chosen, since, as_json=as_json)
        else:
            _list_runs(db, since, as_json=as_json)


def _list_runs(db: HistoryDatabase, since: datetime | None, *, as_json: bool) -> None:
    from harness.history.run_list import listed_runs

    with db.read() as connection:
        found = listed_runs(connection, since=since)
    if as_json:
        _print_document({"runs": [_run_document(one) for one in found]})
        return
    with reader_may_leave():
        _print_runs(found)


def _list_series(
    db: HistoryDatabase,
    metrics: Sequence[str],
    chosen: dict[str, str | None],
    since: datetime | None,
    *,
    as_json: bool,
) -> None:
    from harness.formats.history_lists import listed_series, print_series
    from harness.history.series_reader import read_series

    with db.read() as connection:
        found = read_series(
            connection,
            metrics=metrics or None,
            device=chosen["device"],
            model=chosen["model"],
            delegate=chosen["delegate"],
            since=since,
        )
    if as_json:
        _print_document({"series": [listed_series(one) for one in found]})
        return
    with reader_may_leave():
        print_series(found, open_console())


def _list_changes(
    db: HistoryDatabase,
    metrics: Sequence[str],
    chosen: dict[str, str | None],
    since: datetime | None,
    *,
    as_json: bool,
) -> None:
    from harness.formats.changes_json import change_document
    from harness.formats.history_lists import print_changes
    from harness.history.change_log import known_changes
    from harness.history.series_reader import chosen_series

    with db.read() as connection:
        series = [one.key for one in chosen_series(connection, metrics=metrics or None, where=chosen).values()]
        known = known_changes(connection, series=series)
    found = [one for one in known if since is None or one.first_bad_at >= since]
    if as_json:
        _print_document({"changes": [change_document(one) for one in found]})
        return
    with reader_may_leave():
        print_changes(found, open_console(), older=len(known) - len(found), since=since)


def _print_document(document: dict[str, Any]) -> None:
    with reader_may_leave(document=True):
        click.echo(indented(document))


def _run_document(one: ListedRun) -> dict[str, Any]:
    return {
        "run_id": one.run_id,
        "suite": one.suite,
        "started_at": one.started_at.isoformat(),
        "devices": list(one.devices),
        "results": one.results,
        "finished": one.finished,
        "labels": dict(one.labels),
        "path": one.path,
        "there": one.there,
        "logs_pruned": one.logs_pruned,
    }


def _print_runs(found: Sequence[ListedRun]) -> None:
    console = open_console()
    if not found:
        say(console, "no runs")
        return
    print_table(
        console,
        [
            PrintedColumn("started (UTC)", [f"{one.started_at:%Y-%m-%d %H:%M}" for one in found]),
            PrintedColumn("suite", [plain_words(one.suite) for one in found]),
            PrintedColumn("devices", [plain_words(", ".join(one.devices)) for one in found], drop=2),
            PrintedColumn("results", [str(one.results) for one in found], right=True, drop=3),
            PrintedColumn(
                "labels", [plain_words(", ".join(f"{k}={v}" for k, v in one.labels.items())) for one in found], drop=1
            ),
            PrintedColumn("folder", [plain_words(one.path) for one in found]),
            PrintedColumn("", [_state(one) for one in found]),
        ],
    )
    say(console, f"\n{len(found)} runs")


def _state(one: ListedRun) -> str:
    words = [] if one.finished else ["unfinished"]
    words += ["gone"] if not one.there else ["logs pruned"] if one.logs_pruned else []
    return ", ".join(words)
