"""Making, migrating, opening and refusing a history."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import delete, insert, inspect, select, text
from sqlalchemy.dialects.sqlite.base import SQLiteDialect

from harness.errors import SetupError, UsageError
from harness.history import database_address, tables
from harness.history.column_types import Moment
from harness.history.database import Migration, migrate_history, open_history
from harness.history.database_address import parse_address
from harness.history.schema_revisions import VERSION_TABLE, Revisions

NOON = datetime(2026, 11, 28, 12, tzinfo=timezone(timedelta(hours=2)))


def a_run(run_id: str = "r1", **others: object) -> dict[str, object]:
    return {
        "run_id": run_id,
        "suite": "s",
        "path": "/runs/r1",
        "started_at": NOON,
        "harness_version": "0",
        "host": {},
        "finished": True,
        "results": 0,
        "digest": "d",
        "added_at": NOON,
        **others,
    }


def set_revision(url: str, revision: str) -> None:
    with open_history(url) as database, database.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = :to"), {"to": revision})


def test_the_migrated_tables_are_those_of_the_program(database_url: str) -> None:
    with open_history(database_url) as database, database.read() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, tables.metadata) == []
        seen = inspect(connection)
        for table in tables.metadata.sorted_tables:
            # What the comparison passes over: names and actions of constraints.
            assert seen.get_pk_constraint(table.name)["constrained_columns"] == [one.name for one in table.primary_key]
            assert seen.get_pk_constraint(table.name)["name"] == table.primary_key.name
            there = {
                (*key["constrained_columns"], key["options"].get("ondelete"))
                for key in seen.get_foreign_keys(table.name)
            }
            assert there == {(*key.column_keys, key.ondelete) for key in table.foreign_key_constraints}


def test_a_new_history_is_made_once(database_url: str) -> None:
    with open_history(database_url) as database:
        assert database.migration == Migration(before=None, after=Revisions().newest)
    with open_history(database_url) as database:
        assert database.migration is None


def test_where_none_is_wanted_none_is_made(database_url: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no history yet") as caught:
        open_history(database_url, create=False)
    assert caught.value.remedy is not None
    assert caught.value.remedy.startswith("harness history add RUN --database ")
    assert not list(tmp_path.iterdir())


def test_a_transaction_is_stored_as_a_whole_or_not_at_all(database_url: str) -> None:
    with open_history(database_url) as database:
        with suppress(ZeroDivisionError), database.begin() as connection:
            connection.execute(insert(tables.runs), [a_run()])
            raise ZeroDivisionError
        with database.begin() as connection:
            connection.execute(insert(tables.runs), [a_run("r2")])
        with database.read() as connection:
            assert connection.scalars(select(tables.runs.c.run_id)).all() == ["r2"]


def test_moments_keep_their_instant_and_hostile_texts_are_taken(database_url: str) -> None:
    hostile = "nul \0, half a pair \ud800, quote ', percent %s, \N{PILE OF POO}"
    stored = r"nul \x00, half a pair \ud800, quote ', percent %s, " + "\N{PILE OF POO}"
    with open_history(database_url) as database:
        with database.begin() as connection:
            connection.execute(insert(tables.runs), [a_run(hostile, host={"na\0me": hostile})])
        with database.read() as connection:
            (row,) = connection.execute(select(tables.runs).where(tables.runs.c.run_id == hostile))
    assert row.run_id == stored
    assert row.host == {r"na\x00me": stored}
    assert row.started_at == NOON
    assert row.started_at.tzinfo is UTC


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        Moment().process_bind_param(datetime(2026, 1, 1), SQLiteDialect())


def test_what_belongs_to_a_run_goes_with_it(database_url: str) -> None:
    with open_history(database_url) as database, database.begin() as connection:
        connection.execute(insert(tables.runs), [a_run(id=5)])
        connection.execute(insert(tables.labels), [{"run": 5, "key": "commit", "value": "abc"}])
        connection.execute(delete(tables.runs))
        assert connection.execute(select(tables.labels)).all() == []


def test_a_history_of_a_newer_harness_is_refused_by_name(database_url: str) -> None:
    set_revision(database_url, "9999")
    for attempt in (open_history, migrate_history):
        with pytest.raises(
            SetupError, match=f"written by a newer harness: revision 9999, .* up to {Revisions().newest}"
        ):
            attempt(database_url)


def test_an_older_sqlite_history_is_copied_and_migrated(tmp_path: Path, later: Path) -> None:
    file = tmp_path / "history.db"
    with open_history(str(file)) as database, database.begin() as connection:
        connection.execute(insert(tables.runs), [a_run("kept")])
    before = file.read_bytes()
    with open_history(str(file), migrations=later) as database:
        assert database.migration == Migration(before="0001", after="0002", copy=tmp_path / "history.db.before-0002")
        with database.read() as connection:
            assert connection.scalars(select(tables.runs.c.run_id)).all() == ["kept"]
            assert "more" in inspect(connection).get_table_names()
    with closing(sqlite3.connect(tmp_path / "history.db.before-0002")) as copy:
        assert copy.execute("SELECT run_id FROM runs").fetchall() == [("kept",)]
        assert copy.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchall() == [("0001",)]
    assert (tmp_path / "history.db.before-0002").stat().st_size == len(before)
    with open_history(str(file), migrations=later) as database:
        assert database.migration is None
    assert sorted(one.name for one in tmp_path.iterdir()) == ["history.db", "history.db.before-0002"]


def test_an_older_history_is_refused_where_nothing_may_be_changed(tmp_path: Path, later: Path) -> None:
    file = tmp_path / "history.db"
    open_history(str(file)).close()
    before = file.read_bytes()
    with pytest.raises(SetupError, match="made by an older harness, and this command migrates none"):
        open_history(str(file), migrate=False, migrations=later)
    assert [one.name for one in tmp_path.iterdir()] == ["history.db"]
    assert file.read_bytes() == before


def test_a_migration_that_fails_leaves_the_history_as_it_was(database_url: str, later: Path) -> None:
    open_history(database_url).close()
    with (later / "versions" / "r0002_more.py").open("a") as stream:
        stream.write('    op.execute("SELECT no_such_thing FROM more")\n')
    with pytest.raises(SetupError, match="no_such_thing"):
        migrate_history(database_url, migrations=later)
    with open_history(database_url) as database, database.read() as connection:
        assert "more" not in inspect(connection).get_table_names()


def test_an_older_postgresql_history_is_migrated_on_request_only(postgres_url: str, later: Path) -> None:
    open_history(postgres_url).close()
    with pytest.raises(SetupError, match="made by an older harness") as caught:
        open_history(postgres_url, migrations=later)
    assert caught.value.remedy is not None
    assert caught.value.remedy.startswith("harness history migrate --database ")
    assert migrate_history(postgres_url, migrations=later) == Migration(before="0001", after="0002")
    open_history(postgres_url, migrations=later).close()


def test_an_empty_postgresql_database_gets_its_tables_on_request(postgres_url: str) -> None:
    assert migrate_history(postgres_url) == Migration(before=None, after=Revisions().newest)
    assert migrate_history(postgres_url).before == Revisions().newest


def test_migrating_makes_no_sqlite_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no history yet"):
        migrate_history(str(tmp_path / "history.db"))
    assert not list(tmp_path.iterdir())


def test_what_is_no_history_is_refused_and_left_alone(tmp_path: Path) -> None:
    words = tmp_path / "notes.txt"
    words.write_text("no database, but longer than a header\n")
    with pytest.raises(UsageError, match=r"notes\.txt is no SQLite database"):
        open_history(str(words))
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE songs (name TEXT)")
    before = other.read_bytes()
    with pytest.raises(UsageError, match="belongs to another program: it has a table songs"):
        open_history(str(other))
    assert other.read_bytes() == before
    with pytest.raises(UsageError, match="is a folder"):
        open_history(str(tmp_path))
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(before[:100] + b"\xff" * (len(before) - 100))
    with pytest.raises(SetupError, match=r"damaged\.db is damaged"):
        open_history(str(damaged))


def test_other_tables_of_a_postgresql_database_are_no_hindrance_but_our_names_are(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE songs (name TEXT)")
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("CREATE TABLE trials (name TEXT)")
        with pytest.raises(UsageError, match="belongs to another program: it has a table trials"):
            open_history(postgres_url)
        connection.execute("DROP TABLE trials")
    open_history(postgres_url).close()
    open_history(postgres_url).close()


def test_an_address_is_a_path_a_url_or_the_environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = tmp_path / "state"
    monkeypatch.setenv("HARNESS_STATE_DIR", str(state))
    assert parse_address().file == state / "history" / "history.db"
    assert parse_address().argument == ""
    monkeypatch.setenv(database_address.VARIABLE, "postgresql://lab:secret@db/harness?password=other&a=b")
    found = parse_address()
    assert found.url == "postgresql+psycopg://lab:secret@db/harness?password=other&a=b"
    assert found.shown == "postgresql+psycopg://lab:***@db/harness?password=***&a=b"
    assert "secret" not in parse_address("postgresql://lab:a/secret@db/harness").shown
    assert found.argument == ""
    monkeypatch.chdir(tmp_path)
    assert parse_address("a/b.db").file == tmp_path / "a" / "b.db"
    assert parse_address("a/b.db").argument == f" --database {tmp_path}/a/b.db"
    assert parse_address("sqlite:///b.db").file == tmp_path / "b.db"
    assert parse_address("sqlite:////srv/b%20c.db").file == Path("/srv/b c.db")
    assert parse_address("~/b.db").file == Path.home() / "b.db"
    assert parse_address(":memory:").file == tmp_path / ":memory:"
    assert parse_address("postgres://h/n") == parse_address("postgresql+psycopg://h/n")
    for refused in ("mysql://h/n", "sqlite://", "sqlite:///", "postgresql+pg8000://h/n", "nul\0"):
        with pytest.raises(UsageError):
            parse_address(refused)


@pytest.mark.parametrize("missing", ["sqlalchemy", "alembic", "psycopg"])
def test_a_missing_library_is_named_with_the_line_that_installs_it(missing: str, tmp_path: Path) -> None:
    extra, url = ("postgres", "postgresql://h/n") if missing == "psycopg" else ("history", str(tmp_path / "h.db"))
    code = f"""
import importlib.util, sys
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == {missing!r} else found(name, *rest)
from harness.cli.main import run_cli
sys.exit(run_cli(["history", "migrate", "--database", {url!r}]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert done.stderr.splitlines() == [
        f"harness: the history needs {missing}, which is not installed",
        f"  pip install 'litert-device-harness[{extra}]'",
    ]
