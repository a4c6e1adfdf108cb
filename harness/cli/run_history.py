"""The end of `harness run --history`: adds the run to the history. If that fails, the run is still on the disk."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from harness.errors import HarnessError, UsageError
from harness.files.terminal_text import printable

_SETUP = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryWish:
    """The values of `--history`, `--database` and `--label`."""

    wanted: bool
    database: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    def adding(self, path: Path) -> str:
        """Return the command that adds the run later."""
        from harness.history.adding_options import adding_options

        return f"harness history add {shlex.quote(str(path))}{adding_options(self.database, self.labels)}"

    @property
    def options(self) -> str:
        """The options that ask for the same again, quoted for a shell, with a blank before each."""
        if not self.wanted:
            return ""
        from harness.history.adding_options import adding_options

        return f" --history{adding_options(self.database, self.labels)}"


def history_wish(*, wanted: bool, database: str | None, labels: Sequence[str], dry_run: bool) -> HistoryWish:
    """Check the options before anything is measured.

    Raises:
        UsageError: the options contradict each other, or no history can be at the address.
        SetupError: a library is missing.
    """
    if not wanted:
        if database is not None or labels:
            raise UsageError("--database and --label need --history")
        return HistoryWish(wanted=False)
    if dry_run:
        raise UsageError("--history adds results, and --dry-run has none")
    # Imported here, because a run without a history needs none of it.
    from harness.history.blob_store import BlobStore
    from harness.history.database import require_history
    from harness.history.run_labels import parse_labels

    require_history(database)
    BlobStore()
    return HistoryWish(wanted=True, database=database, labels=parse_labels(labels))


def add_at_the_end(wish: HistoryWish, path: Path, code: int) -> int:
    """Add a run to the history. Return the run's exit code, or 3 if the run was good and could not be added.

    Args:
        wish: the options.
        path: the run's folder.
        code: the run's exit code.
    """
    from harness.api.add_to_history import add_to_history
    from harness.cli.terminal_watcher import TerminalWatcher

    try:
        done = add_to_history([path], database=wish.database, labels=wish.labels, watcher=TerminalWatcher())
        if done.refused:
            raise done.refused[path]
    except HarnessError as error:
        click.echo(printable(f"harness: not added to the history: {error.message}"), err=True)
        click.echo(printable(f"  {error.remedy + '; then: ' if error.remedy else ''}{wish.adding(path)}"), err=True)
        return code or _SETUP
    (one,) = done.runs
    click.echo(f"history: {one.added} trials added to {done.database}", err=True)
    return code
