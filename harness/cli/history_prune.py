"""`harness history prune`: removes old raw logs, and the kept files that nobody used for longest."""

from __future__ import annotations

import json

import click

from harness.api.prune_history import PrunedHistory, prune_history
from harness.cli.database_option import database_option, database_wait_option
from harness.cli.terminal_watcher import TerminalWatcher
from harness.files.terminal_text import printable
from harness.history.ages import parse_age
from harness.history.blob_store import VARIABLE, parse_size

_EPILOG = """\b
Examples:
  harness history prune --keep-logs 30d --dry-run
  harness history prune --keep-logs 8w --keep-files 50GB

Results stay, in the history and in the run's folder, and so do the ends of logs that reports show. The models and
binaries that nobody used for longest go first, until the others fit. Those that an open regression needs stay.
"""


@click.command("prune", epilog=_EPILOG)
@click.option(
    "--keep-logs", metavar="AGE", help="Remove the raw logs of runs older than AGE: 30d, 12h, 8w. Default: keep all."
)
@click.option(
    "--keep-files",
    metavar="SIZE",
    help=f"Keep at most SIZE of models and binaries, such as 50GB. Default: {VARIABLE}, else 20GB.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@database_option
@database_wait_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def prune_command(
    keep_logs: str | None,
    keep_files: str | None,
    dry_run: bool,
    database: str | None,
    wait_s: float,
    as_json: bool,
) -> None:
    """Remove old raw logs and unused files; never results."""
    done = prune_history(
        keep_logs=parse_age(keep_logs, "--keep-logs") if keep_logs is not None else None,
        keep_bytes=parse_size(keep_files, "--keep-files") if keep_files is not None else None,
        database=database,
        dry_run=dry_run,
        wait_s=wait_s,
        watcher=TerminalWatcher(),
    )
    for reason in done.left:
        click.echo(printable(f"left alone: {reason}"), err=True)
    if done.gone:
        runs = "1 run whose folder is" if done.gone == 1 else f"{done.gone} runs whose folders are"
        click.echo(f"{runs} gone: nothing to prune", err=True)
    if as_json:
        click.echo(json.dumps(_document(done), indent=1))
        return
    verb = "would remove" if dry_run else "removed"
    for run in done.runs:
        click.echo(printable(f"{run.path}: {verb} {run.logs.files} logs, {run.logs.size_bytes / 1e6:.1f} MB"))
    size = sum(one.size_bytes for one in done.files)
    click.echo(f"{verb} the logs of {len(done.runs)} runs and {len(done.files)} kept files, {size / 1e6:.1f} MB")


def _document(done: PrunedHistory) -> dict[str, object]:
    return {
        "runs": [
            {"run_id": one.run_id, "path": str(one.path), "files": one.logs.files, "size_bytes": one.logs.size_bytes}
            for one in done.runs
        ],
        "left": list(done.left),
        "gone": done.gone,
        "files": [{"sha256": one.sha256, "size_bytes": one.size_bytes} for one in done.files],
    }
