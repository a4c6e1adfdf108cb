"""A process that is killed while it adds leaves the database whole, and the next one completes it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.history.add_runs import add_run
from harness.history.database import open_history
from tests.analysis.made_up import op, result
from tests.history.killed_adding import TABLES, counted
from tests.history.stored_runs import everything, more, some_results, write_run


def moments(database: str, run: Path) -> list[dict[str, Any]]:
    """What each killed process left, and at last the one that finished."""
    command = [sys.executable, "-m", "tests.history.killed_adding", database, str(run)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_killed_at_any_moment_of_adding(
    database_url: str, tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    results = some_results()
    run = write_run(tmp_path / "monday", results)
    seen = moments(database_url, run)
    whole = seen[-1]["rows"]
    assert whole == dict(zip(TABLES, (1, 1, 1, 1, 11, 2, 10, 10), strict=True))
    none = dict.fromkeys(TABLES)
    empty = dict(zip(TABLES, (1, 0, 0, 0, 0, 0, 0, 0), strict=True))
    left = [one["rows"] for one in seen[:-1]]
    assert all(rows in (none, empty, whole) for rows in left), left
    # It was killed before there were tables, and between their making and the end of adding.
    assert none in left
    assert empty in left
    # Once more, with what a resumed run replaces.
    more(run, result(2000.0, delegate="nnapi", ops=[op(0, "A", "a", 1.0)]))
    after = moments(database_url, run)
    assert after[-1]["rows"] == dict(zip(TABLES, (1, 1, 1, 1, 12, 3, 15, 15), strict=True))
    assert all(one["rows"] in (whole, after[-1]["rows"]) for one in after)
    assert sum(one["rows"] == whole for one in after) >= 10
    with open_history(database_url) as history, open_history(str(tmp_path / "fresh.db")) as fresh:
        add_run(fresh, run, {"commit": "abc"})
        assert {name: len(rows) for name, rows in everything(history).items()} == {
            name: len(rows) for name, rows in everything(fresh).items()
        }


def test_killed_processes_of_the_command(tmp_path: Path) -> None:
    """The same for real: the command itself, killed after ever more of its work, which its output tells."""
    run = write_run(
        tmp_path / "monday",
        [
            result(1000.0 + block, block=block, ops=[op(i, "A", f"a{i}", 1.0) for i in range(200)])
            for block in range(200)
        ],
    )
    database = tmp_path / "history.db"
    journal = tmp_path / "history.db-journal"
    killed = 0
    for size in (1, 4_000, 40_000, 80_000, 10**9):
        command = [sys.executable, "-m", "harness", "history", "add", str(run), "--database", str(database)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            # Killed as soon as the journal or the file has grown so far: in the middle of writing.
            while process.poll() is None:
                if _size(journal) >= size or _size(database) - 110_000 >= size * 20:
                    process.kill()
                    killed += 1
                    break
            process.wait()
        if database.exists():
            rows = counted(str(database))
            assert rows["trials"] in (None, 0, 200)
            assert rows["ops"] in (None, 0, 40_000)
    assert killed >= 1
    assert counted(str(database))["ops"] == 40_000


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
