"""Makes, migrates and opens the database of the history: a SQLite file, or PostgreSQL.

    no file, or an empty database       makes its tables, on request
    an older one                        SQLite: copies the file, then migrates it; PostgreSQL: only `harness history migrate` changes it
    a newer one, or another program's   refuses it with an error

Importing this module needs only the harness's own libraries. Opening a history needs more, and an error names a missing one.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from harness.errors import SetupError, UsageError
from harness.history.database_address import DatabaseAddress, parse_address

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

WAIT_S = 60.0
"""Seconds to wait for another process that writes, unless you say otherwise."""

_OF_HISTORY = ("sqlalchemy", "alembic")
_OF_POSTGRES = ("psycopg",)


def require_history(address: str | None = None) -> None:
    """Check that the libraries of the history are installed.

    Args:
        address: the database as `open_history` takes it.

    Raises:
        SetupError: one is missing; the remedy is the line to install it.
        UsageError: no history can be at the address.
    """
    postgres = parse_address(address).file is None
    for name in (*_OF_HISTORY, *(_OF_POSTGRES if postgres else ())):
        if importlib.util.find_spec(name) is None:
            extra = "postgres" if postgres else "history"
            raise SetupError(
                f"the history needs {name}, which is not installed",
                remedy=f"pip install 'litert-device-harness[{extra}]'",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """What `migrate` did."""

    before: str | None
    """The revision that the database had; None if it was empty."""
    after: str
    copy: Path | None = None
    """The copy of a SQLite file before it was changed."""

    @property
    def words(self) -> str | None:
        """A message that a history was migrated; None if there was none before."""
        return f"the history was migrated; as it was: {self.copy}" if self.copy is not None else None


class HistoryDatabase:
    """An open history; use it as a context manager. Make it with `open_history`."""

    def __init__(self, address: DatabaseAddress, engine: Engine, migration: Migration | None = None) -> None:
        self.address = address
        self.engine = engine
        self.migration = migration
        """What opening it changed; None if nothing."""

    @property
    def url(self) -> str:
        """Its address for people, without a password."""
        return self.address.shown

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Yield a connection in one transaction that may write: the whole block is stored, or nothing of it. Writers wait for each other.

        Raises:
            SetupError: the database stays locked, is full, read-only or gone. Nothing of the block was stored.
        """
        with self._connection(writes=True) as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection that only reads, and sees one state of the database.

        Raises:
            SetupError: as `begin`.
        """
        with self._connection(writes=False) as connection:
            yield connection

    @contextmanager
    def _connection(self, *, writes: bool) -> Iterator[Connection]:
        from harness.history.database_engine import connected

        with connected(self.engine, self.url, writes=writes) as connection:
            yield connection

    def close(self) -> None:
        """Close it."""
        self.engine.dispose()

    def __enter__(self) -> HistoryDatabase:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_history(
    url: str | None = None,
    *,
    create: bool = True,
    migrate: bool = True,
    wait_s: float = WAIT_S,
    migrations: Path | None = None,
) -> HistoryDatabase:
    """Open the history.

    Args:
        url: a SQLite file or a PostgreSQL URL; None for `HARNESS_DATABASE`, else the user's own file.
        create: make it if there is none.
        migrate: bring an older SQLite file up to date; `migration` of the result tells what was done.
        wait_s: seconds to wait for a process that writes.
        migrations: a folder with Alembic's migrations instead of the harness's own.

    Raises:
        UsageError: there is none and `create` is False, or the database is no history.
        SetupError: a library is missing, a newer harness wrote it, it must be migrated first, or it cannot be opened.
    """
    address = parse_address(url)
    require_history(url)
    from harness.history.schema_revisions import SHIPPED, Found, Revisions

    revisions = Revisions(migrations or SHIPPED)
    database = _opened(address, create=create, wait_s=wait_s)
    try:
        with database.read() as connection:
            found = revisions.look(connection, database.url)
        if found is Found.CURRENT:
            return database
        if found is Found.EMPTY and not create:
            raise _none_here(address)
        if found is Found.OLDER and (address.file is None or not migrate):
            why = "a shared database migrates only on request" if address.file is None else "this command migrates none"
            raise SetupError(
                f"{database.url} was made by an older harness, and {why}",
                remedy=f"harness history migrate{address.argument}",
            )
        with database.begin() as connection:
            database.migration = revisions.bring_up_to_date(connection, address)
    except BaseException:
        database.close()
        raise
    return database


def migrate_history(url: str | None = None, *, wait_s: float = WAIT_S, migrations: Path | None = None) -> Migration:
    """Bring a history up to date; make its tables in an empty PostgreSQL database.

    Args:
        url, wait_s, migrations: as `open_history`.

    Raises:
        UsageError, SetupError: as `open_history`.
    """
    address = parse_address(url)
    require_history(url)
    from harness.history.schema_revisions import SHIPPED, Revisions

    with _opened(address, create=address.file is None, wait_s=wait_s) as database, database.begin() as connection:
        return Revisions(migrations or SHIPPED).bring_up_to_date(connection, address)


def _opened(address: DatabaseAddress, *, create: bool, wait_s: float) -> HistoryDatabase:
    from harness.history.database_engine import engine_for

    if address.file is not None:
        _prepare(address, address.file, create=create)
    return HistoryDatabase(address, engine_for(address, wait_s))


def _prepare(address: DatabaseAddress, file: Path, *, create: bool) -> None:
    """Check the place of a SQLite file, and make its folder."""
    try:
        if file.is_dir():
            raise UsageError(f"{file} is a folder", remedy="name a file: --database FILE")
        if file.is_fifo():  # opening it would wait for its writer
            raise UsageError(f"{file} is a pipe", remedy="name a file: --database FILE")
        with file.open("rb") as stream:
            if stream.read(16) not in (b"", b"SQLite format 3\0"):
                raise UsageError(f"{file} is no SQLite database", remedy="name another file: --database FILE")
    except FileNotFoundError:
        if not create:
            raise _none_here(address) from None
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SetupError(
                f"cannot make {error.filename or file.parent}: {error.strerror}", remedy="see its permissions"
            ) from None
    except OSError as error:
        raise SetupError(f"{file} cannot be read: {error.strerror}", remedy="see its permissions") from None


def _none_here(address: DatabaseAddress) -> UsageError:
    return UsageError(f"{address.shown} holds no history yet", remedy=f"harness history add RUN{address.argument}")
