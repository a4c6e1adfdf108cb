"""Prints how much a SQLite history holds: `python -m tests.history.count_rows FILE`. It may be read-only."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing

if __name__ == "__main__":
    with closing(sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        numbers = [file.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("trials", "ops")]
    print(f"{numbers[0]} trials, {numbers[1]} ops")
