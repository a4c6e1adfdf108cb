"""What a database does to whoever writes: locked, full, read-only, gone, refusing. One line each, nothing lost, nothing twice."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from harness.errors import SetupError, UsageError
from harness.history.add_runs import add_run
from harness.history.database import open_history
from harness.history.database_engine import LOCK
from tests.analysis.made_up import op, result
from tests.history.killed_adding import counted
from tests.history.postgres_cluster import PostgresCluster
from tests.history.stored_runs import everything, some_results, write_run


def test_two_writers_at_once_wait_for_each_other(database_url: str, tmp_path: Path) -> None:
    runs = [write_run(tmp_path / name, some_results()) for name in ("monday", "tuesday", "wednesday")]
    orders = (runs, runs[::-1], [runs[1], runs[0], runs[2]])
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "harness", "history", "add", *map(str, order), "--database", database_url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for order in orders
    ]
    said = [process.communicate() for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], said
    added = [line for out, _ in said for line in out.splitlines() if " 11 trials added, 0 known" in line]
    assert sorted(added) == [f"{run.name}: 11 trials added, 0 known" for run in runs]
    with open_history(database_url) as history, open_history(str(tmp_path / "fresh.db")) as fresh:
        for run in runs:
            add_run(fresh, run)
        assert {name: len(rows) for name, rows in everything(history).items()} == {
            name: len(rows) for name, rows in everything(fresh).items()
        }


def test_a_locked_sqlite_file_is_waited_for_and_then_named(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    run = write_run(tmp_path / "monday", some_results())
    open_history(str(file)).close()
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with open_history(str(file), wait_s=0.1) as history:
            with pytest.raises(SetupError, match="is locked: another process writes to it"):
                add_run(history, run)
            other.execute("ROLLBACK")
            assert add_run(history, run).added == 11


def test_a_locked_postgresql_database_is_waited_for_and_then_named(postgres_url: str, tmp_path: Path) -> None:
    run = write_run(tmp_path / "monday", some_results())
    open_history(postgres_url).close()
    with psycopg.connect(postgres_url) as other, open_history(postgres_url, wait_s=0.1) as history:
        other.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        with pytest.raises(SetupError, match="is locked: another process writes to it"):
            add_run(history, run)
        other.rollback()
        assert add_run(history, run).added == 11


_ON_A_SMALL_DISK = """
mount -t tmpfs -o size="$2" none "$1" || exit 77
"$3" -m harness history add "$4" --database "$1/history.db" || echo "exit $?"
mount -o remount,"$5" "$1" || exit 77
"$3" -m harness history add "$4" --database "$1/history.db" || echo "exit $?"
"$3" -m tests.history.count_rows "$1/history.db"
"""


def on_a_small_disk(tmp_path: Path, run: Path, size: str, then: str) -> subprocess.CompletedProcess[str]:
    """Add a run to a history on a file system of its own, change that, and add it again."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(
        [
            *("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _ON_A_SMALL_DISK, "sh"),
            *(str(disk), size, sys.executable, str(run), then),
        ],
        env={**os.environ, "HARNESS_STATE_DIR": str(tmp_path / "state")},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"this machine allows no mount: {done.stderr.strip()}")
    return done


def test_a_full_disk_loses_nothing(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    ops = [op(number, "CONV_2D", f"[conv]:{number}", 1.0) for number in range(20_000)]
    run = write_run(tmp_path / "monday", [result(1000.0, ops=ops)])
    done = on_a_small_disk(tmp_path, run, "1m", "size=50m")
    assert done.stdout.splitlines() == ["exit 3", "monday: 1 trials added, 0 known", "1 trials, 20000 ops"], done.stderr
    assert "history.db cannot grow: the disk is full" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_read_only_disk_is_named(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    run = write_run(tmp_path / "monday", [result(1000.0)])
    done = on_a_small_disk(tmp_path, run, "5m", "ro")
    assert done.stdout.splitlines() == ["monday: 1 trials added, 0 known", "exit 3", "1 trials, 0 ops"], done.stderr
    assert "history.db cannot be written: it is read-only" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_server_that_goes_away_in_the_middle_loses_nothing(postgres: PostgresCluster, tmp_path: Path) -> None:
    del postgres  # skips where there is no PostgreSQL
    run = write_run(tmp_path / "monday", some_results())
    with PostgresCluster() as own:
        url = own.new_database()
        with open_history(url) as history:
            with pytest.raises(SetupError) as caught:
                add_run(history, run, progress=lambda done, total: own.stop())
            assert caught.value.remedy is not None
            assert "run the command again" in caught.value.remedy
            assert "\n" not in caught.value.message
            with pytest.raises(SetupError, match="cannot be reached"):
                add_run(history, run)
            own.start()
            assert counted(url)["trials"] == 0
            assert add_run(history, run).added == 11


@pytest.mark.parametrize("after", [1, 20_001], ids=["between statements", "in the middle of a copy"])
def test_a_connection_that_an_administrator_ends_loses_nothing(postgres_url: str, tmp_path: Path, after: int) -> None:
    ops = [op(number, "CONV_2D", f"[conv]:{number}", 1.0) for number in range(50_000)]
    run = write_run(tmp_path / "monday", [result(1000.0, ops=ops)])

    def end_others(done: int, total: int) -> None:
        if done < after:
            return
        with psycopg.connect(postgres_url, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    with open_history(postgres_url) as history:
        with pytest.raises(SetupError, match=r"was lost: its server is stopping|cannot be reached") as caught:
            add_run(history, run, progress=end_others)
        assert "\n" not in caught.value.message
        assert counted(postgres_url)["trials"] == 0
        assert add_run(history, run).added == 1
        assert counted(postgres_url)["ops"] == 50_000


def test_a_full_disk_of_the_server_loses_nothing(postgres_url: str, tmp_path: Path) -> None:
    """The server's own error for it, raised where it would come: in the middle of copying rows, with the connection alive."""
    run = write_run(tmp_path / "monday", some_results())
    with open_history(postgres_url) as history, psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$"
        )
        admin.execute("CREATE TRIGGER t BEFORE INSERT ON ops FOR EACH ROW EXECUTE FUNCTION full_disk()")
        with pytest.raises(SetupError, match="has no room left"):
            add_run(history, run)
        assert counted(postgres_url)["trials"] == 0
        admin.execute("DROP TRIGGER t ON ops")
        assert add_run(history, run).added == 11


def test_a_server_that_refuses_is_named_without_the_password(postgres: PostgresCluster, postgres_url: str) -> None:
    name = postgres_url.partition("@/")[2].partition("?")[0]
    postgres.execute(sql.SQL("DROP ROLE IF EXISTS secretive"))
    postgres.execute(sql.SQL("CREATE ROLE secretive LOGIN PASSWORD 'right'"))
    refused = postgres_url.replace("postgres@", "secretive:hunter2@")
    with pytest.raises(SetupError, match="refuses the password") as caught:
        open_history(refused)
    assert "hunter2" not in str(caught.value)
    # Without the right to make tables.
    with pytest.raises(SetupError, match=r"does not permit that .*permission denied"):
        open_history(postgres_url.replace("postgres@", "secretive:right@"))
    with pytest.raises(SetupError, match="is not there"):
        open_history(postgres_url.replace(name, "no_such_database"))
    with pytest.raises(SetupError, match="cannot be reached"):
        open_history("postgresql://postgres@/x?host=/nowhere")
    with pytest.raises(UsageError, match="is no address of a database"):
        open_history("postgresql://postgres:hunter2@h/x?no_such_option=1")
