"""Opens an existing history for a command, and says on standard error if that migrated its file."""

from __future__ import annotations

import click

from harness.files.terminal_text import printable
from harness.history.database import WAIT_S, HistoryDatabase, open_history


def opened_history(database: str | None, wait_s: float = WAIT_S) -> HistoryDatabase:
    """Open an existing history.

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
