"""Connections to a history, each with one transaction, and how long it waits for another writer.

SQLite keeps its rollback journal: the faster write-ahead log needs memory that all processes share, so on a network drive it breaks the
file. A writer takes the lock at once (`BEGIN IMMEDIATE`): of two that had read first, only one could go on. In PostgreSQL writers take one
advisory lock, so two that add the same run do not wait for each other in a circle.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from harness.errors import UsageError
from harness.history.column_types import storable
from harness.history.database_address import DatabaseAddress
from harness.history.database_errors import database_errors

log = logging.getLogger(__name__)

_WRITES = "harness_writes"
LOCK = 0x6861_726E_6573_73
"""The advisory lock of a writer: the letters of `harness`."""
_CONNECT_S = 20


def engine_for(address: DatabaseAddress, wait_s: float) -> Engine:
    """Make the engine of a history. It connects later.

    Args:
        address: its address.
        wait_s: seconds to wait for another process that writes.

    Raises:
        UsageError: the URL cannot be read.
    """
    engine = create_engine(
        _url(address),
        poolclass=NullPool,
        json_serializer=_as_json,
        connect_args={"timeout": wait_s} if address.file is not None else _POSTGRES_ARGUMENTS,
    )
    if address.file is not None:
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        milliseconds = round(1000 * wait_s)

        def begin(connection: Connection) -> None:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {max(1, milliseconds)}")
            if connection.get_execution_options().get(_WRITES):
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            else:
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")

        event.listen(engine, "begin", begin)
    return engine


@contextmanager
def connected(engine: Engine, shown: str, *, writes: bool) -> Iterator[Connection]:
    """Yield a connection in a transaction, which ends with the block: as a whole, or not at all if it raises.

    Args:
        engine: made by `engine_for`.
        shown: the address for people.
        writes: whether the transaction may write.

    Raises:
        SetupError: the database is locked, full, read-only or gone.
    """
    with database_errors(shown):
        connection = engine.connect().execution_options(**{_WRITES: writes})
        try:
            with connection.begin():
                yield connection
        finally:
            # A server that is gone refuses the goodbye as well; the first error says why.
            with suppress(Exception):
                connection.close()


_POSTGRES_ARGUMENTS = {
    "connect_timeout": _CONNECT_S,
    "application_name": "harness history",
    # A server that vanished without a word is noticed after two minutes, not after two hours.
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 9,
    "tcp_user_timeout": 120_000,
}


def _url(address: DatabaseAddress) -> URL:
    if address.file is not None:
        return URL.create("sqlite", database=str(address.file))
    try:
        return make_url(address.url)
    except (ArgumentError, ValueError):
        raise UsageError(
            f"{address.shown} is no address of a database", remedy="postgresql://USER@HOST:PORT/NAME"
        ) from None


def _prepare_sqlite(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
    assert isinstance(connection, sqlite3.Connection)  # noqa: S101  # the engine is for SQLite
    # Python's module would begin transactions by its own rules, which differ between versions.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(
        "PRAGMA cache_size = -65536"
    )  # KiB: a large run spills later, and readers wait for a shorter time


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _as_json(value: object) -> str:
    # Escapes keep every text; a NUL and a lone surrogate are no text in PostgreSQL, escaped or not.
    return json.dumps(_storable(value), allow_nan=False)


def _storable(value: object) -> object:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(str(key)): _storable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(one) for one in value]
    return value
