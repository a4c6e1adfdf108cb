"""Turns errors of SQLite, psycopg, SQLAlchemy and Alembic into one line each."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from harness.errors import HarnessError, SetupError, UsageError

_NOTHING_LOST = "nothing was changed"
_SQLITE = {
    sqlite3.SQLITE_BUSY: ("is locked: another process writes to it", "wait for it, or give --wait more seconds"),
    sqlite3.SQLITE_LOCKED: ("is locked: another process writes to it", "wait for it, or give --wait more seconds"),
    sqlite3.SQLITE_FULL: ("cannot grow: the disk is full", f"free some room; {_NOTHING_LOST}"),
    sqlite3.SQLITE_READONLY: ("cannot be written: it is read-only", "see the permissions of the file and its folder"),
    sqlite3.SQLITE_PERM: ("cannot be opened", "see the permissions of the file and its folder"),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", "see the permissions of the file and its folder"),
    sqlite3.SQLITE_IOERR: ("cannot be read or written", f"see the disk; {_NOTHING_LOST}"),
    sqlite3.SQLITE_CORRUPT: ("is damaged", "restore it from a copy, or add the runs to a new one: --database FILE"),
    sqlite3.SQLITE_NOTADB: ("is no SQLite database", "name another file: --database FILE"),
    sqlite3.SQLITE_TOOBIG: ("cannot take a value: it is too big", _NOTHING_LOST),
}
_POSTGRES = {
    "55P03": ("is locked: another process writes to it", "wait for it, or give --wait more seconds"),
    "40P01": ("was changed by another process at the same time", "run the command again"),
    "40001": ("was changed by another process at the same time", "run the command again"),
    "25006": ("cannot be written: it is read-only", "ask for the server that takes writes"),
    "42501": ("does not permit that", "ask its owner for the permission"),
    "3D000": ("is not there", "make it: createdb"),
    "28P01": ("refuses the password", "see the user and the password in the URL, or in ~/.pgpass"),
    "28000": ("refuses the user", "see the user in the URL, and the server's pg_hba.conf"),
}
_POSTGRES_CLASSES = {
    "08": ("was lost", "run the command again: nothing is added twice"),
    "53": ("has no room left", f"free some room on its server; {_NOTHING_LOST}"),
    "57": ("was lost: its server is stopping", "run the command again: nothing is added twice"),
    "58": ("was lost: its server failed", "run the command again"),
}
_CONNECTING = (
    ("password", "28P01"),
    ("no pg_hba.conf entry", "28000"),
    ("does not exist", "3D000"),
)


@contextmanager
def database_errors(shown: str) -> Iterator[None]:
    """Turn foreign errors of the block into one line each.

    Args:
        shown: the database's address for people.

    Raises:
        SetupError: the database is locked, full, read-only, gone or refuses.
        UsageError: the file is no database.
    """
    try:
        yield
    except DBAPIError as error:
        raise translated(error.orig if error.orig is not None else error, shown) from error
    except _foreign() as error:
        raise translated(error, shown) from error


def _foreign() -> tuple[type[Exception], ...]:
    """The errors of all libraries. psycopg raises its own errors directly when it copies rows."""
    kinds: tuple[type[Exception], ...] = (SQLAlchemyError, CommandError, sqlite3.Error)
    if "psycopg" in sys.modules:
        from psycopg import Error

        kinds += (Error,)
    return kinds


def translated(error: BaseException, shown: str) -> HarnessError:
    """Return the harness's error for a foreign one."""
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)
        what, remedy = _SQLITE.get((code or 0) & 0xFF, (f"fails: {_line(error)}", None))
        kind = UsageError if code == sqlite3.SQLITE_NOTADB else SetupError
        return kind(f"{shown} {what}", remedy=remedy)
    state = getattr(error, "sqlstate", None) or ""
    known = _POSTGRES.get(state) or _POSTGRES_CLASSES.get(state[:2])
    if known is not None:
        return SetupError(f"{shown} {known[0]} ({_line(error)})", remedy=known[1])
    if not state and _is_connection(error):
        # psycopg gives no state if a connection fails, or ends in the middle of a statement.
        text = str(error)
        for words, named in _CONNECTING:
            if words in text:
                what, remedy = _POSTGRES[named]
                return SetupError(f"{shown} {what} ({_line(error)})", remedy=remedy)
        return SetupError(
            f"{shown} cannot be reached ({_line(error)})",
            remedy="see that its server runs, then run the command again: nothing is added twice",
        )
    return SetupError(f"{shown} fails: {_line(error)}")


def _is_connection(error: BaseException) -> bool:
    try:
        from psycopg import OperationalError
    except ImportError:
        return False
    return isinstance(error, OperationalError)


def _line(error: BaseException) -> str:
    """Return the most informative line: libpq lists each address that it tried, with the reason why it failed."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = next((line for line in lines if "failed:" in line), lines[0] if lines else type(error).__name__)
    _, found, reason = said.partition("FATAL:")
    return (reason if found else said).strip()[:200]
