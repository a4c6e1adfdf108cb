"""Connections to a history: one transaction each, with a limit for the wait for another writer.

SQLite uses its rollback journal. The faster write-ahead log needs memory that all processes share, so it breaks the file on a network
drive. A writer takes the lock at once (`BEGIN IMMEDIATE`): if two writers read first, only one of them could go on. In PostgreSQL all
writers take one advisory lock, so that two that add the same run cannot deadlock.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from harness.errors import UsageError
from harness.history.column_types import storable
from harness.history.database_address import DatabaseAddress
from harness.history.database_errors import database_errors

log = logging.getLogger(__name__)

_WRITES = "harness_writes"
LOCK = 0x6861_726E_6573_73
"""The advisory lock of a writer: the letters of `harness`."""


def engine_for(address: DatabaseAddress, wait_s: float) -> Engine:
    """Make the engine of a history. It connects later.

    Args:
        address: its address.
        wait_s: seconds to wait for another process that writes.

    Raises:
        UsageError: the URL cannot be read.
    """
    engine = _sqlite(address.file, wait_s) if address.file is not None else _postgres(address)
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
    """Yield a connection in a transaction. It commits at the end of the block, or rolls back if the block raises.

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
            # Closing fails too if the server is gone; the first error says why.
            with suppress(Exception):
                connection.close()


_POSTGRES_DEFAULTS = {
    "connect_timeout": 20,
    "application_name": "harness history",
    # Else it takes two hours, not two minutes, to notice that a server vanished.
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 9,
    "tcp_user_timeout": 120_000,
}


def _sqlite(file: Path, wait_s: float) -> Engine:
    url = URL.create("sqlite", database=str(file))
    return create_engine(url, poolclass=NullPool, json_serializer=_as_json, connect_args={"timeout": wait_s})


def _postgres(address: DatabaseAddress) -> Engine:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    # libpq reads its own URLs: versions of SQLAlchemy differ in what they make of escapes.
    named = address.url.replace("postgresql+psycopg://", "postgresql://", 1)
    try:
        wanted = {**_POSTGRES_DEFAULTS, **conninfo_to_dict(named)}
    except psycopg.Error as error:
        raise UsageError(
            f"{address.shown} is no address of a database: {str(error).strip()}",
            remedy="postgresql://USER@HOST:PORT/NAME",
        ) from None
    return create_engine("postgresql+psycopg://", poolclass=NullPool, json_serializer=_as_json, connect_args=wanted)


def _prepare_sqlite(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
    assert isinstance(connection, sqlite3.Connection)  # noqa: S101  # the engine is for SQLite
    # Else Python's module begins transactions by its own rules, which differ between versions.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA cache_size = -65536")  # KiB: a large run spills to disk later, so readers wait less


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _as_json(value: object) -> str:
    # PostgreSQL takes neither NUL nor a lone surrogate, escaped or not.
    return json.dumps(_storable(value), allow_nan=False)


def _storable(value: object) -> object:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(str(key)): _storable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(one) for one in value]
    return value
