"""Adds a run again and again, each time in a process that kills itself one moment later, until one is left to finish.

    python -m tests.history.killed_adding DATABASE RUN

A moment is a statement that is about to run or has run, or SQLite in the middle of one. Prints a line of JSON for each: whether the process
was killed, and how many rows each table has afterwards (null for a table that is not there).
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Engine, event

from harness.history.add_runs import add_run
from harness.history.database import open_history

TABLES = ("history_revision", "runs", "labels", "devices", "trials", "ops", "series", "estimates")
_INSTRUCTIONS = 4_000
"""Of SQLite's machine between two moments inside a statement."""


def _arm(moment: int) -> None:
    passed = count(1)

    def perhaps(*_: Any) -> int:
        if next(passed) == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        return 0

    def connected(connection: Any, record: Any) -> None:
        del record
        if isinstance(connection, sqlite3.Connection):
            connection.set_progress_handler(perhaps, _INSTRUCTIONS)

    event.listen(Engine, "connect", connected)
    event.listen(Engine, "before_cursor_execute", perhaps)
    event.listen(Engine, "after_cursor_execute", perhaps)
    event.listen(Engine, "commit", perhaps)


def counted(database: str) -> dict[str, int | None]:
    """The rows of each table, read without the harness."""
    if database.startswith("postgresql"):
        with psycopg.connect(database) as connection:
            there = {
                row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            }
            return {
                name: _number(connection.execute(f"SELECT count(*) FROM {name}")) if name in there else None
                for name in TABLES
            }
    with closing(sqlite3.connect(database)) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert file.execute("PRAGMA foreign_key_check").fetchall() == []
        there = {row[0] for row in file.execute("SELECT name FROM sqlite_master")}
        return {
            name: _number(file.execute(f"SELECT count(*) FROM {name}")) if name in there else None for name in TABLES
        }


def _number(cursor: Any) -> int:
    return int(cursor.fetchone()[0])


def main(database: str, run: Path) -> None:
    for moment in count(1):
        child = os.fork()
        if child == 0:
            _arm(moment)
            with open_history(database) as history:
                add_run(history, run, {"commit": "abc"})
            os._exit(0)
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status)
        print(json.dumps({"killed": killed, "status": status, "rows": counted(database)}), flush=True)
        if not killed:
            return


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
