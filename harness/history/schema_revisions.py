"""Finds the revision of a database's tables, and migrates them to the newest. Alembic's migrations are in `migrations/`."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from enum import Enum
from functools import cached_property
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from harness.errors import SetupError, UsageError
from harness.files.whole_file import put_in_place, unfinished
from harness.history.database import Migration
from harness.history.database_address import DatabaseAddress
from harness.history.tables import metadata

VERSION_TABLE = "history_revision"
"""Not Alembic's default name: another program may use that in the same PostgreSQL database."""
SHIPPED = Path(__file__).parent / "migrations"


class Found(Enum):
    """The state of a database's tables."""

    EMPTY = "empty"
    OLDER = "older"
    CURRENT = "current"


class Revisions:
    """The migrations in a folder.

    Args:
        folder: Alembic's folder with `env.py` and `versions/`.
    """

    def __init__(self, folder: Path = SHIPPED) -> None:
        self._config = Config()
        self._config.set_main_option("script_location", str(folder).replace("%", "%%"))
        self._config.set_main_option("path_separator", "newline")

    @cached_property
    def known(self) -> tuple[str, ...]:
        """All revisions, the newest first."""
        return tuple(script.revision for script in ScriptDirectory.from_config(self._config).walk_revisions())

    @property
    def newest(self) -> str:
        """The revision of this harness."""
        return self.known[0]

    def look(self, connection: Connection, shown: str) -> Found:
        """Look at a database.

        Args:
            connection: to it.
            shown: its address for people.

        Raises:
            SetupError: a newer harness wrote it.
            UsageError: it belongs to another program.
        """
        revision = revision_of(connection)
        if revision is None:
            _refuse_strangers(connection, shown)
            return Found.EMPTY
        if revision == self.newest:
            return Found.CURRENT
        if revision not in self.known:
            raise SetupError(
                f"{shown} was written by a newer harness: revision {revision}, and this one knows up to {self.newest}",
                remedy="use the newer harness, or another history: --database FILE",
            )
        return Found.OLDER

    def bring_up_to_date(self, connection: Connection, address: DatabaseAddress) -> Migration:
        """Migrate a database to the newest tables. A SQLite file that holds a history is copied first.

        Args:
            connection: to it, in a transaction that writes; another process may have migrated it already.
            address: its address.

        Raises:
            SetupError, UsageError: as `look`; or there is no room for the copy.
        """
        found = self.look(connection, address.shown)
        before = revision_of(connection)
        if found is Found.CURRENT:
            return Migration(before=before, after=self.newest)
        copy = _copied(address.file, self.newest) if found is Found.OLDER and address.file is not None else None
        self._config.attributes["connection"] = connection
        command.upgrade(self._config, "head")
        return Migration(before=before, after=self.newest, copy=copy)


def revision_of(connection: Connection) -> str | None:
    """Return a database's revision; None if it has no history."""
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision()


def _refuse_strangers(connection: Connection, shown: str) -> None:
    there = set(inspect(connection).get_table_names())
    if connection.dialect.name == "postgresql":
        there &= set(metadata.tables)  # a lab may keep other tables in the same database
    if there:
        raise UsageError(
            f"{shown} belongs to another program: it has a table {min(there)}, and no history",
            remedy="name another one: --database",
        )


def _copied(file: Path, newest: str) -> Path:
    """Copy a database into the same folder, with SQLite's backup: reading the file directly would drop this process's locks."""
    place = file.with_name(f"{file.name}.before-{newest}")
    number = 1
    while place.exists():
        number += 1
        place = file.with_name(f"{file.name}.before-{newest}.{number}")
    part = unfinished(place)
    try:
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(part)) as target:
            source.backup(target)
        put_in_place(part, place, durable=True)
    except (OSError, sqlite3.Error) as error:
        raise SetupError(
            f"cannot copy {file} before it is migrated: {error}", remedy="free some room; nothing was changed"
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return place
