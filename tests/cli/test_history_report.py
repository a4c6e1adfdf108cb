"""`harness history report`."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from harness.api.report_history import report_history
from harness.history.change_log import merge_found
from harness.history.database import open_history
from tests.cli.running import harness, no_traceback
from tests.history.made_up_history import FIRST, NOW, change, key, night, series, store
from tests.report.histories import block

VALUES = [1000.0 + 3 * (number % 5) for number in range(30)]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Two series of 30 nights; the first has a change on night 10 that was known before."""
    file = tmp_path / "history.db"
    with open_history(str(file)) as db, db.begin() as connection:
        store(connection, [series(VALUES), series([50.0, 51.0] * 15, key("R5CT2", metric="peak_memory"))])
        merge_found(connection, [change(10, id="aaaa1111")], NOW)
    return file


def test_it_writes_one_file_and_says_where(database: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = harness("history", "report", "-o", page, "--database", database, "--title", "Lab <7>")
    no_traceback(done)
    assert (done.returncode, done.stdout) == (0, f"{page}\n")
    text = page.read_text(encoding="utf-8")
    assert "<title>Lab &lt;7&gt;</title>" in text
    assert [one["nights"] for one in block(text, "data")["series"]] == [30, 30]
    assert block(text, "nights-data")["runs"]["id"][:2] == ["run-000", "run-001"]


def test_it_looks_for_changes_first(database: Path, tmp_path: Path) -> None:
    """What no check found yet is on the page, and what the nights no longer show is marked."""
    page = tmp_path / "page.html"
    found = change(20, of=key("R5CT2", metric="peak_memory"), id="bbbb2222", before=50.0)
    with open_history(str(database)) as db:
        written = report_history(db, page, now=NOW + timedelta(hours=1), detector=lambda _series, _now: [found])
    assert {one.id for one in written.shown.changes} == {"aaaa1111", "bbbb2222"}
    states = {
        change["id"]: change["states"]
        for one in block(page.read_text(encoding="utf-8"), "data")["series"]
        for change in one["changes"]
    }
    assert states == {"bbbb2222": ["suspected"], "aaaa1111": ["suspected", "no longer seen"]}


def test_filters_choose_the_series(database: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = harness("history", "report", "-o", page, "--database", database, "--device", "R5CT2", "--json")
    assert json.loads(done.stdout) == {"report": str(page), "bytes": page.stat().st_size, "series": 1, "changes": 0}
    assert block(page.read_text(encoding="utf-8"), "data")["texts"]["device"] == ["R5CT2"]
    wrong = harness("history", "report", "-o", page, "--database", database, "--device", "R5CT9")
    assert wrong.returncode == 2
    assert "did you mean R5CT" in wrong.stderr


def test_since_cuts_the_nights_but_no_regression_that_counts(database: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    known = [change(10, id="aaaa1111"), change(12, of=key("R5CT2", metric="peak_memory"), id="cccc3333", ratio=0.9)]
    with open_history(str(database)) as db:
        report_history(db, page, since=night(20), now=NOW, detector=lambda _series, _now: known)
    data = block(page.read_text(encoding="utf-8"), "data")
    assert [one["nights"] for one in data["series"]] == [10, 10]
    assert [change["id"] for one in data["series"] for change in one["changes"]] == ["aaaa1111"]
    assert (
        block(page.read_text(encoding="utf-8"), "nights-data")["runs"]["at"][0]
        == (FIRST + timedelta(days=20)).timestamp()
    )


def test_what_cannot_be_read_or_written_is_a_clear_error(database: Path, tmp_path: Path) -> None:
    for output, words in ((tmp_path / "no" / "page.html", "there is no folder"), (Path("-"), "name a file")):
        done = harness("history", "report", "-o", output, "--database", database)
        no_traceback(done)
        assert done.returncode == 2
        assert words in done.stderr
    done = harness("history", "report", "-o", tmp_path / "page.html", "--database", tmp_path / "none.db")
    assert done.returncode == 2
    assert not (tmp_path / "none.db").exists()
    assert not (tmp_path / "page.html").exists()


def test_an_empty_history_has_a_page(tmp_path: Path) -> None:
    file, page = tmp_path / "history.db", tmp_path / "page.html"
    open_history(str(file)).close()
    done = harness("history", "report", "-o", page, "--database", file)
    assert done.returncode == 0
    assert "There is nothing to show" in page.read_text(encoding="utf-8")
