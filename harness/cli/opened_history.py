"""Opens the history for a command that only uses it, and says on standard error if that changed its file."""

from __future__ import annotations

import click

from harness.files.terminal_text import printable
from harness.history.database import WAIT_S, HistoryDatabase, open_history


def opened_history(database: str | None, wait_s: float = WAIT_S) -> HistoryDatabase:
    """Open a history that is there.

    Args:
        database: as `open_history` takes it.
        wait_s: seconds to wait for a process that writes.

    Raises:
        UsageError, SetupError: as `open_history`.
    """
    db = open_history(database, create=False, wait_s=wait_s)
    if db.migration is not None and db.migration.words:
        click.echo(printable(db.migration.words), err=True)
    return db
