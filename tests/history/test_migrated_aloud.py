"""A command that changes the file of an older history says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.history import schema_revisions
from harness.history.database import open_history
from tests.history.made_up_history import series, store
from tests.in_process import harness


@pytest.fixture
def older(tmp_path: Path, later: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A history that an older harness than this one made."""
    file = tmp_path / "history.db"
    with open_history(str(file)) as db, db.begin() as connection:
        store(connection, [series([1000.0] * 3)])
    monkeypatch.setattr(schema_revisions, "SHIPPED", later)
    return file


@pytest.mark.parametrize(
    "words", [("check", "--json"), ("list", "--json"), ("report", "-o", "page.html"), ("prune", "--json")], ids=str
)
def test_it_says_so_once_and_where_the_copy_is(older: Path, words: tuple[str, ...]) -> None:
    command = ("history", *words, "--database", older)
    first, second = harness(*command, cwd=older.parent), harness(*command, cwd=older.parent)
    assert first.stderr == f"the history was migrated; as it was: {older}.before-0002\n"
    assert (first.returncode, second.returncode, second.stderr) == (0, 0, "")
