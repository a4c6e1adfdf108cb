"""The options of a printed command that puts a run into a history."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.history.adding_options import adding_options
from harness.history.database_address import VARIABLE


def test_options_name_the_history_and_the_labels_but_no_password(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "own.db"))
    assert adding_options(None, {}) == ""
    assert adding_options(str(tmp_path / "own.db"), {"a": "b"}) == " --label a=b"
    other = tmp_path / "an other.db"
    assert adding_options(str(other), {"note": "b; c"}) == f" --label 'note=b; c' --database '{other}'"
    found = adding_options("postgresql://lab:secret@db.example/bench", {})
    assert "secret" not in found
    assert "db.example/bench" in found
